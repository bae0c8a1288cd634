package drain

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/altertable-ai/altertable-go/relay/internal/broker"
)

const (
	pullBatch   = 256     // messages of one request; fewer than a subscription holds
	pullBytes   = 4 << 20 // of one request: the largest message fits, and the keeper's answer is not long behind
	pullPending = 4 * pullBatch
)

// A lane pulls the messages of one consumer for a session. Its goroutine alone
// touches its fields, except those that say otherwise.
type lane struct {
	s        *session
	consumer string
	lease    *lease
	number   int // eventsLane or identifyLane

	messages chan *nats.Msg
	inbox    string
	requests int    // made so far: each has a subject of its own
	next     uint64 // the consumer sequence that comes next; 0: not known
	events   [][]byte

	given atomic.Int64 // events for the client

	used   int // bytes of payload outside the stream; guarded by session.mu
	active int // held messages that are not parked; guarded by session.mu
}

func newLane(s *session, number int) *lane {
	return &lane{s: s, number: number, consumer: consumers[number], lease: s.d.leases[number], messages: make(chan *nats.Msg, pullPending)}
}

func (l *lane) ttl() time.Duration { return l.s.d.o.PinnedTTL }

// run pulls until ctx ends. If it leads already, it begins at its first message without
// acknowledgement.
func (l *lane) run(ctx context.Context, leads bool) {
	conn := l.s.d.broker.conn
	l.inbox = conn.NewInbox()
	for ctx.Err() == nil {
		subscription, err := conn.ChanSubscribe(l.inbox+".*", l.messages)
		if err != nil { // the connection is closed
			l.s.d.warnOfBroker(l.consumer, err)
			wait(ctx, l.ttl()/16)
			continue
		}
		defer func() { _ = subscription.Unsubscribe() }()
		break
	}
	if leads && l.lease.current() != "" {
		l.reset(ctx)
	}
	for ctx.Err() == nil {
		if l.lease.current() == "" {
			l.seek(ctx)
		} else {
			l.lead(ctx)
		}
	}
}

// reset takes the consumer back to the first message without acknowledgement. It
// tries until it works.
func (l *lane) reset(ctx context.Context) (ok bool) {
	for pause := l.ttl() / 64; ctx.Err() == nil; pause = min(2*pause, l.ttl()/4) {
		limit, cancel := context.WithTimeout(ctx, l.ttl()/4)
		err := l.s.d.broker.reset(limit, l.consumer)
		cancel()
		if err == nil {
			l.next = 1
			return true
		}
		l.s.d.warnOfBroker(l.consumer, err)
		wait(ctx, pause)
	}
	return false
}

// lead pulls as much as there is room for.
func (l *lane) lead(ctx context.Context) {
	batch, room, changed := l.s.room(l)
	if batch == 0 {
		select {
		case <-changed:
		case <-ctx.Done():
		}
		return
	}
	pin := l.lease.current()
	if pin == "" {
		return
	}
	l.pull(ctx, pullRequest{Batch: batch, MaxBytes: room, Pin: pin}, func(m *nats.Msg, meta *nats.MsgMetadata) bool {
		if pinOf(m) != pin {
			l.s.end(graceful, "a message of another pin")
			return false
		}
		return l.accept(ctx, m, meta)
	})
}

// pull makes one request and passes on what comes, until the request is over or each
// returns false.
func (l *lane) pull(ctx context.Context, r pullRequest, each func(*nats.Msg, *nats.MsgMetadata) bool) {
	r.Expires = l.ttl() / 3
	l.requests++
	reply := l.inbox + "." + strconv.Itoa(l.requests)
	if err := l.s.d.broker.request(l.consumer, reply, r); err != nil {
		l.s.d.warnOfBroker(l.consumer, err)
		wait(ctx, l.ttl()/16)
		return
	}
	patience := time.NewTimer(r.Expires + l.ttl()/16)
	defer patience.Stop()
	for got := 0; got < r.Batch; {
		select {
		case m := <-l.messages:
			if status := m.Header.Get("Status"); status != "" && len(m.Data) == 0 {
				if m.Subject == reply && l.ends(ctx, status, r.Pin) {
					return
				}
				continue // of an earlier request
			}
			meta, err := m.Metadata()
			if err != nil {
				continue // nobody's message
			}
			if got++; !each(m, meta) {
				return
			}
		case <-patience.C: // the answer was lost
			return
		case <-ctx.Done():
			return
		}
	}
}

// ends reports whether a request is over, for which that status came.
func (l *lane) ends(ctx context.Context, status, pin string) bool {
	switch status {
	case statusControl:
		return false
	case statusWrongPin:
		if pin != "" {
			l.renew(ctx, pin)
		}
	case statusNobody:
		l.s.d.warnOfBroker(l.consumer, nats.ErrNoResponders)
		wait(ctx, l.ttl()/16)
	}
	return true
}

// accept holds a message, unless it is known. It returns false if what follows is of no
// use, since a message before it was lost.
func (l *lane) accept(ctx context.Context, m *nats.Msg, meta *nats.MsgMetadata) bool {
	if l.next != 0 && meta.Sequence.Consumer != l.next {
		l.s.end(graceful, "a message was lost on the way to the relay")
		return false
	}
	l.next = meta.Sequence.Consumer + 1
	id, name := idOf(m.Header, meta.Sequence.Stream, meta.Timestamp)
	endpoint := endpointOf(l.s.d.o.Tenant, m.Subject)
	var err error
	if l.events, err = split(l.events[:0], m.Data); err != nil || endpoint == "" {
		l.events = append(l.events[:0], m.Data)
	}
	switch l.s.known(id, m.Reply) {
	case heldNow:
		return true
	case settledBefore:
		l.s.ack(m.Reply)
		l.s.d.o.Metrics.Duplicates(l.s.d.o.Tenant, len(l.events))
		return true
	}
	h := &held{
		lane: l, id: id, name: name, sequence: meta.Sequence.Stream, reply: m.Reply,
		outcome: m.Header.Get(broker.HeaderOutcome), endpoint: endpoint, bytes: len(m.Data), events: len(l.events),
	}
	l.s.hold(h)
	switch {
	case endpoint == "":
		l.s.refuse(h, 0, m.Data, errNoEndpoint)
	case err != nil:
		l.s.refuse(h, 0, m.Data, err)
	default:
		h.enqueue(l.events)
	}
	clear(l.events)
	return ctx.Err() == nil
}

var errNoEndpoint = errors.New("its subject names no endpoint")
