package drain

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A standby is what a lane without a pin has seen of its consumer. It outlives
// sessions; the goroutine of the session's lane owns it.
type standby struct {
	reconnects uint64    // of the connection
	looked     bool      // it has asked before
	last       state     // what the consumer said then
	own        string    // our newest pin, "" once another was seen
	quiet      time.Time // no pull before: a leader that nobody knows any more may still send
}

// seek pulls one message without a pin: if that comes, the lane leads. It returns when
// it came or the request was over.
func (l *lane) seek(ctx context.Context) {
	l.sayLeads(false)
	limit, cancel := context.WithTimeout(ctx, l.ttl()/4)
	now, err := l.s.d.broker.state(limit, l.consumer)
	cancel()
	if err != nil {
		l.s.d.warnOfBroker(l.consumer, err)
		wait(ctx, l.ttl()/16)
		return
	}
	if quiet := l.s.d.standbys[l.number].look(now, l.s.d.broker.conn.Stats().Reconnects, l.ttl()); quiet > 0 {
		wait(ctx, min(quiet, l.ttl()/4)) // and look again: somebody may lead by then
		return
	}
	if own := l.s.d.standbys[l.number].own; own != "" && own == now.pin && !l.s.holdsAny(l) {
		l.lease.take(own) // of an earlier session: the consumer is still ours
		l.reset(ctx)
		return
	}
	// What a killed leader held is pending, and nobody else will take care of it.
	if now.pin == "" && now.pending > 0 && !l.s.holdsAny(l) && !l.reset(ctx) {
		return
	}
	if batch, _, changed := l.s.room(l); batch == 0 {
		select {
		case <-changed:
		case <-ctx.Done():
		}
		return
	}
	l.pull(ctx, pullRequest{Batch: 1}, func(m *nats.Msg, meta *nats.MsgMetadata) bool {
		l.takeOver(ctx, m, meta)
		return false
	})
}

// look notes what the consumer says, and returns how long a lane that does not lead
// must wait before it pulls: until the lease of whoever led is over, by their settings
// or ours.
func (s *standby) look(now state, reconnects uint64, ttl time.Duration) (quiet time.Duration) {
	if now.pin != "" && now.pin != s.own {
		s.own = ""
	}
	restarted := s.looked && reconnects != s.reconnects
	moved := s.looked && s.last.pin != "" && now.pin == "" &&
		(now.leader != s.last.leader || !now.leaderSince.Equal(s.last.leaderSince))
	ttl = max(ttl, now.ttl, s.last.ttl)
	switch {
	case s.own != "", now.pin != "":
		s.quiet = time.Time{}
	case restarted, moved:
		s.quiet = time.Now().Add(ttl)
	}
	s.looked, s.last, s.reconnects = true, now, reconnects
	return time.Until(s.quiet)
}

// takeOver begins to lead with the first message of a new pin.
func (l *lane) takeOver(ctx context.Context, m *nats.Msg, meta *nats.MsgMetadata) {
	pin := pinOf(m)
	late := l.lease.take(pin)
	l.s.d.standbys[l.number].own = pin
	if !l.s.probing() { // relays that are refused take turns
		l.s.d.o.Metrics.Takeover(l.s.d.o.Tenant, l.consumer)
	}
	now, ok := l.ask(ctx)
	oldest, holds := l.s.oldest(l)
	switch {
	case !ok:
		return
	case holds && late:
		l.s.end(lost, "the lease is over")
	case holds && now.floor >= oldest:
		l.s.end(lost, "another relay led meanwhile")
	case holds: // our own pin was forgotten: go on, if nothing was lost
		l.accept(ctx, m, meta)
	case now.pending > 1 || meta.Sequence.Stream > now.floor+1:
		l.reset(ctx) // the message comes again
	default:
		l.next = 0
		l.accept(ctx, m, meta)
	}
}

// ask returns the consumer's state. It tries until it works or ctx ends.
func (l *lane) ask(ctx context.Context) (state, bool) {
	for ctx.Err() == nil {
		limit, cancel := context.WithTimeout(ctx, l.ttl()/4)
		now, err := l.s.d.broker.state(limit, l.consumer)
		cancel()
		if err == nil {
			return now, true
		}
		l.s.d.warnOfBroker(l.consumer, err)
		wait(ctx, l.ttl()/16)
	}
	return state{}, false
}

// sayLeads tells the metric, and Status, whether the lane leads.
func (l *lane) sayLeads(leads bool) {
	if l.s.d.leads[l.number].Swap(leads) != leads {
		l.s.d.o.Metrics.Leads(l.s.d.o.Tenant, l.consumer, leads)
	}
}

// warnOfBroker logs trouble with the broker, once a minute of a kind.
func (d *Drain) warnOfBroker(consumer string, err error) {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, nats.ErrConnectionClosed):
		return
	case errors.Is(err, jetstream.ErrConsumerNotFound), errors.Is(err, jetstream.ErrStreamNotFound):
		d.warn("gone", "relay: a consumer or its stream was deleted; messages wait until it is there again", "consumer", consumer, "error", err)
	default:
		d.warn("broker", "relay: the broker does not answer, the drain tries again", "consumer", consumer, "error", err)
	}
}

// warn logs a line of a kind, at most one a minute.
func (d *Drain) warn(kind, text string, attributes ...any) {
	d.mu.Lock()
	due := time.Since(d.warnings[kind]) >= time.Minute
	if due {
		d.warnings[kind] = time.Now()
	}
	d.mu.Unlock()
	if due {
		d.log.Warn(text, attributes...)
	}
}
