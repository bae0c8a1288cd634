package broker

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
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
// tenant had acknowledged a while ago. Both then and now must say so: a consumer
// learns of a new message a moment after the stream has it, and the stream removes
// what was acknowledged a moment after the consumer knows.
func (b *Broker) tidy(floors map[string]uint64) {
	ctx, cancel := context.WithTimeout(b.ctx, tidyTimeout)
	defer cancel()
	js := *b.js.Load()
	for _, t := range b.tenants {
		now, err := floor(ctx, js, t.Name)
		if err != nil {
			continue // it is tried again
		}
		before, known := floors[t.Name]
		floors[t.Name] = now
		if known {
			b.purge(ctx, js, t.Name, min(before, now))
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

// purge removes the first messages up to settled, one by one, as long as each can
// not be read or is acknowledged.
func (b *Broker) purge(ctx context.Context, js jetstream.JetStream, tenant string, settled uint64) {
	const most = 1000 // at once
	stream, err := js.Stream(ctx, Stream(tenant))
	if err != nil {
		return
	}
	removed := 0
	for state := stream.CachedInfo().State; removed < most && state.Msgs > 0 && state.FirstSeq <= settled; removed++ {
		if !isDone(ctx, stream, tenant, state.FirstSeq) || stream.Purge(ctx, jetstream.WithPurgeSequence(state.FirstSeq+1)) != nil {
			break
		}
		info, err := stream.Info(ctx)
		if err != nil {
			break
		}
		state = info.State
	}
	if removed > 0 {
		b.log.Error("stored messages that no consumer can deliver are removed", "stream", Stream(tenant), "messages", removed)
	}
}

// isDone reports whether the message cannot be read, or its consumer has it acknowledged.
func isDone(ctx context.Context, stream jetstream.Stream, tenant string, seq uint64) bool {
	m, err := stream.GetMsg(ctx, seq)
	if err != nil {
		var api *jetstream.APIError
		return errors.As(err, &api)
	}
	name := EventsConsumer
	if m.Subject == Subject(tenant, "identify") {
		name = IdentifyConsumer
	}
	c, err := stream.Consumer(ctx, name)
	return err == nil && c.CachedInfo().AckFloor.Stream >= seq
}

// sayForgotten logs the streams with messages whose tenant is not configured, since
// nobody delivers them. On a cluster they may be those of other relays.
func (b *Broker) sayForgotten(js jetstream.JetStream) {
	ctx, cancel := context.WithTimeout(b.ctx, tidyTimeout)
	defer cancel()
	configured := make(map[string]bool, 2*len(b.tenants))
	for _, t := range b.tenants {
		configured[Stream(t.Name)], configured[DeadStream(t.Name)] = true, true
	}
	streams := js.ListStreams(ctx, jetstream.WithStreamListSubject("altertable.v1.>"))
	for info := range streams.Info() {
		if !configured[info.Config.Name] && info.State.Msgs > 0 {
			b.log.Warn("messages of a tenant that is not configured stay stored, and nobody delivers them: name it again, or delete the stream", "stream", info.Config.Name, "messages", info.State.Msgs)
		}
	}
}

// sayLost logs what recovery found damaged. After a kill the server misses files, too,
// that it had removed itself, since their messages were acknowledged.
func (b *Broker) sayLost() {
	ctx, cancel := context.WithTimeout(b.ctx, tidyTimeout)
	defer cancel()
	js := *b.js.Load()
	for _, t := range b.tenants {
		for _, name := range []string{Stream(t.Name), DeadStream(t.Name)} {
			l, err := lostOf(ctx, js, name)
			if err != nil || l.Bytes == 0 {
				continue
			}
			if name == Stream(t.Name) && l.isSettled(ctx, js, name) {
				b.log.Info("files of the store are gone whose messages were acknowledged, as a kill leaves it", "stream", name, "bytes", l.Bytes)
				continue
			}
			b.log.Error("files of the store are damaged, and messages are lost", "stream", name, "bytes", l.Bytes)
		}
	}
}

// lost is what the server misses of a stream.
type lost struct {
	Sequences []uint64 `json:"msgs"` // of files that are gone; of damaged ones some may not be known
	Bytes     uint64   `json:"bytes"`
}

// isSettled reports whether all of it was acknowledged, as far as the consumers know.
func (l lost) isSettled(ctx context.Context, js jetstream.JetStream, stream string) bool {
	if len(l.Sequences) == 0 {
		return false
	}
	settled, open := uint64(0), uint64(math.MaxUint64)
	for _, name := range []string{EventsConsumer, IdentifyConsumer} {
		c, err := js.Consumer(ctx, stream, name)
		if err != nil {
			return false
		}
		info := c.CachedInfo()
		settled = max(settled, info.AckFloor.Stream)
		if info.NumPending > 0 || info.NumAckPending > 0 {
			open = min(open, info.AckFloor.Stream)
		}
	}
	return slices.Max(l.Sequences) <= min(settled, open)
}

// lostOf asks by hand, as the client's state of a stream leaves this out. The
// server tells it only together with every deleted sequence.
func lostOf(ctx context.Context, js jetstream.JetStream, name string) (lost, error) {
	const mostDeleted = 100_000 // an answer of about 1 MB
	stream, err := js.Stream(ctx, name)
	if err != nil || stream.CachedInfo().State.NumDeleted > mostDeleted {
		return lost{}, err
	}
	m, err := js.Conn().RequestWithContext(ctx, "$JS.API.STREAM.INFO."+name, []byte(`{"deleted_details":true}`))
	if err != nil {
		return lost{}, err
	}
	var info struct {
		State struct {
			Lost lost `json:"lost"`
		} `json:"state"`
	}
	err = json.Unmarshal(m.Data, &info)
	return info.State.Lost, err
}
