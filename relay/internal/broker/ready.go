package broker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	fullAt = 0.95
)

var errDiskFull = errors.New("the disk is over 95 % full")

// Ready returns nil if messages can be stored now, or why they cannot: still
// recovering, not connected, no leader, disk over 95 %. A stream at its own bound
// is its tenant's matter, and one tenant's stream that answers is enough.
func (b *Broker) Ready(ctx context.Context) error {
	if b.ctx.Err() != nil {
		return errors.New("closed")
	}
	js := b.JetStream()
	if js == nil {
		return b.notStarted()
	}
	if err := b.notStarted(); err != nil {
		return err
	}
	if !js.Conn().IsConnected() {
		return b.link.notConnected()
	}
	if b.isDiskFull() {
		return errDiskFull
	}
	return b.probeAny(ctx, js)
}

func (b *Broker) probeAny(ctx context.Context, js jetstream.JetStream) (err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for _, t := range b.tenants {
		if err = probe(ctx, js, t.Name); err == nil {
			return nil
		}
		err = fmt.Errorf("stream %s: %w", Stream(t.Name), b.explain(err))
	}
	return err
}

// probe publishes what the stream's leader must refuse, as it expects a sequence
// that is not there: the refusal shows that it takes messages.
func probe(ctx context.Context, js jetstream.JetStream, tenant string) error {
	const never = 1<<63 - 1
	m := &nats.Msg{Subject: Subject(tenant, "track")}
	_, err := js.PublishMsg(ctx, m, jetstream.WithExpectLastSequence(never), jetstream.WithRetryAttempts(0))
	var api *jetstream.APIError
	if errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence {
		return nil
	}
	return err
}

// Disk returns the bytes of the disk that holds the embedded broker's files;
// ok is false for a cluster.
func (b *Broker) Disk() (free, total uint64, ok bool) {
	if b.dir == nil {
		return 0, 0, false
	}
	free, total, err := diskOf(b.dir.path)
	return free, total, err == nil
}

func (b *Broker) isDiskFull() bool {
	free, total, ok := b.Disk()
	return ok && float64(total-free) >= fullAt*float64(total)
}
