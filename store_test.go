package altertable_test

import (
	"context"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
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

func TestDiskIsBounded(t *testing.T) {
	for overflow, name := range map[altertable.Overflow]string{altertable.DropNewest: "DropNewest", altertable.DropOldest: "DropOldest", altertable.Block: "Block"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				client, srv, l := newClient(t, altertable.WithSpool(dir, altertable.SpoolMaxBytes(64<<10)), altertable.WithOverflow(overflow), altertable.WithMaxBatchSize(10))
				down := srv.Always(altertabletest.Status(503))
				var accepted []string
				for _, name := range numbered(1000) {
					ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
					if err := client.Track(ctx, event(name)); err == nil {
						accepted = append(accepted, name)
					} else {
						require.ErrorIs(t, err, altertable.ErrQueueFull)
					}
					cancel()
					synctest.Wait() // no request carries the oldest any more
				}
				size := totalSize(t, dir)
				assert.EqualValues(t, 1000-len(accepted), client.Stats().Rejected)
				assert.LessOrEqual(t, size, int64(64<<10))
				assert.Greater(t, size, int64(32<<10))
				switch overflow {
				case altertable.DropOldest:
					assert.Len(t, accepted, 1000)
					assert.Equal(t, "e0", l.lostSoFar()[0])
				default:
					assert.Less(t, len(accepted), 500)
				}
				down.Release()
				require.NoError(t, client.Flush(t.Context()))
				l.settle(t, client, accepted...)
			})
		})
	}
}

func TestFullSpoolSendsAtOnce(t *testing.T) {
	for overflow, name := range map[altertable.Overflow]string{altertable.DropNewest: "DropNewest", altertable.DropOldest: "DropOldest", altertable.Block: "Block"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, srv, _ := newClient(t, altertable.WithSpool(t.TempDir(), altertable.SpoolMaxBytes(1024)),
					altertable.WithFlushInterval(time.Hour), altertable.WithOverflow(overflow))
				large, start := strings.Repeat("x", 500), time.Now()
				track(t, client, large)
				_ = client.Track(t.Context(), event(large)) // refused, or in place of the first, or after it
				synctest.Wait()
				assert.Len(t, srv.Requests(), 1)
				assert.Zero(t, time.Since(start))
			})
		})
	}
}

// A message that had no room does not make later ones, which have some, leave at once.
func TestSpoolThatWasFullForOneMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, _ := newClient(t, altertable.WithSpool(t.TempDir(), altertable.SpoolMaxBytes(2048)), altertable.WithFlushInterval(time.Hour))
		hung := srv.Always(altertabletest.Hang())
		track(t, client, strings.Repeat("x", 500))
		require.ErrorIs(t, client.Track(t.Context(), event(strings.Repeat("y", 1500))), altertable.ErrQueueFull)
		pass(time.Second)
		require.Len(t, srv.Requests(), 1, "the spool was full")
		track(t, client, "small")
		pass(time.Second)
		assert.Len(t, srv.Requests(), 1)
		hung.Release()
		require.NoError(t, client.Close())
	})
}

func TestMessageLargerThanTheDisksBound(t *testing.T) {
	client, _, _ := newClient(t, altertable.WithSpool(t.TempDir(), altertable.SpoolMaxBytes(1024)), altertable.WithOverflow(altertable.Block))
	assert.ErrorIs(t, client.Track(t.Context(), event(strings.Repeat("x", 1000))), altertable.ErrTooLarge)
	track(t, client, "e")
	require.NoError(t, client.Close())
}

// All that memory holds is carried by requests: what is evicted is on disk alone.
func TestDropOldestFromDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		client, srv, l := newSpoolClient(t, dir, altertable.WithSpool(dir, altertable.SpoolMaxBytes(64<<10)), altertable.WithMaxQueueSize(20),
			altertable.WithMaxBatchSize(10), altertable.WithOverflow(altertable.DropOldest))
		hung := srv.Always(altertabletest.Hang())
		track(t, client, numbered(1000)...)
		pass(time.Second)
		lost := l.lostSoFar()
		assert.Equal(t, numberedFrom(20, len(lost)), lost, "the oldest that no request carries")
		assert.Greater(t, len(lost), 500)
		hung.Release()
		require.NoError(t, client.Flush(t.Context()))
		l.settle(t, client, numbered(1000)...)
		assert.Empty(t, segments(t, dir))
	})
}

// The room that a callback waits for comes when it returns.
func TestBlockedCallbackWithAFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var client *altertable.Client
		large := event(strings.Repeat("x", 500))
		refused := make(chan error, 1)
		client, srv, _ := newClient(t, altertable.WithSpool(t.TempDir(), altertable.SpoolMaxBytes(1024)), altertable.WithOverflow(altertable.Block),
			altertable.WithOnError(func(error) {
				select {
				case refused <- client.Track(t.Context(), large):
				default:
				}
			}))
		srv.Always(altertabletest.Status(404))
		require.NoError(t, client.Track(t.Context(), large))
		assert.ErrorIs(t, <-refused, altertable.ErrQueueFull)
		require.NoError(t, client.Track(t.Context(), large), "there is room again")
	})
}

// Outcomes that are noted on disk take room there, too.
func TestDiskIsBoundedWhileOutcomesAreNoted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const bound = 16 << 10
		dir := t.TempDir()
		client, srv, _ := newClient(t, altertable.WithSpool(dir, altertable.SpoolMaxBytes(bound)), altertable.WithMaxBatchSize(1), altertable.WithMaxInFlight(256))
		release := make(chan struct{})
		var n atomic.Int64
		srv.Always(altertabletest.Answer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if n.Add(1)%2 == 0 { // every other outcome stands alone in its file
				<-r.Context().Done()
			}
			<-release
		})))
		for client.Track(t.Context(), event("e")) == nil {
		}
		pass(2 * time.Second)
		close(release)
		synctest.Wait()
		assert.Greater(t, client.Stats().Delivered, int64(20))
		assert.LessOrEqual(t, totalSize(t, dir), int64(bound))
	})
}

// A is stamped, then B is stamped and goes to disk, and then A.
func TestIdentifyIsOvertakenOnDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		second := make(chan struct{})
		client, srv, _ := newSpoolClient(t, t.TempDir(), altertable.WithMaxQueueSize(2), altertable.WithBeforeSend(func(m altertable.Message) altertable.Message {
			if i, ok := m.(altertable.Identify); ok && i.Traits["a"] != nil {
				<-second
			}
			return m
		}))
		down := srv.Always(altertabletest.Status(503))
		track(t, client, numbered(5)...)
		first := make(chan error)
		go func() {
			first <- client.Identify(t.Context(), altertable.Identify{DistinctID: "u_1", Traits: altertable.Traits{"a": 1}})
		}()
		synctest.Wait()
		require.NoError(t, client.Identify(t.Context(), altertable.Identify{DistinctID: "u_1", Traits: altertable.Traits{"b": 1}}))
		close(second)
		require.NoError(t, <-first)
		down.Release()
		require.NoError(t, client.Flush(t.Context()))
		require.Len(t, srv.Identities(), 1)
		assert.Len(t, srv.Identities()[0].Traits, 2)
	})
}

// Flush returns after what was delivered has left the disk.
func TestFlushMakesRoomOnDisk(t *testing.T) {
	dir := t.TempDir()
	client, _, _ := newClient(t, altertable.WithSpool(dir, altertable.SpoolMaxBytes(1024)))
	for range 100 {
		require.NoError(t, client.Track(t.Context(), event(strings.Repeat("x", 500))))
		require.NoError(t, client.Flush(t.Context()))
		require.Empty(t, segments(t, dir))
	}
}

// accountedFor checks that each of the accepted messages was told to a callback,
// delivered, or is in dir, which is as a kill would leave it now.
func accountedFor(t *testing.T, dir string, accepted []string, known ...[]string) {
	t.Helper()
	next, srv, _ := newSpoolClient(t, dir)
	require.NoError(t, next.Close())
	all := map[string]bool{}
	for _, name := range slices.Concat(append(known, stored(srv))...) {
		all[name] = true
	}
	missing := 0
	for _, name := range accepted {
		if !all[name] {
			missing++
		}
	}
	assert.Zero(t, missing, "of %d", len(accepted))
}

// A process may be killed at any instant while it evicts. Each message is then
// on disk, or somebody has been told of its loss.
func TestKillWhileMessagesAreEvicted(t *testing.T) {
	for name, size := range map[string]int{"memory is small": 20, "memory has room for all": 10_000} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir, copies := filepath.Join(t.TempDir(), "spool"), t.TempDir()
				called, goOn := make(chan struct{}), make(chan struct{})
				client, srv, l := newSpoolClient(t, dir, altertable.WithSpool(dir, altertable.SpoolMaxBytes(64<<10)), altertable.WithMaxQueueSize(size),
					altertable.WithMaxBatchSize(10), altertable.WithOverflow(altertable.DropOldest))
				l.then = func() { called <- struct{}{}; <-goOn }
				hung := srv.Always(altertabletest.Hang())
				var accepted []string
				for instant := range 8 {
					for _, name := range numberedFrom(instant*100, 100) {
						if client.Track(t.Context(), event(name)) == nil {
							accepted = append(accepted, name)
						}
					}
					synctest.Wait() // the callback is stopped in its midst, or none is due
					at := filepath.Join(copies, strconv.Itoa(instant))
					copySpool(t, at, dir)
					accountedFor(t, at, accepted, l.lostSoFar())
					select {
					case <-called:
						goOn <- struct{}{}
					default:
					}
				}
				require.NotEmpty(t, l.lostSoFar())
				hung.Release()
				go func() {
					for range called {
						goOn <- struct{}{}
					}
				}()
				require.NoError(t, client.Close())
				pass(time.Second)
				close(called)
				l.settle(t, client, accepted...)
			})
		})
	}
}

// The same holds for messages that the server refuses for good.
func TestKillWhileMessagesAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, copies := filepath.Join(t.TempDir(), "spool"), t.TempDir()
		called, goOn := make(chan struct{}), make(chan struct{})
		client, srv, l := newSpoolClient(t, dir, altertable.WithSpool(dir, altertable.SpoolMaxBytes(64<<10)), altertable.WithMaxQueueSize(20), altertable.WithMaxBatchSize(5))
		l.then = func() { called <- struct{}{}; <-goOn }
		srv.Always(altertabletest.Status(422))
		track(t, client, numbered(100)...)
		for instant := 0; len(l.lostSoFar()) < 100; instant++ {
			require.Less(t, instant, 1000)
			pass(time.Second)
			if instant%10 == 0 {
				at := filepath.Join(copies, strconv.Itoa(instant))
				copySpool(t, at, dir)
				accountedFor(t, at, numbered(100), l.lostSoFar())
			}
			<-called
			goOn <- struct{}{}
		}
		go func() {
			for range called {
				goOn <- struct{}{}
			}
		}()
		require.NoError(t, client.Close())
		pass(time.Second)
		close(called)
		l.settle(t, client, numbered(100)...)
	})
}
