package intake

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	partTime  = 4 * time.Second  // for the broker to store a part: less than the SDK waits for the answer
	storeTime = 30 * time.Second // for all parts of a body
)

// store publishes the parts one after the other, each when the one before is
// stored. So what is stored of a body is always its first parts, and a retry after
// a failure adds the others behind them: an identify never gets behind a later one.
// A client that leaves does not end it: what it sent is stored all the same. An
// answer without a status means that all is stored.
func (p *publication) store(b *bench, text []byte) answer {
	ctx, cancel := context.WithTimeout(context.Background(), storeTime)
	defer cancel()
	for number := range b.parts {
		part := &b.parts[number]
		payload := bytes.Trim(text, " \t\r\n")
		if len(b.parts) > 1 || !part.isWhole(text) {
			b.payload = part.join(b.payload[:0])
			payload = b.payload
		}
		if err := p.storePart(ctx, number, payload, len(part.messages)); err != nil {
			told := answerTo(err)
			if told.status != http.StatusRequestEntityTooLarge { // of that body alone
				p.i.noteFailure(p.tenant, err)
			}
			return told
		}
	}
	p.i.noteSuccess(p.tenant)
	return answer{}
}

// storePart returns once the part is stored. The connection copies the payload
// before that.
func (p *publication) storePart(ctx context.Context, number int, payload []byte, events int) error {
	ctx, cancel := context.WithTimeout(ctx, p.i.partTime)
	defer cancel()
	ack, err := p.js.PublishMsg(ctx, &nats.Msg{Subject: p.subject, Header: p.header(number), Data: payload})
	switch {
	case err != nil:
		return err
	case ack.Duplicate:
		p.i.o.Metrics.Duplicates(p.tenant, events)
	default:
		p.i.o.Metrics.Stored(p.tenant, p.endpoint, events, len(payload))
	}
	return nil
}

// Error codes of the broker.
const (
	accountResources = 10002
	insufficient     = 10023
	memoryResources  = 10028
	storageResources = 10047
	messageTooLarge  = 10054
	storeFailed      = 10077 // its description says why
)

// answerTo returns what a producer is told when the broker has not stored a part.
func answerTo(err error) answer {
	var refusal *jetstream.APIError
	if errors.Is(err, nats.ErrMaxPayload) {
		return tooLarge()
	}
	if !errors.As(err, &refusal) {
		return later(unavailable)
	}
	switch refusal.ErrorCode {
	case messageTooLarge:
		return tooLarge()
	case accountResources, insufficient, memoryResources, storageResources:
		return later(full)
	case storeFailed:
		if strings.Contains(refusal.Description, "maximum") || strings.Contains(refusal.Description, "no space") {
			return later(full)
		}
	}
	return later(unavailable)
}

// noteFailure logs a tenant's first failure after a success.
func (i *Intake) noteFailure(tenant string, err error) {
	if !i.failing[tenant].Swap(true) {
		i.log.Warn("events cannot be stored: producers are told to retry", "tenant", tenant, "error", err)
	}
}

// noteSuccess logs a tenant's first success after a failure.
func (i *Intake) noteSuccess(tenant string) {
	if failing := i.failing[tenant]; failing.Load() && failing.Swap(false) {
		i.log.Info("events are stored again", "tenant", tenant)
	}
}
