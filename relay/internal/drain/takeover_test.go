package drain

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/relay/internal/broker"
)

func TestAKilledDrainsMessagesAreDeliveredWithinSeconds(t *testing.T) {
	b := newBench(t)
	b.ack = time.Hour // nobody delivers again by time
	b.makeConsumers()
	for range 10 {
		b.send("identify", 20)
		b.send("track", 20)
	}
	gate := make(chan struct{})
	b.sink.setAnswer(func(http.ResponseWriter, string, []sunk) bool { <-gate; return true })
	first := b.drain()
	until(t, "requests under way", func() bool { return b.sink.countRequests() > 1 })
	first.kill(func() { close(gate) })
	b.sink.setAnswer(nil)
	b.drain()
	b.requireAll(0) // the requests under way stored nothing, and nothing waits for an hour
}

func TestShutdownHandsOverAtOnce(t *testing.T) {
	b := newBench(t)
	b.ttl = time.Minute // a takeover by time would take too long
	b.makeConsumers()
	first := b.drain()
	b.send("track", 10)
	b.send("identify", 10)
	until(t, "delivered", b.sink.all)
	until(t, "leads", func() bool { return len(first.Status().Leads) == 2 })
	second := b.drain()
	until(t, "standby waits", func() bool { return b.waiting(broker.EventsConsumer) > 1 && b.waiting(broker.IdentifyConsumer) > 1 })
	first.stop()
	require.Empty(t, first.Status().Leads)
	b.send("track", 10)
	b.send("identify", 10)
	b.requireAll(0)
	until(t, "the other leads", func() bool { return len(second.Status().Leads) == 2 })
}

func (b *bench) waiting(consumer string) int {
	c, err := b.js.Consumer(context.Background(), broker.Stream("acme"), consumer)
	if err != nil {
		return 0
	}
	return c.CachedInfo().NumWaiting
}

func TestShutdownDeliversWhatIsHeld(t *testing.T) {
	b := newBench(t)
	b.sink.setAnswer(func(http.ResponseWriter, string, []sunk) bool { time.Sleep(20 * time.Millisecond); return false })
	d := b.drain()
	for range 20 {
		b.send("track", 50)
	}
	until(t, "some delivered", func() bool { return b.sink.countApplied() > 0 })
	d.stop()
	require.Zero(t, d.Status().Held)
	b.drain()
	b.requireAll(0)
}

func TestShutdownWithoutRun(t *testing.T) {
	b := newBench(t)
	d, err := New(Options{Tenant: "acme", APIKey: "key", JetStream: b.js})
	require.NoError(t, err)
	require.NoError(t, d.Shutdown(t.Context()))
	d.Run()
	require.NoError(t, d.Shutdown(t.Context()))
}

func TestShutdownSaysWhatStays(t *testing.T) {
	b := newBench(t)
	b.sink.setAnswer(func(w http.ResponseWriter, _ string, _ []sunk) bool { w.WriteHeader(503); return true })
	d := b.drain()
	b.send("track", 50)
	until(t, "held", func() bool { return d.Status().Held == 1 })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, d.Shutdown(ctx), context.DeadlineExceeded)
	b.sink.setAnswer(nil)
	b.drain()
	b.requireAll(0)
}

func TestADrainThatIsStoppedForLongSendsNothingLate(t *testing.T) {
	b := newBench(t)
	b.ttl = 4 * time.Second // a machine that is busy for longer makes the other one lead before
	b.makeConsumers()
	p := newLink(t, b.node)
	first, second := b.through(p), (*run)(nil)
	b.send("identify", 7)
	b.send("track", 7)
	until(t, "leads", func() bool { return b.sink.all() && len(first.Status().Leads) == 2 })
	second = b.drain()
	until(t, "standby waits", func() bool { return b.waiting(broker.EventsConsumer) > 1 && b.waiting(broker.IdentifyConsumer) > 1 })
	b.sink.setAnswer(func(w http.ResponseWriter, _ string, _ []sunk) bool { w.WriteHeader(503); return true })
	for range 20 {
		b.send("identify", 20)
		b.send("track", 20)
	}
	until(t, "holds", func() bool { return first.Status().Held > 0 })
	p.swallows.Store(true)
	until(t, "the other leads", func() bool { return len(second.Status().Leads) == 2 })
	require.Empty(t, first.Status().Leads)
	b.sink.setAnswer(nil)
	b.requireAll(0)
	p.swallows.Store(false)
	p.cut()
	b.send("track", 7)
	b.send("identify", 7)
	b.requireAll(0)
}

func TestABrokerThatRestartsCostsNothing(t *testing.T) {
	for name, away := range map[string]time.Duration{"soon": 0, "after the lease is over": 800 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.ttl = 500 * time.Millisecond
			b.makeConsumers()
			b.sink.setAnswer(func(http.ResponseWriter, string, []sunk) bool { time.Sleep(5 * time.Millisecond); return false })
			b.drain()
			for range 60 {
				b.send("identify", 20)
				b.send("track", 20)
			}
			for i := range 3 {
				until(t, "some delivered", func() bool { return b.sink.countApplied() > 300*(i+1) })
				b.node.stop()
				time.Sleep(away)
				b.node.start()
				b.send("track", 10)
				b.send("identify", 10)
			}
			b.requireAll(0)
		})
	}
}

func TestAPurgeUnderTheDrain(t *testing.T) {
	b := newBench(t)
	b.sink.setAnswer(func(w http.ResponseWriter, _ string, _ []sunk) bool { w.WriteHeader(503); return true })
	d := b.drain()
	for range 20 {
		b.send("track", 20)
	}
	until(t, "held", func() bool { return d.Status().Held == 20 })
	stream, err := b.js.Stream(t.Context(), broker.Stream("acme"))
	require.NoError(t, err)
	require.NoError(t, stream.Purge(t.Context()))
	b.sink.setAnswer(nil)
	b.send("track", 20)
	b.send("identify", 20)
	b.requireAll(0) // what was held is delivered all the same
}

func TestAConsumerThatIsDeletedAndMadeAgain(t *testing.T) {
	b := newBench(t)
	d := b.drain()
	b.send("track", 20)
	until(t, "leads", func() bool { return b.sink.all() && len(d.Status().Leads) > 0 })
	require.NoError(t, b.js.DeleteConsumer(t.Context(), broker.Stream("acme"), broker.EventsConsumer))
	b.send("track", 20)
	b.send("identify", 20)
	until(t, "the lead is lost", func() bool { return len(d.Status().Leads) < 2 && b.sink.countApplied() >= 40 })
	b.makeConsumers()
	b.requireAll(0)
}

// Of two relays each may lead a lane. When one of them loses its lane, its session ends
// and so does what it does for the other, but it goes on leading that.
func TestWhoLosesOneLaneGoesOnWithTheOther(t *testing.T) {
	b := newBench(t)
	b.ttl = 30 * time.Second // nothing is mended by time
	b.makeConsumers()
	first := b.drain()
	b.send("track", 10)
	b.send("identify", 10)
	until(t, "leads", func() bool { return b.sink.all() && len(first.Status().Leads) == 2 })
	b.drain()
	until(t, "standby waits", func() bool { return b.waiting(broker.EventsConsumer) > 1 && b.waiting(broker.IdentifyConsumer) > 1 })
	require.NoError(t, first.broker.unpin(t.Context(), broker.IdentifyConsumer))
	for range 10 {
		b.send("identify", 10)
		b.send("track", 10)
	}
	b.requireAll(0) // what is under way is told of before the session ends
}

// A broker's restart takes the pin of a lane that holds nothing as well: that does not
// end what the other lane does.
func TestAnIdleLaneThatLosesItsPinEndsNothing(t *testing.T) {
	b := newBench(t)
	b.ttl = 5 * time.Second // a machine that is busy for longer ends the session by itself
	b.makeConsumers()
	d := b.drain()
	b.send("identify", 1)
	b.send("track", 1)
	until(t, "leads", func() bool { return b.sink.all() && len(d.Status().Leads) == 2 })
	d.mu.Lock()
	before := d.session
	d.mu.Unlock()
	b.node.stop()
	b.node.start()
	until(t, "the idle lane has lost its pin", func() bool {
		b.send("track", 10)
		return d.leases[identifyLane].current() == ""
	})
	for range 10 {
		b.send("track", 10)
	}
	b.requireAll(0)
	d.mu.Lock()
	defer d.mu.Unlock()
	require.Same(t, before, d.session)
}

// What a killed leader held comes before what was published since, although the broker
// gives the new leader that first.
func TestATakeoverBeginsWithWhatTheOtherHeld(t *testing.T) {
	b := newBench(t)
	b.ttl, b.ack = time.Second, time.Hour
	b.makeConsumers()
	b.sink.setAnswer(func(w http.ResponseWriter, _ string, _ []sunk) bool { w.WriteHeader(503); return true })
	first := b.drain()
	for range 5 {
		b.send("identify", 20)
	}
	until(t, "held", func() bool { return first.Status().Held == 5 })
	b.drain()
	until(t, "standby waits", func() bool { return b.waiting(broker.IdentifyConsumer) > 1 })
	first.kill(func() {})
	b.sink.setAnswer(nil)
	for range 5 {
		b.send("identify", 20)
	}
	b.requireAll(0) // the API had taken nothing
}

// Requests that are under way when the lead is lost end in peace.
func TestALostLeadCutsNoRequest(t *testing.T) {
	b := newBench(t)
	arrived := make(chan struct{}, 100)
	b.sink.setAnswer(func(http.ResponseWriter, string, []sunk) bool {
		arrived <- struct{}{}
		time.Sleep(300 * time.Millisecond)
		return false
	})
	d := b.drain()
	for range 4 {
		b.send("track", 100)
		b.send("identify", 20)
	}
	<-arrived
	d.mu.Lock()
	s := d.session
	d.mu.Unlock()
	s.end(lost, "a test")
	b.requireAll(0)
}

// Whatever the API has taken when a session ends is known by the next one.
func TestSessionsThatEndRepeatNothing(t *testing.T) {
	b := newBench(t)
	d := b.drain(func(d *Drain) { d.o.BatchSize = 10 }) // nothing waits for company for long
	for i := range 60 {
		b.send("identify", 20)
		b.send("track", 20)
		before := b.sink.countRequests()
		until(t, "a request", func() bool { return b.sink.countRequests() > before || b.sink.all() })
		d.current().end([]ending{lost, graceful}[i%2], "a test")
	}
	b.requireAll(0)
}
