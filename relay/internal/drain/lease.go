package drain

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// A lease says until when requests with a consumer's messages may leave. It outlives
// sessions, since a graceful restart keeps the lead.
type lease struct {
	mu      sync.Mutex // guards what follows
	pin     string     // "": none
	until   time.Time  // with its monotonic reading
	changed chan struct{}
}

func newLease() *lease { return &lease{changed: make(chan struct{})} }

// holds reports whether a request may leave. A machine that slept has lost time on
// the monotonic clock, and one whose clock was set back has lost it on the other.
func (l *lease) holds() (ok bool, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.leftLocked() > 0, l.changed
}

// left returns how long requests may still leave.
func (l *lease) left() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.leftLocked()
}

func (l *lease) leftLocked() time.Duration {
	if l.until.IsZero() {
		return 0
	}
	now := time.Now()
	return min(l.until.Sub(now), l.until.Round(0).Sub(now.Round(0)))
}

// current returns the pin, "" if there is none.
func (l *lease) current() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pin
}

// take notes a new pin. Requests may leave once it is confirmed.
func (l *lease) take(pin string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pin = pin
	l.tellLocked()
}

// confirm extends the lease, unless the pin has changed meanwhile.
func (l *lease) confirm(pin string, until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pin == pin {
		l.until = until
		l.tellLocked()
	}
}

// vanished notes that the broker knows no pin any more. What was confirmed holds.
func (l *lease) vanished(pin string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pin == pin {
		l.pin = ""
		l.tellLocked()
	}
}

// drop ends the lease.
func (l *lease) drop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pin, l.until = "", time.Time{}
	l.tellLocked()
}

func (l *lease) tellLocked() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// keep renews the lane's lease until ctx ends, and ends the session when it is over.
func (l *lane) keep(ctx context.Context) {
	renewed := time.Time{} // when the renewal began that came last
	known, led := "", false
	pause := time.Duration(0)
	for ctx.Err() == nil {
		ok, changed := l.lease.holds()
		pin := l.lease.current()
		led = led || ok
		switch {
		case led && !ok:
			l.lease.drop()
			l.sayLeads(false)
			if l.s.holdsAny(l) {
				l.s.end(lost, "the lease is over")
				return
			}
			led = false // nothing is lost: the lane looks for a pin again
			continue
		case pin != "" && (pin != known || time.Since(renewed) >= pause):
			known, renewed = pin, time.Now()
			pause = l.renew(ctx, pin)
			continue
		}
		next := l.ttl() / 4
		if pin != "" {
			next = min(next, max(0, pause-time.Since(renewed)))
		}
		if led {
			next = min(next, l.lease.left())
		}
		l.rest(ctx, next, changed)
	}
}

// rest waits for as long, or until the lease changes or somebody doubts it.
func (l *lane) rest(ctx context.Context, long time.Duration, changed <-chan struct{}) {
	timer := time.NewTimer(max(long, time.Millisecond))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-changed:
	case <-ctx.Done():
	}
}

// renew asks the broker to keep our pin, and finds out whether it is still ours. It
// returns how long to wait before the next time.
func (l *lane) renew(ctx context.Context, pin string) (pause time.Duration) {
	quarter := l.ttl() / 4
	if l.s.d.stalled.Load() {
		return quarter
	}
	// The answer may come late, behind megabytes of messages. It is of use all the
	// same: the pin's time counts from when the request was made.
	limit, cancel := context.WithTimeout(ctx, max(quarter, l.lease.left()))
	defer cancel()
	began := time.Now()
	err := l.s.d.broker.hold(limit, l.consumer, pin)
	if err != nil && !errors.Is(err, errNotPinned) {
		return l.renewLater(err)
	}
	now, err := l.s.d.broker.state(limit, l.consumer)
	switch {
	case err != nil:
		return l.renewLater(err)
	case now.pin == pin:
		l.lease.confirm(pin, began.Add(l.ttl()))
		l.sayLeads(true)
	case now.pin == "":
		l.lease.vanished(pin)
	default:
		l.s.end(lost, "another relay leads")
	}
	return quarter
}

// renewLater returns when to try again after the broker did not answer.
func (l *lane) renewLater(err error) time.Duration {
	l.s.d.warnOfBroker(l.consumer, err)
	if errors.Is(err, nats.ErrNoResponders) || errors.Is(err, nats.ErrConnectionClosed) {
		return l.ttl() / 16
	}
	return l.ttl() / 32
}
