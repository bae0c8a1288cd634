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
	until   time.Time  // with its monotonic reading; zero: no pin was confirmed
	of      string     // the pin that was confirmed until then
	ackWait time.Duration
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

// take notes a new pin. Requests may leave once it is confirmed. It reports whether the
// time of the one before was over.
func (l *lease) take(pin string) (late bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if late = l.overLocked(); late {
		l.until = time.Time{}
	}
	l.pin = pin
	l.tellLocked()
	return late
}

func (l *lease) overLocked() bool { return !l.until.IsZero() && l.leftLocked() <= 0 }

// confirm extends the lease, unless the pin has changed meanwhile.
func (l *lease) confirm(pin string, until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pin == pin {
		l.until, l.of = until, pin
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

// dropOver ends the lease if its time is over. A pin that was taken since stays.
func (l *lease) dropOver() (dropped bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.overLocked() {
		return false
	}
	if l.until = (time.Time{}); l.pin == l.of {
		l.pin = ""
	}
	l.tellLocked()
	return true
}

// setAckWait notes the consumer's AckWait.
func (l *lease) setAckWait(long time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ackWait = long
}

func (l *lease) getAckWait() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ackWait
}

func (l *lease) tellLocked() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// keep renews the lane's lease until ctx ends, and ends the session when it is over.
func (l *lane) keep(ctx context.Context) {
	var renewed time.Time // when the renewal began that came last
	var pause time.Duration
	known := ""
	for ctx.Err() == nil {
		_, changed := l.lease.holds()
		if l.lease.dropOver() {
			l.sayLeads(false)
			if l.s.holdsAny(l) {
				l.s.end(lost, "the lease is over")
				return
			}
			continue // nothing is lost: the lane looks for a pin again
		}
		pin := l.lease.current()
		if pin != "" && (pin != known || time.Since(renewed) >= pause) {
			known, renewed = pin, time.Now()
			pause = l.renew(ctx, pin)
			continue
		}
		next := l.ttl() / 4
		if pin != "" {
			next = min(next, max(0, pause-time.Since(renewed)))
		}
		if left := l.lease.left(); left > 0 {
			next = min(next, left)
		}
		l.rest(ctx, next, changed)
	}
}

// rest waits for as long, or until the lease changes.
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
//
// The relays of a tenant may differ in their settings, and the consumer has those of
// the one that began last: the lease is no longer than what the broker waits.
func (l *lane) renew(ctx context.Context, pin string) (pause time.Duration) {
	// The answer may come late, behind megabytes of messages. It is of use all the
	// same: the pin's time counts from when the request was made.
	limit, cancel := context.WithTimeout(ctx, max(l.ttl()/4, l.lease.left()))
	defer cancel()
	began := time.Now()
	err := l.s.d.broker.hold(limit, l.consumer, pin)
	if err != nil && !errors.Is(err, errNotPinned) {
		return l.renewLater(err)
	}
	now, err := l.s.d.broker.state(limit, l.consumer)
	if err != nil {
		return l.renewLater(err)
	}
	l.lease.setAckWait(now.ackWait)
	ttl := shorter(l.ttl(), now.ttl)
	switch now.pin {
	case pin:
		l.lease.confirm(pin, began.Add(ttl))
		l.sayLeads(true)
	case "":
		l.lease.vanished(pin)
	default:
		l.s.end(lost, "another relay leads")
	}
	return ttl / 4
}

// shorter returns the relay's own setting or the consumer's, which is 0 if it is not known.
func shorter(own, consumers time.Duration) time.Duration {
	if consumers <= 0 {
		return own
	}
	return min(own, consumers)
}

// renewLater returns when to try again after the broker did not answer.
func (l *lane) renewLater(err error) time.Duration {
	l.s.d.warnOfBroker(l.consumer, err)
	if errors.Is(err, nats.ErrNoResponders) || errors.Is(err, nats.ErrConnectionClosed) {
		return l.ttl() / 16
	}
	return l.ttl() / 32
}
