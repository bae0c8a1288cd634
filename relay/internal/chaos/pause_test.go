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

// moves returns how often the lead of a lane went from one relay to the other, while both
// lived: each time costs what was in flight. A machine that gives the relay which leads no
// time for as long as the TTL moves it as well.
func moves(relays []*relay) int {
	const lanes = 2 // each is led once without a move
	return int(relays[0].metric("takeovers_total")+relays[1].metric("takeovers_total")) - lanes
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
		w.sink.awaitMore(t, someEvents(), patience)
		r := leader("events", relays...)
		r.pause()
		lasts(pinnedTTL * 2 / 5)
		r.resume()
	}
	w.finish()
	v := w.settle(patience)
	w.require(v, max(1, moves(relays))*inFlight)
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
		w.sink.awaitMore(t, 300, patience)
		r := leader([]string{"events", "identify-0"}[i%2], relays...)
		next := other(relays, r)
		before := next.metric("takeovers_total")
		w.sink.set(slow(200 * time.Millisecond)) // so that the relay holds what it has not sent
		stored := w.sink.total("f")
		w.backlog(f, 5000)
		w.sink.awaitTotal(t, stored+300, patience, "f")
		r.pause()
		w.sink.set()
		front.aim(next.listen)
		eventually(t, patience, "the other takes over", func() bool { return next.metric("takeovers_total") > before })
		w.sink.await(t, patience, "the other delivers", func() bool { return w.sink.total("f") == f.next })
		r.resume()
		front.aim(relays[0].listen, relays[1].listen)
	}
	w.finish()
	v := w.settle(patience)
	w.require(v, max(pauses, moves(relays))*inFlight)
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
		w.sink.awaitMore(t, someEvents(), patience)
		r := leader("identify-0", relays...)
		r.kill()
		w.sink.awaitMore(t, 200, patience)
		r.start()
	}
	w.finish()
	v := w.settle(patience)
	w.require(v, kills*inFlight)
	assert.GreaterOrEqual(t, w.sink.total("one", "two"), v.acknowledged)
}
