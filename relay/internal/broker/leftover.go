package broker

import (
	"context"
	"encoding/json"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	tidyEach    = time.Minute
	tidyTimeout = 10 * time.Second
)

// tidy removes what damaged files leave on the stream: a message that can never be
// read, or one that was acknowledged and came back. No consumer delivers it again,
// so that the backlog would never be empty. floors has what every consumer of a
// tenant had acknowledged a while ago; what acknowledges now is not in it.
func (b *Broker) tidy(floors map[string]uint64) {
	ctx, cancel := context.WithTimeout(b.ctx, tidyTimeout)
	defer cancel()
	js := *b.js.Load()
	for _, t := range b.tenants {
		now, err := floor(ctx, js, t.Name)
		if err != nil {
			continue // it is tried again
		}
		settled, known := floors[t.Name]
		floors[t.Name] = now
		if known {
			b.purge(ctx, js, t.Name, settled)
		}
	}
}

// tidyAtStart needs no wait, as nobody acknowledges yet.
func (b *Broker) tidyAtStart() {
	floors := make(map[string]uint64, len(b.tenants))
	b.tidy(floors)
	b.tidy(floors)
}

// floor returns the sequence up to which there is nothing to deliver or to
// acknowledge for any consumer.
func floor(ctx context.Context, js jetstream.JetStream, tenant string) (uint64, error) {
	stream, err := js.Stream(ctx, Stream(tenant))
	if err != nil {
		return 0, err
	}
	lowest := stream.CachedInfo().State.LastSeq
	for _, name := range []string{EventsConsumer, IdentifyConsumer} {
		c, err := stream.Consumer(ctx, name)
		if err != nil {
			return 0, err
		}
		// A consumer without messages of its own has no floor.
		if info := c.CachedInfo(); info.NumPending > 0 || info.NumAckPending > 0 {
			lowest = min(lowest, info.AckFloor.Stream)
		}
	}
	return lowest, nil
}

func (b *Broker) purge(ctx context.Context, js jetstream.JetStream, tenant string, settled uint64) {
	stream, err := js.Stream(ctx, Stream(tenant))
	if err != nil {
		return
	}
	state := stream.CachedInfo().State
	if state.Msgs == 0 || state.FirstSeq > settled {
		return
	}
	b.log.Error("stored messages that no consumer can deliver are removed", "stream", Stream(tenant), "first", state.FirstSeq, "last", settled)
	if err := stream.Purge(ctx, jetstream.WithPurgeSequence(settled+1)); err != nil {
		b.log.Error("messages are not removed", "error", err)
	}
}

// sayLost logs what recovery found damaged.
func (b *Broker) sayLost() {
	ctx, cancel := context.WithTimeout(b.ctx, tidyTimeout)
	defer cancel()
	js := *b.js.Load()
	for _, t := range b.tenants {
		for _, name := range []string{Stream(t.Name), DeadStream(t.Name)} {
			if n, err := lostBytes(ctx, js, name); err == nil && n > 0 {
				b.log.Error("files of the store are damaged, and messages are lost", "stream", name, "bytes", n)
			}
		}
	}
}

// lostBytes asks by hand, as the client's state of a stream leaves this out. The
// server tells it only together with every deleted sequence.
func lostBytes(ctx context.Context, js jetstream.JetStream, name string) (uint64, error) {
	const mostDeleted = 100_000 // an answer of about 1 MB
	stream, err := js.Stream(ctx, name)
	if err != nil || stream.CachedInfo().State.NumDeleted > mostDeleted {
		return 0, err
	}
	m, err := js.Conn().RequestWithContext(ctx, "$JS.API.STREAM.INFO."+name, []byte(`{"deleted_details":true}`))
	if err != nil {
		return 0, err
	}
	var info struct {
		State struct {
			Lost struct {
				Bytes uint64 `json:"bytes"`
			} `json:"lost"`
		} `json:"state"`
	}
	err = json.Unmarshal(m.Data, &info)
	return info.State.Lost.Bytes, err
}
