package broker

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type numbered struct {
	Event  string
	Worker int
	Number int
}

// Many producers at the same time: each event is stored once, and those of one
// producer in order.
func TestGatheredOnServer(t *testing.T) {
	const workers, each = 32, 50
	o := Options{Data: t.TempDir()}
	b := open(t, o)
	var running sync.WaitGroup
	for worker := range workers {
		running.Go(func() {
			for i := range each {
				m := message(fmt.Sprint(worker, "-", i), fmt.Sprintf(`[{"event":"signed_up","worker":%d,"number":%d}]`, worker, i))
				for range 2 { // the second is a retry
					_, err := b.Writable().PublishMsg(t.Context(), m)
					assert.NoError(t, err)
				}
			}
		})
	}
	running.Wait()
	stored := messages(t, b, "acme")
	assert.Less(t, stored, uint64(workers*each/2), "they share messages")

	// A retry that reaches the next process.
	b.Close()
	b = open(t, o)
	for worker := range workers {
		m := message(fmt.Sprint(worker, "-", each-1), `[{"event":"signed_up"}]`)
		ack, err := b.Writable().PublishMsg(t.Context(), m)
		require.NoError(t, err)
		assert.True(t, ack.Duplicate)
	}
	assert.Equal(t, stored, messages(t, b, "acme"))

	next := make([]int, workers)
	for _, e := range eventsOf(t, b, int(stored)) {
		require.Equal(t, next[e.Worker], e.Number)
		next[e.Worker]++
	}
	for _, n := range next {
		assert.Equal(t, each, n)
	}
}

func eventsOf(t *testing.T, b *Broker, n int) (all []numbered) {
	t.Helper()
	c, err := b.JetStream().Consumer(t.Context(), Stream("acme"), EventsConsumer)
	require.NoError(t, err)
	batch, err := c.Fetch(n, jetstream.FetchMaxWait(10*time.Second), jetstream.FetchPriorityGroup(Group))
	require.NoError(t, err)
	for m := range batch.Messages() {
		var events []numbered
		require.NoError(t, json.Unmarshal(m.Data(), &events))
		all = append(all, events...)
	}
	return all
}

func TestSeedOfEmptyAndPurgedStream(t *testing.T) {
	o := Options{Data: t.TempDir()}
	b := open(t, o)
	publish(t, b, "acme", "[]")
	newPuller(t, b).deliver(1)
	b.Close()
	b = open(t, o)
	_, err := b.Writable().PublishMsg(t.Context(), message("a", "[{}]"))
	require.NoError(t, err)
}

func TestRecentIsBounded(t *testing.T) {
	number := func(i int) (s idSum) {
		binary.BigEndian.PutUint64(s[:], uint64(i))
		return s
	}
	r := recent{window: time.Hour}
	for i := range 3 * mostRecent {
		r.add(number(i))
	}
	assert.LessOrEqual(t, len(r.now)+len(r.before), 2*mostRecent)
	assert.True(t, r.has(number(3*mostRecent-1)))
	assert.True(t, r.has(number(2*mostRecent)))
	assert.False(t, r.has(number(0)))
}

func TestRememberHostileHeader(t *testing.T) {
	r := recent{window: time.Hour}
	r.remember(nats.Header{HeaderIDs: {"x %% AAAA AAAAAAAAAAAAAAAAA " + "AAAAAAAAAAAAAAAA"}})
	assert.Len(t, r.now, 1)
}
