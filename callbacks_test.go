package altertable_test

import (
	"context"
	"encoding/json"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

func TestCallbacksMayCallTheClient(t *testing.T) {
	for name, call := range map[string]func(*altertable.Client) error{
		"Flush":    func(c *altertable.Client) error { return c.Flush(context.Background()) },
		"Close":    func(c *altertable.Client) error { return c.Close() },
		"Shutdown": func(c *altertable.Client) error { return c.Shutdown(context.Background()) },
		"Track":    func(c *altertable.Client) error { _ = c.Stats(); return c.Track(context.Background(), event("again")) },
		"TrackSync": func(c *altertable.Client) error {
			_, err := c.TrackSync(context.Background(), event("again"))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var client *altertable.Client
				results := make(chan error, 100)
				var once, twice sync.Once
				client, srv, _ := newClient(t,
					altertable.WithOnDelivery(func(altertable.Delivery) { once.Do(func() { results <- call(client) }) }),
					altertable.WithOnError(func(error) { twice.Do(func() { results <- call(client) }) }))
				srv.Next(1, altertabletest.Status(401))
				track(t, client, "lost")
				require.Error(t, client.Flush(within(t, time.Minute)))
				first := <-results
				second := <-results
				if name == "Track" || name == "TrackSync" {
					assert.NoError(t, first)
				}
				_ = second // closed or not: it returned
				_ = client.Close()
				s := client.Stats()
				assert.Equal(t, s.Accepted, s.Delivered+s.Failed+s.Dropped)
			})
		})
	}
}

func TestCallbacksMayPanicAndEndTheirGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		client, srv, _ := newClient(t, altertable.WithMaxBatchSize(1), altertable.WithOnDelivery(func(altertable.Delivery) {
			calls++
			switch calls % 3 {
			case 0:
				panic("secret")
			case 1:
				runtime.Goexit()
			}
		}))
		track(t, client, numbered(30)...)
		require.NoError(t, client.Flush(t.Context()))
		require.NoError(t, client.Close())
		assert.Equal(t, 30, calls)
		assert.Len(t, srv.Events(), 30)
	})
}

// A loss is told to OnError whatever OnDelivery does with it.
func TestLossesAreToldDespiteOnDelivery(t *testing.T) {
	for name, misbehave := range map[string]func(){"panics": func() { panic("secret") }, "ends its goroutine": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, srv, l := newClient(t, altertable.WithMaxBatchSize(1), altertable.WithOnDelivery(func(altertable.Delivery) { misbehave() }))
				srv.Always(altertabletest.Status(401))
				track(t, client, numbered(3)...)
				_ = client.Flush(t.Context()) // tells of losses only if they come during the call
				assert.ElementsMatch(t, numbered(3), l.lostSoFar())
			})
		})
	}
}

func TestOnDeliveryIsToldBeforeOnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		client, srv, _ := newClient(t,
			altertable.WithOnError(func(error) { told = append(told, "OnError") }),
			altertable.WithOnDelivery(func(altertable.Delivery) { told = append(told, "OnDelivery") }))
		srv.Always(altertabletest.Status(401))
		track(t, client, "e0")
		require.Error(t, client.Flush(t.Context()))
		assert.Equal(t, []string{"OnDelivery", "OnError"}, told)
	})
}

func TestCallbacksRunOneAtATime(t *testing.T) {
	var running, most atomic.Int64
	var l ledger
	count := func() {
		most.Store(max(most.Load(), running.Add(1)))
		runtime.Gosched()
		running.Add(-1)
	}
	client, srv := altertabletest.New(t, append(l.options(), altertable.WithMaxBatchSize(1),
		altertable.WithOnDelivery(func(altertable.Delivery) { count() }),
		altertable.WithOnError(func(error) { count() }))...)
	srv.Always(altertabletest.Status(404).MatchBody(contains("e1", "e3", "e5")))
	track(t, client, numbered(200)...)
	_ = client.Flush(t.Context()) // tells of losses only if they come during the call
	assert.EqualValues(t, 3, client.Stats().Failed)
	assert.EqualValues(t, 1, most.Load())
}

// Each callback has its own 250 ms: together they may take longer.
func TestFlushWaitsForSeveralSlowCallbacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := 0
		slow := func() { <-time.After(200 * time.Millisecond); told++ }
		client, srv := altertabletest.New(t,
			altertable.WithOnDelivery(func(altertable.Delivery) { slow() }), altertable.WithOnDelivery(func(altertable.Delivery) { slow() }),
			altertable.WithOnError(func(error) { slow() }), altertable.WithOnError(func(error) { slow() }))
		srv.Next(1, altertabletest.Status(404))
		require.NoError(t, client.Enqueue(t.Context(), event("a"), func(error) { slow() }))
		require.Error(t, client.Flush(t.Context()))
		assert.Equal(t, 5, told)
	})
}

func TestBlockWaitsForSeveralSlowCallbacks(t *testing.T) {
	slow := func() { <-time.After(200 * time.Millisecond) }
	tell := altertable.WithOnDelivery(func(altertable.Delivery) { slow() })
	for name, c := range map[string]struct {
		opts []altertable.Option
		done func(error)
	}{
		"dones":     {nil, func(error) { slow() }},
		"callbacks": {[]altertable.Option{tell, tell, tell}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, _ := altertabletest.New(t, append(c.opts, altertable.WithOverflow(altertable.Block), altertable.WithMaxQueueSize(3))...)
				for range 3 {
					require.NoError(t, client.Enqueue(t.Context(), event("a"), c.done))
				}
				synctest.Wait()
				begin := time.Now()
				require.NoError(t, client.Track(t.Context(), event("b")), "none is stuck")
				assert.Equal(t, 600*time.Millisecond, time.Since(begin))
			})
		})
	}
}

func TestStuckCallbackFillsTheQueueNotTheMemory(t *testing.T) {
	e := altertable.Track{Event: "e", DistinctID: "u_1", Timestamp: time.UnixMilli(1)}
	measured := newBenchClient(t, hung{})
	require.NoError(t, measured.Track(t.Context(), e))
	bytes := altertable.WithMaxQueueBytes(100 * int(measured.Stats().QueuedBytes))
	for _, options := range [][]altertable.Option{
		{altertable.WithMaxQueueSize(100), altertable.WithOverflow(altertable.DropNewest)},
		{altertable.WithMaxQueueSize(100), altertable.WithOverflow(altertable.DropOldest)},
		{altertable.WithMaxQueueSize(100), altertable.WithOverflow(altertable.Block)},
		{bytes, altertable.WithOverflow(altertable.DropNewest)},
		{bytes, altertable.WithOverflow(altertable.DropOldest)},
		{bytes, altertable.WithOverflow(altertable.Block)},
	} {
		synctest.Test(t, func(t *testing.T) {
			release := make(chan struct{})
			client, _, _ := newClient(t, append(options, altertable.WithMaxBatchSize(10),
				altertable.WithOnDelivery(func(altertable.Delivery) { <-release }))...)
			accepted := 0
			for range 1000 {
				synctest.Wait()
				if err := client.Track(t.Context(), e); err == nil {
					accepted++
				} else {
					require.ErrorIs(t, err, altertable.ErrQueueFull)
				}
			}
			assert.Equal(t, 100, accepted)
			start := time.Now()
			require.NoError(t, client.Flush(t.Context()), "all was delivered")
			assert.Equal(t, 250*time.Millisecond, time.Since(start), "it does not wait for the callback for ever")
			require.NoError(t, client.Close())
			close(release)
			synctest.Wait()
			assert.EqualValues(t, 100, client.Stats().Delivered)
		})
	}
}

func TestPayloadsAreLentForTheCallback(t *testing.T) {
	var kept altertable.Delivery
	var during []json.RawMessage
	client, _, _ := newClient(t, altertable.WithOnDelivery(func(d altertable.Delivery) { kept, during = d, d.Payloads() }))
	track(t, client, "e0", "e1")
	require.NoError(t, client.Flush(t.Context()))
	assert.Equal(t, numbered(2), names(during))
	assert.Nil(t, kept.Payloads())
	assert.Nil(t, altertable.Delivery{}.Payloads())
}

// The error of a Delivery holds its messages as well, and for longer.
func TestErrorOfADeliveryHoldsTheMessages(t *testing.T) {
	var lost *altertable.DeliveryError
	var during []string
	client, srv, _ := newClient(t, altertable.WithOnDelivery(func(d altertable.Delivery) {
		if errors.As(d.Err, &lost) {
			during = names(lost.Payloads())
		}
	}))
	srv.Always(altertabletest.Status(401))
	track(t, client, "e0", "e1")
	require.Error(t, client.Flush(t.Context()))
	assert.Equal(t, numbered(2), during)
	assert.Equal(t, numbered(2), names(lost.Payloads()))
}

func TestDeliveryTellsWhatHappened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t, altertable.WithEnvironment("staging"))
		srv.Next(1, altertabletest.Status(503).RetryAfter(10*time.Second))
		identify(t, client, "u_1")
		require.NoError(t, client.Flush(t.Context()))
		d := l.deliveries[0]
		assert.Equal(t, "identify", d.Endpoint)
		assert.Equal(t, "staging", d.Environment)
		assert.Equal(t, 1, d.Count)
		assert.Equal(t, 2, d.Attempts)
		assert.Equal(t, 10*time.Second, d.Duration)
		assert.NotEmpty(t, d.TaskID)
		assert.Equal(t, srv.Requests()[0].Size, d.Bytes)
	})
}

func TestErrorTextsAreSafeToLog(t *testing.T) {
	client, srv, l := newClient(t)
	srv.Always(altertabletest.Status(400).JSON(`{"error":{"code":"secret free text","message":"secret@example.com"}}`))
	require.NoError(t, client.Track(t.Context(), altertable.Track{Event: "secret", DistinctID: "secret", Properties: altertable.Properties{"secret": 1}}))
	err := client.Flush(t.Context())
	for _, err := range append([]error{err}, l.errs...) {
		assert.NotContains(t, err.Error(), "secret")
		var api *altertable.APIError
		require.True(t, errors.As(err, &api))
		assert.Equal(t, "secret free text", api.Code, "it is there for who asks")
	}
}
