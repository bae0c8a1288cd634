package broker

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/altertable-ai/altertable-go/relay/internal/body"
)

// A Backlog is what a tenant's streams hold. It converts to metrics.Backlog.
type Backlog struct {
	Messages, Bytes, Events int64         // on the stream, Bytes before compression; Events: estimated
	Oldest                  time.Duration // age of the oldest message
	Dead                    int64         // dead letters stored
}

const samples = 8 // messages whose events are counted

// Backlog asks the broker for a state of both streams, and for a few messages to
// estimate the events by. It fails before Started.
func (b *Broker) Backlog(ctx context.Context, tenant string) (Backlog, error) {
	js := b.JetStream()
	if js == nil {
		return Backlog{}, b.notStarted()
	}
	stream, err := js.Stream(ctx, Stream(tenant))
	if err != nil {
		return Backlog{}, named("stream", Stream(tenant), b.explain(err))
	}
	dead, err := js.Stream(ctx, DeadStream(tenant))
	if err != nil {
		return Backlog{}, named("stream", DeadStream(tenant), b.explain(err))
	}
	state := stream.CachedInfo().State
	l := Backlog{Messages: int64(state.Msgs), Bytes: int64(state.Bytes), Dead: int64(dead.CachedInfo().State.Msgs)}
	if state.Msgs == 0 {
		return l, nil
	}
	if !state.FirstTime.IsZero() { // of a message that cannot be read
		l.Oldest = max(0, time.Since(state.FirstTime))
	}
	l.Events, err = estimate(ctx, stream, state)
	return l, err
}

// estimate counts the events of messages that lie evenly between the first and the last.
func estimate(ctx context.Context, stream jetstream.Stream, state jetstream.StreamState) (int64, error) {
	var events, counted int64
	span := state.LastSeq - state.FirstSeq
	n := min(uint64(samples), state.Msgs)
	for i := range n {
		seq := state.FirstSeq
		if n > 1 {
			seq += span / (n - 1) * i
		}
		// With a subject it is the next message that is still there.
		m, err := stream.GetMsg(ctx, seq, jetstream.WithGetMsgSubject("altertable.>"))
		var api *jetstream.APIError
		if errors.As(err, &api) {
			continue // delivered meanwhile, or not to be read
		}
		if err != nil {
			return 0, err
		}
		events += int64(body.Count(m.Data))
		counted++
	}
	if counted == 0 {
		return 0, nil
	}
	return events * int64(state.Msgs) / counted, nil
}
