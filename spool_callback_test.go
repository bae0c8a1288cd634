package altertable_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
)

// A callback that flushes waits for messages on disk, whose reading must not
// wait for that callback.
func TestFlushInACallbackWithABacklog(t *testing.T) {
	for _, n := range []int{60, 2000} {
		for _, how := range []string{"Flush", "IdentifySync"} {
			t.Run(fmt.Sprint(how, " of ", n), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					client, srv, l := newSpoolClient(t, t.TempDir(), altertable.WithMaxQueueSize(8), altertable.WithMaxBatchSize(4))
					var once sync.Once
					tracked, took := make(chan struct{}), make(chan time.Duration, 1)
					l.then = func() {
						once.Do(func() {
							<-tracked
							start := time.Now()
							if how == "Flush" {
								assert.NoError(t, client.Flush(within(t, time.Hour)))
							} else {
								_, err := client.IdentifySync(within(t, time.Hour), linked("sync"))
								assert.NoError(t, err)
							}
							took <- time.Since(start)
						})
					}
					var accepted []string
					for i := range n {
						name := fmt.Sprint("u_", i)
						if how == "Flush" {
							require.NoError(t, client.Track(t.Context(), event(name)))
						} else {
							identifyLinked(t, client, name)
						}
						accepted = append(accepted, name)
					}
					close(tracked)
					assert.Less(t, <-took, 10*time.Second, "the server is well")
					require.NoError(t, client.Flush(t.Context()))
					if how == "IdentifySync" {
						assert.Equal(t, append(accepted, "sync"), identities(srv), "in order")
					}
					require.NoError(t, client.Close())
					l.settle(t, client, accepted...)
				})
			})
		}
	}
}

// Every callback may do so, and later ones, too.
func TestEveryCallbackFlushes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newSpoolClient(t, t.TempDir(), altertable.WithMaxQueueSize(8), altertable.WithMaxBatchSize(4))
		l.then = func() { assert.NoError(t, client.Flush(within(t, time.Hour))) }
		track(t, client, numbered(60)...)
		require.NoError(t, client.Flush(within(t, time.Hour)))
		assert.Len(t, srv.Events(), 60)
		pass(time.Minute)
		l.settle(t, client, numbered(60)...)
	})
}

// heapGauge notes how large the heap becomes, measured at requests.
type heapGauge struct {
	mu       sync.Mutex
	requests int
	most     uint64
}

func heapAlloc() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// RoundTrip accepts everything.
func (g *heapGauge) RoundTrip(r *http.Request) (*http.Response, error) {
	_ = r.Body.Close() // it returns nil
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.requests++; g.requests%25 == 0 {
		g.most = max(g.most, heapAlloc())
	}
	return &http.Response{StatusCode: 200, Body: http.NoBody, Header: http.Header{}}, nil
}

// What waits for a callback that never returns does not keep the disk from being
// read, nor does it fill the memory.
func TestMemoryWhileACallbackNeverReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gauge, stop := new(heapGauge), make(chan struct{})
		release := sync.OnceFunc(func() { close(stop) })
		defer release()
		var called sync.Once
		stuck := make(chan struct{})
		client, _, _ := newSpoolClient(t, t.TempDir(), altertable.WithHTTPClient(&http.Client{Transport: gauge}),
			altertable.WithMaxQueueBytes(1<<20), altertable.WithOnDelivery(func(altertable.Delivery) {
				called.Do(func() { close(stuck) })
				<-stop
			}))
		track(t, client, "first")
		<-stuck
		const n = 5000
		text := strings.Repeat("x", 10_000)
		start := heapAlloc()
		for range n {
			require.NoError(t, client.Track(t.Context(), event(text)))
		}
		require.NoError(t, client.Flush(within(t, time.Hour)), "it does not wait for a callback")
		end := heapAlloc()
		assert.EqualValues(t, n+1, client.Stats().Delivered)
		gauge.mu.Lock()
		assert.Less(t, max(end, gauge.most), start+20<<20)
		assert.Greater(t, gauge.requests, 20)
		gauge.mu.Unlock()
		release()
		require.NoError(t, client.Close())
		s := client.Stats()
		assert.Equal(t, s.Accepted, s.Delivered)
	})
}

// With losses, what waits for the callback is not forgotten: it is told in the end.
func TestRefusalsWhileACallbackIsStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refuse := roundTrip(func(r *http.Request) (*http.Response, error) {
			_ = r.Body.Close() // it returns nil
			return &http.Response{StatusCode: 422, Body: http.NoBody, Header: http.Header{}}, nil
		})
		client, _, l := newSpoolClient(t, t.TempDir(), altertable.WithHTTPClient(&http.Client{Transport: refuse}),
			altertable.WithMaxQueueSize(8), altertable.WithMaxBatchSize(4))
		stop := make(chan struct{})
		release := sync.OnceFunc(func() { close(stop) })
		defer release()
		l.then = func() { <-stop }
		track(t, client, numbered(200)...)
		synctest.Wait()
		before := int(client.Stats().Failed)
		err := client.Flush(within(t, time.Hour))
		var undelivered *altertable.UndeliveredError
		require.ErrorAs(t, err, &undelivered)
		if !errors.Is(err, context.DeadlineExceeded) {
			assert.Equal(t, 200-before, undelivered.Count)
		}
		release()
		_ = client.Flush(within(t, time.Hour)) // it tells of what was refused meanwhile
		pass(time.Minute)
		l.settle(t, client, numbered(200)...)
		require.NoError(t, client.Close())
	})
}

// What was delivered is not delivered again because a slow callback has not been
// told of it when the client ends.
func TestShutdownWhileCallbacksAreSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		client, srv, l := newSpoolClient(t, dir, altertable.WithMaxQueueSize(8), altertable.WithMaxBatchSize(2))
		l.then = func() { <-time.After(time.Second) }
		track(t, client, numbered(60)...)
		require.NoError(t, client.Close())
		assert.ElementsMatch(t, numbered(60), stored(srv))
		assert.Empty(t, files(t, dir))
		next, _, _ := newSpoolClient(t, dir)
		require.NoError(t, next.Close())
		assert.Zero(t, next.Stats().Accepted)
		pass(time.Hour)
		count := 0
		for _, d := range l.deliveries {
			count += d.Count
		}
		assert.Equal(t, 60, count, "all are told")
	})
}
