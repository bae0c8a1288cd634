package drain

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/relay/internal/broker"
)

func TestALeaseHoldsUntilItIsOver(t *testing.T) {
	l := newLease()
	ok, changed := l.holds()
	assert.False(t, ok)
	l.confirm("a", time.Now().Add(time.Hour))
	ok, _ = l.holds()
	assert.False(t, ok, "a pin that is not ours")
	l.take("a")
	<-changed
	ok, _ = l.holds()
	assert.False(t, ok, "not yet confirmed")
	l.confirm("a", time.Now().Add(time.Hour))
	ok, _ = l.holds()
	assert.True(t, ok)
	l.vanished("b")
	assert.Equal(t, "a", l.current())
	l.vanished("a")
	assert.Empty(t, l.current())
	ok, _ = l.holds()
	assert.True(t, ok, "what was confirmed holds")
	l.take("c")
	ok, _ = l.holds()
	assert.True(t, ok)
	l.drop()
	ok, _ = l.holds()
	assert.False(t, ok)
	l.take("c")
	l.confirm("c", time.Now().Add(-time.Second))
	ok, _ = l.holds()
	assert.False(t, ok)
}

// The lane may take a new pin in the moment in which the keeper finds the old one's time
// over.
func TestALeaseThatIsOverKeepsANewPin(t *testing.T) {
	l := newLease()
	l.take("a")
	assert.False(t, l.dropOver(), "not confirmed")
	l.confirm("a", time.Now().Add(time.Hour))
	assert.False(t, l.dropOver(), "not over")
	assert.False(t, l.take("b"), "not over")
	l.until = time.Now().Add(-time.Second)
	assert.True(t, l.dropOver())
	assert.Equal(t, "b", l.current())
	l.confirm("b", time.Now().Add(-time.Second))
	assert.True(t, l.take("c"), "the time of b is over")
	assert.False(t, l.dropOver(), "that of c is not")
	l.confirm("c", time.Now().Add(-time.Second))
	assert.True(t, l.dropOver())
	assert.Empty(t, l.current())
}

// The relays of a tenant may differ in their settings, and the one that began last has
// its way with the consumers. The leader's lease and its heartbeats keep to that.
func TestALeaseIsNoLongerThanTheConsumersTTL(t *testing.T) {
	b := newBench(t)
	b.ttl, b.ack = 20*time.Second, time.Minute
	b.makeConsumers()
	p := newLink(t, b.node)
	first := b.through(p)
	b.send("identify", 7)
	b.send("track", 7)
	until(t, "leads", func() bool { return b.sink.all() && len(first.Status().Leads) == 2 })
	b.ttl, b.ack = 4*time.Second, 8*time.Second
	b.makeConsumers()
	second := b.drain()
	until(t, "standby waits", func() bool {
		return b.waiting(broker.EventsConsumer) > 0 && b.waiting(broker.IdentifyConsumer) > 0
	})
	until(t, "the leader knows", func() bool {
		return first.ackWait() == b.ack && first.leases[0].left() <= b.ttl && first.leases[1].left() <= b.ttl
	})
	require.Len(t, first.Status().Leads, 2)
	b.sink.setAnswer(func(w http.ResponseWriter, _ string, _ []sunk) bool { w.WriteHeader(503); return true })
	for range 20 {
		b.send("identify", 20)
		b.send("track", 20)
	}
	until(t, "holds", func() bool { return first.Status().Held > 30 })
	p.swallows.Store(true)
	until(t, "the other leads", func() bool { return len(second.Status().Leads) == 2 })
	require.Empty(t, first.Status().Leads)
	b.sink.setAnswer(nil)
	b.requireAll(0)
	p.cut()
}

// A wall clock that went on while the monotonic one stood still ends a lease, and
// the other way round.
func TestALeaseIsOverByEitherClock(t *testing.T) {
	l := newLease()
	l.take("a")
	l.until = time.Now().Add(time.Hour)
	require.Positive(t, l.left())
	l.until = time.Now().Round(0).Add(-time.Second) // no monotonic reading: the wall clock alone
	require.Negative(t, l.left())
}

func TestTheFenceLetsNothingOutWithoutALease(t *testing.T) {
	var requests atomic.Int32
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { requests.Add(1) }))
	defer api.Close()
	b := newBench(t)
	d, err := New(Options{Tenant: "acme", APIKey: "key", BaseURL: api.URL, JetStream: b.js, Logger: testLogger(t)})
	require.NoError(t, err)
	defer d.pool.close()
	s, err := d.newSession(opening{})
	require.NoError(t, err)
	defer func() { _ = s.client.Shutdown(ended); s.cancel() }()
	d.leases[eventsLane].take("a")
	d.leases[eventsLane].confirm("a", time.Now().Add(time.Hour))
	send := func(path string) error {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, api.URL+path, http.NoBody)
		require.NoError(t, err)
		answer, err := s.fence.RoundTrip(r)
		if err == nil {
			_ = answer.Body.Close()
		}
		return err
	}
	require.NoError(t, send("/track"))
	require.NoError(t, send("/prefix/alias"))
	require.EqualValues(t, 2, requests.Load())
	waits := make(chan error, 1)
	go func() { waits <- send("/identify") }()
	assert.Never(t, func() bool { return requests.Load() > 2 }, 50*time.Millisecond, 5*time.Millisecond)
	d.leases[identifyLane].take("b")
	d.leases[identifyLane].confirm("b", time.Now().Add(time.Hour))
	require.NoError(t, <-waits)
	s.fence.close(time.Second)
	go func() { waits <- send("/track") }()
	assert.Never(t, func() bool { return requests.Load() > 3 }, 50*time.Millisecond, 5*time.Millisecond)
}

func TestAStandbyWaitsForALeaderThatNobodyKnowsAnyMore(t *testing.T) {
	const ttl = time.Minute
	pinned, free := state{pin: "a", leader: "n1"}, state{leader: "n1"}
	moved := state{leader: "n2"}
	for name, c := range map[string]struct {
		looks      []state
		led        bool
		reconnects uint64 // reconnects at the last look
		waits      bool
	}{
		"a fresh start":                   {looks: []state{free}},
		"a fresh start beside a leader":   {looks: []state{pinned}},
		"the pin's time was over":         {looks: []state{pinned, free}},
		"the consumer has a new leader":   {looks: []state{pinned, moved}, waits: true},
		"a new leader, and pinned again":  {looks: []state{pinned, moved, pinned}},
		"a reconnect":                     {looks: []state{free, free}, reconnects: 1, waits: true},
		"a reconnect, and somebody leads": {looks: []state{free, pinned}, reconnects: 1},
		"the leader's time is longer":     {looks: []state{{leader: "n1", ttl: 2 * ttl}, free}, reconnects: 1, waits: true},
		"a reconnect of who led":          {looks: []state{free, free}, reconnects: 1, led: true},
		"a reconnect of who led long ago": {looks: []state{pinned, free}, reconnects: 1, led: true, waits: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := standby{}
			if c.led {
				s.own = "b"
			}
			quiet := time.Duration(0)
			for i, now := range c.looks {
				reconnects := uint64(0)
				if i == len(c.looks)-1 {
					reconnects = c.reconnects
				}
				quiet = s.look(now, reconnects, ttl)
			}
			assert.Equal(t, c.waits, quiet > 0)
		})
	}
}

// confirmed returns until when requests may leave.
func (l *lease) confirmed() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.until
}
