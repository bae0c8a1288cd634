package intake

import (
	"bytes"
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/altertable-ai/altertable-go/relay/internal/broker"
	"github.com/altertable-ai/altertable-go/relay/internal/gather"
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
func (p *publication) store(b *scratch, text []byte) answer {
	ctx, cancel := context.WithTimeout(context.Background(), storeTime)
	defer cancel()
	for number := range b.parts {
		part := &b.parts[number]
		payload := bytes.Trim(text, " \t\r\n")
		if len(b.parts) > 1 || !part.isWhole(text) {
			b.payload = part.join(b.payload[:0])
			payload = b.payload
		}
		if err := p.storePart(ctx, number, part, payload); err != nil {
			told := answerTo(err)
			if told.status != http.StatusRequestEntityTooLarge { // of that body alone
				p.noteFailure(err)
			}
			return told
		}
	}
	p.noteSuccess()
	return answer{}
}

// storePart returns once the part is stored. Nobody needs the payload after that.
func (p *publication) storePart(ctx context.Context, number int, part *part, payload []byte) error {
	ctx, cancel := context.WithTimeout(ctx, p.i.partTime)
	defer cancel()
	duplicate, err := p.send(ctx, number, part, payload)
	events := len(part.messages)
	switch {
	case err != nil:
		return err
	case duplicate:
		p.i.o.Metrics.Duplicates(p.tenant.Name, events)
	default:
		p.i.o.Metrics.Stored(p.tenant.Name, p.endpoint, events, len(payload))
	}
	return nil
}

// send stores the part, perhaps together with others' parts. One whose outcome
// somebody waits for is a message of its own, since the outcome is a message's.
func (p *publication) send(ctx context.Context, number int, part *part, payload []byte) (duplicate bool, err error) {
	if g := p.i.o.Gather(); g != nil && p.outcome == "" {
		return g.Publish(ctx, gather.Batch{
			Subject: p.subject, ID: p.partID(number),
			Environment: part.messages[0].Environment, Events: len(part.messages), Data: payload,
		})
	}
	ack, err := p.js.PublishMsg(ctx, &nats.Msg{Subject: p.subject, Header: p.header(number), Data: payload})
	if err != nil {
		return false, err
	}
	return ack.Duplicate, nil
}

// answerTo returns what a producer is told when the broker has not stored a part.
func answerTo(err error) answer {
	switch {
	case broker.IsTooLarge(err):
		return tooLarge()
	case broker.IsFull(err):
		return later(full)
	}
	return later(unavailable)
}

// A health is whether a tenant's events can be stored, as the log was told.
type health struct {
	failing atomic.Bool
	told    atomic.Bool  // that they cannot
	last    atomic.Int64 // when, in nanoseconds
}

// tellEvery keeps a stream that is now full and now not from filling the log.
const tellEvery = time.Minute

// noteFailure logs the first failure after a success, at most one a minute.
func (p *publication) noteFailure(err error) {
	h := &p.tenant.health
	if h.failing.Load() || h.failing.Swap(true) {
		return
	}
	now, last := time.Now().UnixNano(), h.last.Load()
	if (now < last || now-last >= int64(tellEvery)) && h.last.CompareAndSwap(last, now) {
		h.told.Store(true)
		p.i.log.Warn("events cannot be stored: producers are told to retry", "tenant", p.tenant.Name, "error", err)
	}
}

// noteSuccess logs the first success after a failure that was logged.
func (p *publication) noteSuccess() {
	h := &p.tenant.health
	if h.failing.Load() && h.failing.Swap(false) && h.told.Swap(false) {
		p.i.log.Info("events are stored again", "tenant", p.tenant.Name)
	}
}
