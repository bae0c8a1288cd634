package gather_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/altertable-ai/altertable-go/relay/internal/broker"
	"github.com/altertable-ai/altertable-go/relay/internal/gather"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A process is an embedded broker and what gathers for it.
type process struct {
	*gather.Gatherer
	broker *broker.Broker
}

func start(t *testing.T, data string) process {
	t.Helper()
	b, err := broker.Open(broker.Options{Data: data}, broker.Tenant{Name: "acme", MaxBytes: 64 << 20})
	require.NoError(t, err)
	t.Cleanup(b.Close)
	select {
	case <-b.Started():
	case <-time.After(time.Minute):
		require.FailNow(t, "the broker does not start")
	}
	p := process{gather.New(b.JetStream(), 2*time.Minute, neverFull), b}
	t.Cleanup(p.Close)
	require.NoError(t, p.Seed(t.Context(), "acme"))
	return p
}

func (p process) end() {
	p.Close()
	p.broker.Close()
}

func (p process) stored(t *testing.T) int {
	t.Helper()
	s, err := p.broker.JetStream().Stream(t.Context(), broker.Stream("acme"))
	require.NoError(t, err)
	return int(s.CachedInfo().State.Msgs)
}

type numbered struct {
	Event  string
	Worker int
	Number int
}

// take acknowledges n messages and returns their events.
func (p process) take(t *testing.T, n int) (all []numbered) {
	t.Helper()
	c, err := p.broker.JetStream().Consumer(t.Context(), broker.Stream("acme"), broker.EventsConsumer)
	require.NoError(t, err)
	messages, err := c.Fetch(n, jetstream.FetchMaxWait(time.Minute), jetstream.FetchPriorityGroup(broker.Group))
	require.NoError(t, err)
	for m := range messages.Messages() {
		var events []numbered
		require.NoError(t, json.Unmarshal(m.Data(), &events))
		all = append(all, events...)
		require.NoError(t, m.DoubleAck(t.Context()))
	}
	return all
}

// Many producers at the same time: each event is stored once, and those of one
// producer in order.
func TestOnTheServer(t *testing.T) {
	const workers, each = 32, 50
	data := t.TempDir()
	p := start(t, data)
	var running sync.WaitGroup
	for worker := range workers {
		running.Go(func() {
			for i := range each {
				b := batch(fmt.Sprint(worker, "-", i), fmt.Sprintf(`[{"event":"signed_up","worker":%d,"number":%d}]`, worker, i))
				for _, again := range []bool{false, true} {
					duplicate, err := p.Publish(t.Context(), b)
					assert.NoError(t, err)
					assert.Equal(t, again, duplicate)
				}
			}
		})
	}
	running.Wait()
	stored := p.stored(t)
	assert.Less(t, stored, workers*each/2, "they share messages")

	// A retry that reaches the next process.
	p.end()
	p = start(t, data)
	for worker := range workers {
		duplicate, err := p.Publish(t.Context(), batch(fmt.Sprint(worker, "-", each-1), `[{"event":"signed_up"}]`))
		require.NoError(t, err)
		assert.True(t, duplicate)
	}
	assert.Equal(t, stored, p.stored(t))

	next := make([]int, workers)
	for _, e := range p.take(t, stored) {
		require.Equal(t, next[e.Worker], e.Number)
		next[e.Worker]++
	}
	for _, n := range next {
		assert.Equal(t, each, n)
	}
}

func TestSeedOfEmptyAndPurgedStream(t *testing.T) {
	data := t.TempDir()
	p := start(t, data)
	_, err := p.Publish(t.Context(), batch("first", "[{}]"))
	require.NoError(t, err)
	require.Len(t, p.take(t, 1), 1)
	p.end()
	p = start(t, data)
	_, err = p.Publish(t.Context(), batch("a", "[{}]"))
	require.NoError(t, err)
	assert.Equal(t, 1, p.stored(t))
}

func TestSeedWithoutAStream(t *testing.T) {
	p := start(t, t.TempDir())
	require.ErrorIs(t, p.Seed(t.Context(), "nobody"), jetstream.ErrStreamNotFound)
}

// What is being sent when the broker ends is an error for its callers, at the latest
// when the Gatherer closes, and is stored at most once.
func TestTheBrokerEnds(t *testing.T) {
	data := t.TempDir()
	p := start(t, data)
	var running sync.WaitGroup
	var mu sync.Mutex
	answered := map[string]bool{}
	ended := make(chan struct{})
	for worker := range 16 {
		running.Go(func() {
			for i := 0; ; i++ {
				id := fmt.Sprint(worker, "-", i)
				if _, err := p.Publish(t.Context(), batch(id, fmt.Sprintf(`[{"event":%q}]`, id))); err != nil {
					return
				}
				mu.Lock()
				if answered[id] = true; len(answered) == 500 {
					close(ended)
				}
				mu.Unlock()
			}
		})
	}
	<-ended
	p.broker.Close()
	p.Close()
	running.Wait()
	p = start(t, data)
	seen := map[string]int{}
	for _, e := range p.take(t, p.stored(t)) {
		seen[e.Event]++
	}
	for id := range answered {
		assert.Equal(t, 1, seen[id], id)
	}
	for id, times := range seen {
		assert.Equal(t, 1, times, id)
	}
}
