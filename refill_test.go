package altertable_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// block puts a directory in the place of a file, which then cannot be read until
// the function that it returns is called.
func block(t *testing.T, path string) (unblock func()) {
	t.Helper()
	synctest.Wait() // else the client may look while there is nothing
	require.NoError(t, os.Rename(path, path+".away"))
	require.NoError(t, os.Mkdir(path, 0o700))
	return func() {
		synctest.Wait()
		require.NoError(t, os.Remove(path))
		require.NoError(t, os.Rename(path+".away", path))
	}
}

// backlogged returns a client of which 40 messages are on disk, most of them in
// files that are to be read, while the server is down.
func backlogged(t *testing.T, opts ...altertable.Option) (client *altertable.Client, srv *altertabletest.Server, l *ledger, down interface{ Release() }, paths []string) {
	t.Helper()
	dir := t.TempDir()
	client, srv, l = newSpoolClient(t, dir, append([]altertable.Option{altertable.WithSpool(dir, altertable.SpoolMaxBytes(64<<10)),
		altertable.WithMaxQueueSize(2), altertable.WithMaxBatchSize(2)}, opts...)...)
	down = srv.Always(altertabletest.Status(503))
	track(t, client, numbered(40)...)
	synctest.Wait()
	paths = segments(t, dir)
	require.Greater(t, len(paths), 5)
	return client, srv, l, down, paths
}

// What cannot be read for a while is not delivered, and not lost.
func TestBacklogIsReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l, down, paths := backlogged(t, altertable.WithRetry(altertable.RetryPolicy{MaxInterval: time.Second}))
		var unblock []func()
		for _, path := range paths[1 : len(paths)-1] {
			unblock = append(unblock, block(t, path))
		}
		down.Release()
		err := client.Flush(within(t, 30*time.Second))
		var undelivered *altertable.UndeliveredError
		require.ErrorAs(t, err, &undelivered)
		var spool *altertable.SpoolError
		require.ErrorAs(t, err, &spool, "it says why")
		assert.Equal(t, "read", spool.Op)
		assert.EqualValues(t, client.Stats().Queued, undelivered.Count)
		require.Len(t, l.errs, 1, "told once")
		require.Error(t, client.Flush(within(t, time.Second)), "a later one counts them too")
		for _, f := range unblock {
			f()
		}
		pass(5 * time.Second)
		assert.Equal(t, numbered(40), stored(srv), "in order, and nobody had to call")
		require.NoError(t, client.Flush(t.Context()))
		l.settle(t, client, numbered(40)...)
	})
}

// One file that cannot be read holds up the others for a minute at most.
func TestOneFileThatCannotBeReadGoesLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l, down, paths := backlogged(t)
		unblock := block(t, paths[2])
		early := make(chan error, 1)
		go func() { early <- client.Flush(t.Context()) }()
		synctest.Wait()
		track(t, client, numberedFrom(40, 20)...)
		down.Release()
		err := client.Flush(within(t, 10*time.Minute))
		var undelivered *altertable.UndeliveredError
		require.ErrorAs(t, err, &undelivered)
		missing := int(client.Stats().Queued)
		assert.Positive(t, missing)
		assert.Less(t, missing, 10)
		assert.Equal(t, missing, undelivered.Count)
		assert.NotErrorIs(t, err, t.Context().Err())
		require.ErrorAs(t, <-early, &undelivered)
		assert.Equal(t, missing, undelivered.Count)
		assert.Equal(t, 60-missing, len(stored(srv)), "all others are delivered")
		assert.True(t, slices.IsSortedFunc(stored(srv), func(a, b string) int { return len(a) - len(b) }))
		unblock()
		require.NoError(t, client.Flush(t.Context()))
		l.settle(t, client, numbered(60)...)
	})
}

// That a file could not be read, before it was removed, says nothing of later ones.
func TestReadingFailsAgainAfterALoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, _, down, paths := backlogged(t)
		block(t, paths[2])
		down.Release()
		pass(5 * time.Minute) // the others are delivered
		require.NoError(t, os.Remove(paths[2]))
		require.Error(t, client.Flush(t.Context()), "some are lost")
		require.Zero(t, client.Stats().Queued)

		down = srv.Always(altertabletest.Status(503))
		track(t, client, numberedFrom(40, 40)...)
		synctest.Wait()
		unblock := block(t, segments(t, filepath.Dir(paths[0]))[0])
		flushed := make(chan error, 1)
		go func() { flushed <- client.Flush(t.Context()) }()
		down.Release()
		pass(20 * time.Second)
		unblock()
		require.NoError(t, <-flushed)
	})
}

// To Shutdown, messages that stay on disk because they cannot be read are no loss.
func TestShutdownLeavesAFileThatCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, _, down, paths := backlogged(t)
		unblock := block(t, paths[2])
		down.Release()
		require.NoError(t, client.Shutdown(within(t, 10*time.Minute)))
		left := client.Stats().Queued
		require.Positive(t, left)
		unblock()
		next, again, _ := newSpoolClient(t, filepath.Dir(filepath.Dir(paths[2])))
		require.NoError(t, next.Close())
		assert.EqualValues(t, left, next.Stats().Delivered)
		assert.ElementsMatch(t, numbered(40), append(stored(srv), stored(again)...))
	})
}

// A call that waits for room gets it when the backlog can be read again.
func TestRoomComesBackAfterFailedReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, _, down, paths := backlogged(t, altertable.WithOverflow(altertable.Block))
		for client.Track(within(t, time.Millisecond), event("more")) == nil {
			synctest.Wait()
		}
		var unblock []func()
		for _, path := range paths[1:] {
			unblock = append(unblock, block(t, path))
		}
		waiting := make(chan error, 1)
		go func() { waiting <- client.Track(t.Context(), event("last")) }()
		down.Release()
		pass(10 * time.Second)
		for _, f := range unblock {
			f()
		}
		require.NoError(t, <-waiting)
		require.NoError(t, client.Flush(t.Context()))
		assert.Contains(t, stored(srv), "last")
	})
}

// A callback that waits for the backlog does not keep it from being read.
func TestCallbackWaitsForTheBacklog(t *testing.T) {
	for name, call := range map[string]func(*testing.T, *altertable.Client) error{
		"Flush": func(t *testing.T, c *altertable.Client) error { return c.Flush(within(t, time.Minute)) },
		"IdentifySync": func(t *testing.T, c *altertable.Client) error {
			_, err := c.IdentifySync(within(t, time.Minute), altertable.Identify{DistinctID: "u_1"})
			return err
		},
	} {
		for _, n := range []int{60, 1000} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var client *altertable.Client
					first, result := true, make(chan error, 1)
					client, srv, l := newSpoolClient(t, t.TempDir(), altertable.WithMaxQueueSize(8), altertable.WithMaxBatchSize(4),
						altertable.WithOnDelivery(func(altertable.Delivery) {
							if first {
								first = false
								result <- call(t, client)
							}
						}))
					down := srv.Always(altertabletest.Status(503))
					track(t, client, numbered(n)...)
					identify(t, client, "u_0")
					down.Release()
					require.NoError(t, <-result)
					require.NoError(t, client.Close())
					l.settle(t, client, append(numbered(n), "u_0")...)
				})
			})
		}
	}
}

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
