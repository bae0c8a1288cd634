package natsqueue_test

import (
	"flag"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/natsqueue"
)

var kills = flag.Int("kills", 3, "how often the broker is killed under load")

// A broker is killed and started again, on the same files, while services produce.
// Every event that a client accepted is on the stream once.
func TestBrokerKilledUnderLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	broker := start(t, "broker "+dir)
	p := newProxy(t)
	p.leadTo(broker.address)
	js := connect(t, p.url())
	newStream(t, js, "acme")

	var (
		accepted atomic.Int64
		over     atomic.Bool
		services sync.WaitGroup
		clients  []*altertable.Client
	)
	for range 2 { // each with a queue of its own
		clients = append(clients, newClient(t, natsqueue.New(js, "acme"),
			altertable.WithRequestTimeout(time.Second), altertable.WithMaxQueueSize(2000), altertable.WithMaxBatchSize(20), altertable.WithOverflow(altertable.Block)))
	}
	for _, client := range clients {
		services.Go(func() {
			for !over.Load() {
				assert.NoError(t, client.Track(ctx, altertable.Track{Event: "checkout_completed", DistinctID: "u_42",
					Properties: altertable.Properties{"n": accepted.Add(1)}}))
			}
		})
	}
	for range *kills {
		enough := clients[0].Stats().Delivered + rand.Int64N(5000)
		require.Eventually(t, func() bool { return clients[0].Stats().Delivered >= enough }, patience, time.Millisecond)
		broker.kill()
		broker = start(t, "broker "+dir)
		p.leadTo(broker.address)
	}
	over.Store(true)
	services.Wait()
	for _, client := range clients {
		require.NoError(t, client.Shutdown(within(t)))
	}

	stream, err := js.Stream(within(t), "ALTERTABLE_acme")
	require.NoError(t, err)
	times := map[float64]int{}
	for _, e := range events(t, stream) {
		times[e["properties"].(map[string]any)["n"].(float64)]++
	}
	more := 0
	for _, n := range times {
		more += n - 1
	}
	t.Logf("%d events, %d messages, %d times killed", accepted.Load(), stream.CachedInfo().State.Msgs, *kills)
	assert.Zero(t, more, "stored twice")
	assert.EqualValues(t, accepted.Load(), len(times))
}
