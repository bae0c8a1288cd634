package chaos

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// pair starts two relays on one broker, and a balancer before them.
func (w *world) pair(nats, replicas string, flags ...string) (relays []*relay, front *proxy) {
	w.t.Helper()
	for _, name := range []string{"a", "b"} {
		relays = append(relays, w.relay(name, append([]string{"--nats", nats, "--replicas", replicas}, flags...)...).start())
	}
	return relays, newProxy(w.t, relays[0].listen, relays[1].listen)
}

// other returns the relay of the two that is not r.
func other(relays []*relay, r *relay) *relay {
	if relays[0] == r {
		return relays[1]
	}
	return relays[0]
}

// The relay that drains is stopped for less than the TTL: it goes on, and nothing
// comes twice.
func TestPauseWithinTTL(t *testing.T) {
	needSignals(t)
	t.Parallel()
	w := newWorld(t)
	relays, front := w.pair(w.broker().URL(), "1")
	w.load(front.URL(), 2, 500)
	for range form(2, 20) {
		w.sink.awaitMore(t, someEvents(), time.Minute)
		r := leader("events", relays...)
		r.pause()
		lasts(pinnedTTL * 2 / 5)
		r.resume()
	}
	w.finish()
	w.require(w.settle(time.Minute), inFlight)
}

// The relay that drains is stopped for more than the TTL, with thousands of events
// in its hands. The other takes over and delivers them. Then the first wakes, and
// must not send them again.
func TestPauseBeyondTTL(t *testing.T) {
	needSignals(t)
	t.Parallel()
	w := newWorld(t)
	relays, front := w.pair(w.broker().URL(), "1")
	w.load(front.URL(), 2, 200)
	f := w.feeder("f", front.URL())
	pauses := form(3, 30)
	for i := range pauses {
		w.sink.awaitMore(t, 300, time.Minute)
		r := leader([]string{"events", "identify-0"}[i%2], relays...)
		next := other(relays, r)
		before := next.metric("takeovers_total")
		w.sink.set(slow(200 * time.Millisecond)) // so that the relay holds what it has not sent
		stored := w.sink.total("f")
		w.backlog(f, 5000)
		w.sink.awaitTotal(t, stored+300, time.Minute, "f")
		r.pause()
		w.sink.set()
		front.aim(next.listen)
		eventually(t, 30*time.Second, "the other takes over", func() bool { return next.metric("takeovers_total") > before })
		w.sink.await(t, time.Minute, "the other delivers", func() bool { return w.sink.total("f") == f.next })
		r.resume()
		front.aim(relays[0].listen, relays[1].listen)
	}
	w.finish()
	w.require(w.settle(time.Minute), pauses*inFlight)
}

// Two relays take turns at what producers send about the same people: their
// identifies are applied in order, whoever applies them.
func TestTwoRelaysOnePerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	relays, front := w.pair(w.broker().URL(), "1")
	for _, source := range []string{"one", "two"} {
		w.produce(plan{Source: source, URL: front.URL(), PerSecond: 600, Identify: 1, People: 3, MaxInFlight: 4})
	}
	kills := form(3, 30)
	for range kills {
		w.sink.awaitMore(t, someEvents(), time.Minute)
		r := leader("identify-0", relays...)
		r.kill()
		w.sink.awaitMore(t, 200, time.Minute)
		r.start()
	}
	w.finish()
	v := w.settle(time.Minute)
	w.require(v, kills*inFlight)
	assert.GreaterOrEqual(t, w.sink.total("one", "two"), v.acknowledged)
}
