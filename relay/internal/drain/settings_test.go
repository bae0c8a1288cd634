package drain

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/relay/internal/broker"
)

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
	b.ttl, b.ack = 2*time.Second, 5*time.Second
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
