package altertable_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

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
					require.NoError(t, os.CopyFS(at, os.DirFS(dir)))
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
				require.NoError(t, os.CopyFS(at, os.DirFS(dir)))
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
