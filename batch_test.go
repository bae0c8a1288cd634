package altertable_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
)

// heap returns the bytes that are in use.
func heap() int64 {
	runtime.GC()
	runtime.GC() // the first leaves what pools held
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// messageBytes is the JSON of an event that says nothing, with a name of one byte.
var messageBytes = func() int {
	client, err := altertable.New("key", altertable.WithFlushInterval(1<<40), altertable.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		panic(err)
	}
	if err := client.Track(context.Background(), altertable.Track{Event: "e", DistinctID: "u_1"}); err != nil {
		panic(err)
	}
	size := int(client.Stats().QueuedBytes)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = client.Shutdown(ctx) // it has nowhere to send to
	return size
}()

// sized returns an event of so many bytes of JSON, if its stamp has microseconds.
func sized(size int) altertable.Track {
	return altertable.Track{Event: strings.Repeat("e", max(1, 1+size-messageBytes)), DistinctID: "u_1"}
}

// What a queued message costs beside its JSON, also at sizes at which a batch's
// hundred messages do not fit well into the allocator's sizes.
func TestQueueHoldsLittleMoreThanTheMessages(t *testing.T) {
	sizes := []int{200, 256, 330, 512, 562, 600, 1024}
	for i := range 20 {
		if !altertable.RaceEnabled {
			sizes = append(sizes, 200+41*i, 512+67*i)
		}
	}
	for _, size := range sizes {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			limit := 1.25
			if size >= 512 {
				limit = 1.15
			}
			client := newBenchClient(t, hung{})
			e := sized(size)
			before := heap()
			for range 20_000 {
				require.NoError(t, client.Track(t.Context(), e))
			}
			held := float64(heap() - before)
			assert.Less(t, held/float64(client.Stats().QueuedBytes), limit)
			runtime.KeepAlive(client)
		})
	}
}

// An identify costs its place in the order beside that: the hashes of its ids,
// and their entries in the index.
func TestQueueHoldsLittleMoreThanTheIdentifies(t *testing.T) {
	for _, count := range []int{20_000, 50_000, 90_000} {
		client := newBenchClient(t, hung{})
		before := heap()
		for i := range count {
			require.NoError(t, client.Identify(t.Context(), altertable.Identify{
				DistinctID:  fmt.Sprintf("u_%024d", i),
				AnonymousID: fmt.Sprintf("anonymous-%036d", i),
				Traits:      altertable.Traits{"plan": "pro", "seats": 5},
			}))
		}
		held := float64(heap() - before)
		assert.Less(t, held/float64(client.Stats().QueuedBytes), 1.3, "%d", count)
		runtime.KeepAlive(client)
	}
}

// An open batch takes what its messages need.
func TestOpenBatchesHoldLittleMoreThanTheirMessages(t *testing.T) {
	for name, test := range map[string]struct{ environments, size, each int }{
		"one":                          {1, 400, 9_000},
		"a thousand of a few messages": {1_000, 400, 9},
		"some of many messages":        {40, 1_000, 95},
		"a hundred of large messages":  {100, 10_000, 4},
		"ten thousand":                 {10_000, 300, 1},
	} {
		t.Run(name, func(t *testing.T) {
			client := newBenchClient(t, hung{}, altertable.WithMaxQueueBytes(maxHeld), altertable.WithMaxQueueSize(1<<30), altertable.WithOverflow(altertable.DropNewest), altertable.WithFlushInterval(1<<40))
			before := heap()
			trackInEach(t, client, test.environments, test.each, test.size)
			assertHoldsLittleMore(t, client, test.environments, before)
		})
	}
}

// An open batch takes what its own messages need, whatever the batch before it took.
func TestSmallBatchesAfterLargeOnes(t *testing.T) {
	const environments = 100
	before := heap()
	answer, taken := make(chan struct{}), make(chan struct{})
	delivered := 0
	client := newBenchClient(t, roundTrip(func(r *http.Request) (*http.Response, error) {
		<-answer
		return discard{}.RoundTrip(r)
	}), altertable.WithMaxQueueBytes(maxHeld), altertable.WithOverflow(altertable.DropNewest), altertable.WithFlushInterval(1<<40),
		altertable.WithOnDelivery(func(d altertable.Delivery) {
			if delivered += d.Count; delivered == 100*environments {
				close(taken)
			}
		}))
	trackInEach(t, client, environments, 100, 350)
	trackInEach(t, client, environments, 1, 350)
	close(answer)
	<-taken
	assertHoldsLittleMore(t, client, environments, before)
}

const maxHeld = 4 << 20

func trackInEach(t *testing.T, client *altertable.Client, environments, each, size int) {
	t.Helper()
	e := sized(size)
	for range each {
		for i := range environments {
			e.Environment = fmt.Sprintf("tenant_%d", i)
			require.NoError(t, client.Track(t.Context(), e))
		}
	}
}

// assertHoldsLittleMore checks that client holds little more than what it has
// queued, and a KiB for each of its open batches.
func assertHoldsLittleMore(t *testing.T, client *altertable.Client, batches int, before int64) {
	t.Helper()
	queued := client.Stats().QueuedBytes
	assert.Less(t, heap()-before, queued*13/10+maxHeld/10+int64(batches)<<10)
	runtime.KeepAlive(client)
}

// What DropOldest evicts leaves memory, also while its batch still holds other
// messages: here the oldest ones are in as many batches as there are environments.
func TestEvictedMessagesLeaveMemory(t *testing.T) {
	const limit = 2 << 20
	for name, environments := range map[string]int{"one": 1, "fifty": 50, "five hundred": 500} {
		t.Run(name, func(t *testing.T) {
			client := newBenchClient(t, hung{}, altertable.WithMaxInFlight(1), altertable.WithMaxQueueBytes(limit), altertable.WithOverflow(altertable.DropOldest))
			require.NoError(t, client.Alias(t.Context(), altertable.Alias{DistinctID: "u_1", NewUserID: "u_2"}))
			require.Error(t, client.Flush(within(t, 0)), "the one request carries it")
			e := sized(1_000)
			before := heap()
			for i := range 30_000 {
				e.Environment = fmt.Sprintf("tenant_%d", i*i%environments)
				require.NoError(t, client.Track(t.Context(), e))
			}
			assert.Less(t, heap()-before, int64(limit*13/10+environments<<10))
			runtime.KeepAlive(client)
		})
	}
}

// A batch that takes messages while its oldest are evicted does not keep them all.
func TestEvictedMessagesLeaveAnOpenBatch(t *testing.T) {
	client := newBenchClient(t, hung{}, altertable.WithMaxInFlight(1), altertable.WithMaxQueueSize(20), altertable.WithOverflow(altertable.DropOldest))
	require.NoError(t, client.Alias(t.Context(), altertable.Alias{DistinctID: "u_1", NewUserID: "u_2"}))
	require.Error(t, client.Flush(within(t, 0)), "the one request carries it")
	before := heap()
	for range 50_000 {
		require.NoError(t, client.Track(t.Context(), checkout))
	}
	assert.Less(t, heap()-before, int64(100<<10))
	runtime.KeepAlive(client)
}
