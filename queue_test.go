package altertable_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

func TestDropNewestRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t, altertable.WithMaxQueueSize(5))
		rule := srv.Always(altertabletest.Hang())
		track(t, client, numbered(5)...)
		assert.ErrorIs(t, client.Track(t.Context(), event("e5")), altertable.ErrQueueFull)
		synctest.Wait()
		assert.Equal(t, 1, rule.Hits(), "a full queue sends at once")
		assert.ErrorIs(t, client.Track(t.Context(), event("e5")), altertable.ErrQueueFull, "what is in flight counts")
		rule.Release()
		synctest.Wait()
		track(t, client, "e6")
		require.NoError(t, client.Flush(t.Context()))
		s := client.Stats()
		assert.EqualValues(t, 6, s.Accepted)
		assert.EqualValues(t, 2, s.Rejected)
		l.settle(t, client, append(numbered(5), "e6")...)
	})
}

func TestDropOldestEvicts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t, altertable.WithMaxQueueSize(10), altertable.WithMaxBatchSize(2), altertable.WithMaxInFlight(1), altertable.WithOverflow(altertable.DropOldest))
		rule := srv.Always(altertabletest.Hang())
		track(t, client, numbered(10)...)
		synctest.Wait() // e0 and e1 are carried
		track(t, client, "e10", "e11", "e12")
		synctest.Wait()
		assert.Equal(t, []string{"e2", "e3", "e4"}, l.lostSoFar())
		assert.EqualValues(t, 3, client.Stats().Dropped)
		for _, err := range l.errs {
			assert.ErrorIs(t, err, altertable.ErrQueueFull)
		}
		assert.Len(t, l.errs, 3, "one by one")
		rule.Release()
		require.NoError(t, client.Flush(t.Context()))
		l.settle(t, client, numbered(13)...)
	})
}

// The oldest goes first, whichever of the open batches it is in.
func TestDropOldestEvictsAcrossBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t, altertable.WithMaxQueueSize(7), altertable.WithMaxInFlight(1), altertable.WithOverflow(altertable.DropOldest))
		rule := srv.Always(altertabletest.Hang())
		track(t, client, "carried")
		pass(time.Second)
		environments := []string{"production", "staging", "preview"}
		for i := range 12 {
			e := event(fmt.Sprintf("e%d", i))
			e.Environment = environments[i%3]
			require.NoError(t, client.Track(t.Context(), e))
		}
		synctest.Wait()
		assert.Equal(t, numbered(6), l.lostSoFar())
		rule.Release()
		require.NoError(t, client.Flush(t.Context()))
		l.settle(t, client, append(numbered(12), "carried")...)
	})
}

// An open batch goes on growing while callbacks read the messages that were
// evicted from it. The race detector is what tells.
func TestEvictedMessagesAreReadWhileTheirBatchGrows(t *testing.T) {
	var told atomic.Int64
	client, srv, _ := newClient(t, altertable.WithMaxQueueSize(10), altertable.WithMaxBatchSize(1000), altertable.WithMaxInFlight(1),
		altertable.WithFlushInterval(time.Millisecond), altertable.WithOverflow(altertable.DropOldest),
		altertable.WithOnDelivery(func(d altertable.Delivery) {
			for range 100 {
				if len(d.Payloads()) != d.Count {
					t.Error("payloads are missing")
				}
			}
			told.Add(1)
		}))
	rule := srv.Always(altertabletest.Hang())
	track(t, client, "carried")
	require.NoError(t, srv.WaitRequests(t.Context(), 1))
	for told.Load() < 10 {
		if err := client.Track(t.Context(), event("e")); err != nil {
			require.ErrorIs(t, err, altertable.ErrQueueFull)
		}
	}
	rule.Release()
	require.NoError(t, client.Close())
}

// What is evicted waits for a callback as well: it may not pile up behind one that is stuck.
func TestDropOldestRefusesWhileACallbackIsStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := make(chan struct{})
		client, srv, l := newClient(t, altertable.WithMaxQueueSize(10), altertable.WithMaxBatchSize(2), altertable.WithMaxInFlight(1), altertable.WithOverflow(altertable.DropOldest),
			altertable.WithOnDelivery(func(altertable.Delivery) { <-stuck }))
		rule := srv.Always(altertabletest.Hang())
		track(t, client, numbered(10)...)
		synctest.Wait() // e0 and e1 are carried
		track(t, client, numberedFrom(10, 20)...)
		pass(time.Second)
		assert.ErrorIs(t, client.Track(t.Context(), event("refused")), altertable.ErrQueueFull)
		assert.EqualValues(t, 20, client.Stats().Dropped)
		close(stuck)
		synctest.Wait()
		track(t, client, "e30")
		assert.EqualValues(t, 21, client.Stats().Dropped)
		rule.Release()
		require.NoError(t, client.Flush(t.Context()))
		assert.Len(t, l.lost, 21)
	})
}

func TestDropOldestRefusesWhenAllIsCarried(t *testing.T) {
	large := strings.Repeat("x", 700)
	for name, test := range map[string]struct {
		limit  altertable.Option
		fit    []string
		excess string
	}{
		"messages": {altertable.WithMaxQueueSize(4), numbered(4), "e4"},
		"bytes":    {altertable.WithMaxQueueBytes(2000), []string{large + "0", large + "1"}, large + "2"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, srv, l := newClient(t, test.limit, altertable.WithMaxBatchSize(2), altertable.WithOverflow(altertable.DropOldest))
				rule := srv.Always(altertabletest.Hang())
				track(t, client, test.fit...)
				synctest.Wait()
				assert.ErrorIs(t, client.Track(t.Context(), event(test.excess)), altertable.ErrQueueFull)
				rule.Release()
				require.NoError(t, client.Flush(t.Context()))
				l.settle(t, client, test.fit...)
			})
		})
	}
}

func TestQueueFullOfBytesSendsAtOnce(t *testing.T) {
	for overflow, name := range map[altertable.Overflow]string{altertable.DropNewest: "DropNewest", altertable.DropOldest: "DropOldest"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, srv, _ := newClient(t, altertable.WithMaxQueueBytes(1500), altertable.WithFlushInterval(time.Hour), altertable.WithOverflow(overflow))
				large := strings.Repeat("x", 500)
				track(t, client, large, large)
				_ = client.Track(t.Context(), event(large)) // refused, or in place of the first
				synctest.Wait()
				assert.Len(t, srv.Requests(), 1)
			})
		})
	}
}

// A message that found no room is not remembered once there is room for it.
func TestQueueThatWasFullWaitsForCompanyAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, _ := newClient(t, altertable.WithMaxQueueBytes(1500), altertable.WithFlushInterval(time.Hour))
		large := strings.Repeat("x", 500)
		track(t, client, large, large)
		require.ErrorIs(t, client.Track(t.Context(), event(large)), altertable.ErrQueueFull)
		synctest.Wait()
		require.Len(t, srv.Requests(), 1)
		track(t, client, strings.Repeat("x", 800)) // leaves no room for the one that was refused
		synctest.Wait()
		assert.Len(t, srv.Requests(), 1)
	})
}

// A hundred thousand messages and a server that does not answer: the queue's
// bounds hold, in messages, in bytes and in requests.
func TestBurstAgainstAHungServer(t *testing.T) {
	for name, limit := range map[string]altertable.Option{
		"messages": altertable.WithMaxQueueSize(20_000),
		"bytes":    altertable.WithMaxQueueBytes(4 << 20),
	} {
		t.Run(name, func(t *testing.T) {
			client := newBenchClient(t, hung{}, altertable.WithOverflow(altertable.DropNewest),
				altertable.WithRequestTimeout(24*time.Hour), limit) // else requests end, and more begin, on a machine that needs seconds for the burst
			refused := 0
			for range 100_000 {
				if err := client.Track(t.Context(), checkout); err != nil {
					require.ErrorIs(t, err, altertable.ErrQueueFull)
					refused++
				}
			}
			s := client.Stats()
			assert.EqualValues(t, 100_000, s.Accepted+s.Rejected)
			assert.EqualValues(t, refused, s.Rejected)
			assert.LessOrEqual(t, s.Queued, int64(20_000))
			assert.LessOrEqual(t, s.QueuedBytes, int64(8<<20))
			assert.Equal(t, s.Accepted, s.Queued)
			assert.LessOrEqual(t, s.Requests, int64(8))
		})
	}
}

func TestLimitsAreExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		padded := func(client *altertable.Client, srv *altertabletest.Server, size int) altertable.Track {
			e := altertable.Track{Event: "e", DistinctID: "u_1", Timestamp: time.UnixMilli(1)}
			_, err := client.TrackSync(t.Context(), e)
			require.NoError(t, err)
			requests := srv.Requests()
			e.Event += strings.Repeat("x", size-requests[len(requests)-1].Size)
			return e
		}
		client, srv, _ := newClient(t, altertable.WithMaxBatchBytes(2048))
		require.NoError(t, client.Track(t.Context(), padded(client, srv, 2046)))
		assert.EqualValues(t, 2046, client.Stats().QueuedBytes)
		assert.ErrorIs(t, client.Track(t.Context(), padded(client, srv, 2047)), altertable.ErrTooLarge)
		require.NoError(t, client.Flush(t.Context()))

		for size, batches := range map[int]int{1022: 1, 1023: 2} { // with brackets and comma 2048 and 2049
			first, second := padded(client, srv, size), padded(client, srv, 1023)
			before := len(srv.Requests())
			require.NoError(t, client.Track(t.Context(), first))
			require.NoError(t, client.Track(t.Context(), second))
			require.NoError(t, client.Flush(t.Context()))
			assert.Len(t, srv.Requests(), before+batches)
		}

		client, srv, _ = newClient(t) // 1 MiB by default
		require.NoError(t, client.Track(t.Context(), padded(client, srv, 1<<20-2)))
		assert.ErrorIs(t, client.Track(t.Context(), padded(client, srv, 1<<20-1)), altertable.ErrTooLarge)
		require.NoError(t, client.Flush(t.Context()))

		client, srv, _ = newClient(t, altertable.WithMaxQueueBytes(1500))
		require.NoError(t, client.Track(t.Context(), padded(client, srv, 1500)))
		assert.ErrorIs(t, client.Track(t.Context(), padded(client, srv, 1501)), altertable.ErrTooLarge)
		assert.ErrorIs(t, client.Track(t.Context(), padded(client, srv, 200)), altertable.ErrQueueFull)
	})
}

// 100,000 messages or 64 MiB, whichever is reached first.
func TestDefaultBoundsOfTheQueue(t *testing.T) {
	e := altertable.Track{Event: "e", DistinctID: "u_1", Timestamp: time.UnixMilli(1)}
	measured := newBenchClient(t, hung{})
	require.NoError(t, measured.Track(t.Context(), e))
	large := e
	large.Event += strings.Repeat("x", 512<<10-int(measured.Stats().QueuedBytes))
	for name, test := range map[string]struct {
		message altertable.Track
		fit     int
	}{
		"messages": {e, 100_000},
		"bytes":    {large, 128},
	} {
		t.Run(name, func(t *testing.T) {
			client := newBenchClient(t, hung{}, altertable.WithOverflow(altertable.DropNewest))
			for range test.fit {
				require.NoError(t, client.Track(t.Context(), test.message))
			}
			assert.ErrorIs(t, client.Track(t.Context(), e), altertable.ErrQueueFull)
		})
	}
}

func TestBatchesKeepToTheirBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t, altertable.WithMaxBatchBytes(4096))
		for i := range 200 {
			e := event(fmt.Sprintf("e%d", i))
			e.Properties = altertable.Properties{"text": strings.Repeat("x", i*17%3000)}
			require.NoError(t, client.Track(t.Context(), e))
		}
		require.NoError(t, client.Flush(t.Context()))
		bytes := 0
		for _, r := range srv.Requests() {
			assert.LessOrEqual(t, len(r.Body), 4096)
			bytes += len(r.Body)
		}
		for _, d := range l.deliveries {
			bytes -= d.Bytes
		}
		assert.Zero(t, bytes, "Delivery.Bytes is the length of the body")
		l.settle(t, client, numbered(200)...)
	})
}

func TestQueueSmallerThanABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t, altertable.WithMaxQueueSize(1), altertable.WithOverflow(altertable.Block))
		for _, name := range numbered(20) {
			require.NoError(t, client.Track(t.Context(), event(name)))
		}
		require.NoError(t, client.Flush(t.Context()))
		assert.Len(t, srv.Requests(), 20)
		l.settle(t, client, numbered(20)...)
	})
}

func TestManyEnvironments(t *testing.T) {
	client, srv, _ := newClient(t, altertable.WithFlushInterval(time.Millisecond))
	for i := range 2000 {
		e := event("e")
		e.Environment = fmt.Sprintf("tenant-%d", i)
		require.NoError(t, client.Track(t.Context(), e))
	}
	require.NoError(t, client.Flush(t.Context()))
	assert.Len(t, srv.Events(), 2000)
}

func TestMapsAreTheCallersAgain(t *testing.T) {
	client, srv, _ := newClient(t)
	properties := altertable.Properties{"list": []any{1}, "map": map[string]any{"n": 1}}
	for i := range 100 {
		properties["i"] = i
		properties["map"].(map[string]any)["n"] = i
		require.NoError(t, client.Track(t.Context(), altertable.Track{Event: "e", DistinctID: "u_1", Properties: properties}))
	}
	require.NoError(t, client.Flush(t.Context()))
	for i, e := range srv.Events() {
		assert.EqualValues(t, i, e.Properties["i"])
		assert.EqualValues(t, i, e.Properties["map"].(map[string]any)["n"])
	}
}

// slow is a value whose encoding waits.
type slow struct{ entered, leave chan struct{} }

func (s slow) MarshalJSON() ([]byte, error) {
	close(s.entered)
	<-s.leave
	return []byte("1"), nil
}

func TestEncodingHoldsNoLock(t *testing.T) {
	client, srv, l := newClient(t)
	s := slow{make(chan struct{}), make(chan struct{})}
	done := make(chan error, 1)
	go func() {
		done <- client.Track(context.Background(), altertable.Track{Event: "slow", DistinctID: "u_1", Properties: altertable.Properties{"s": s}})
	}()
	<-s.entered
	track(t, client, "e0")
	require.NoError(t, client.Flush(t.Context()))
	assert.Equal(t, []string{"e0"}, stored(srv))
	close(s.leave)
	require.NoError(t, <-done)
	require.NoError(t, client.Flush(t.Context()))
	l.settle(t, client, "e0", "slow")
}

func TestPayloadsOutliveTheBuffers(t *testing.T) {
	var kept []json.RawMessage
	client, srv, _ := newClient(t, altertable.WithOnDelivery(func(d altertable.Delivery) { kept = append(kept, d.Payloads()...) }))
	srv.Next(1, altertabletest.Status(401))
	for i := range 100 {
		track(t, client, numbered(100)...)
		require.True(t, client.Flush(t.Context()) == nil || i == 0)
	}
	require.Len(t, kept, 10_000)
	for i, name := range names(kept) {
		require.Equal(t, fmt.Sprintf("e%d", i%100), name)
	}
}
