package altertable_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// returns checks that f does not wait for what hangs.
func returns(t *testing.T, what string, f func()) {
	t.Helper()
	returned := make(chan struct{})
	go func() {
		defer close(returned)
		f()
	}()
	select {
	case <-returned:
	case <-time.After(20 * time.Second):
		require.Fail(t, what+" waits for the disk")
	}
}

// A disk that hangs, as one that is frozen or behind a network does, holds up no
// call that has a context, and no Stats.
func TestDiskHangs(t *testing.T) {
	for _, op := range []string{"open", "read", "write", "remove"} {
		for _, end := range []string{"Flush", "Shutdown"} {
			t.Run(end+" while "+op+" hangs", func(t *testing.T) {
				dir, child := inChild(t, nil, func(dir string) { require.NoError(t, os.Mkdir(spoolIn(dir), 0o700)) })
				names := append(numbered(60), "u_0", "u_1", "u_2")
				if child {
					hangDisk(t, dir, op, end)
					return
				}
				text, err := os.ReadFile(filepath.Join(dir, "delivered"))
				require.NoError(t, err)
				var delivered []string
				require.NoError(t, json.Unmarshal(text, &delivered))
				client, srv, _ := newSpoolClient(t, spoolIn(dir))
				require.NoError(t, client.Close())
				all := append(append(delivered, stored(srv)...), identities(srv)...)
				assert.Subset(t, all, names, "what the child did not deliver was on disk")
			})
		}
	}
}

func hangDisk(t *testing.T, dir, op, end string) {
	spool := spoolIn(dir)
	gate := newGate(t, spool)
	client, srv, _ := newSpoolClient(t, spool, manyFiles(spool), altertable.WithMaxQueueSize(10), altertable.WithMaxBatchSize(3),
		altertable.WithRetry(altertable.RetryPolicy{InitialInterval: time.Millisecond, MaxInterval: time.Millisecond}))
	down := srv.Always(altertabletest.Status(503))
	track(t, client, numbered(60)...)
	identifyLinked(t, client, "u_0", "u_1", "u_2")
	gate.hang(op)
	down.Release()
	gate.awaitHung(t)
	returns(t, "Stats", func() { client.Stats() })
	if end == "Flush" {
		returns(t, "Flush", func() {
			assert.ErrorIs(t, client.Flush(within(t, 50*time.Millisecond)), context.DeadlineExceeded)
		})
		returns(t, "Flush with a context that has ended", func() {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			assert.ErrorIs(t, client.Flush(ctx), context.Canceled)
		})
		returns(t, "IdentifySync", func() {
			_, err := client.IdentifySync(within(t, 50*time.Millisecond), linked("u_3"))
			assert.ErrorIs(t, err, context.DeadlineExceeded)
		})
		returns(t, "TrackSync", func() {
			_, err := client.TrackSync(within(t, time.Minute), event("sync"))
			assert.NoError(t, err, "it has nothing to do with the disk")
		})
		gate.open()
		returns(t, "Flush", func() { assert.NoError(t, client.Flush(within(t, time.Minute)), "after it hung") })
		assert.Len(t, srv.Events(), 61)
	} else {
		returns(t, "Shutdown", func() { _ = client.Shutdown(within(t, 50*time.Millisecond)) })
		returns(t, "Stats", func() { client.Stats() })
		returns(t, "a second Shutdown", func() { _ = client.Shutdown(within(t, 50*time.Millisecond)) })
		gate.open()
	}
	text, err := json.Marshal(append(stored(srv), identities(srv)...))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "delivered"), text, 0o600))
}

// Reading and opening may fail for a while, for whatever reason: nothing is lost
// by that, and Flush does not say that it was delivered.
func TestReadingFailsForAWhile(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EIO, syscall.EACCES, syscall.ESTALE, syscall.ENFILE} {
		for _, op := range []string{"open", "read"} {
			t.Run(fmt.Sprintf("%s, %d", op, errno), func(t *testing.T) {
				dir, child := inChild(t, nil, nil)
				if !child {
					return
				}
				gate := newGate(t, dir)
				synctest.Test(t, func(t *testing.T) {
					client, srv, l := newSpoolClient(t, dir, manyFiles(dir), altertable.WithMaxQueueSize(10), altertable.WithMaxBatchSize(5))
					down := srv.Always(altertabletest.Status(503))
					track(t, client, numbered(60)...)
					gate.fail(errno, op)
					down.Release()
					pass(10 * time.Second)
					for range 3 {
						require.ErrorIs(t, client.Flush(within(t, time.Minute)), context.DeadlineExceeded)
					}
					assert.Less(t, len(srv.Events()), 60)
					gate.open()
					require.NoError(t, client.Flush(within(t, time.Hour)))
					assert.ElementsMatch(t, numbered(60), stored(srv))
					assert.Empty(t, l.lostSoFar())
					pass(5 * time.Minute)
					require.NoError(t, client.Close())
					assert.Empty(t, files(t, dir))
				})
			})
		}
	}
}

// A file system that becomes read-only (errors=remount-ro) is still read, and is
// cleaned up if it comes back.
func TestFileSystemBecomesReadOnly(t *testing.T) {
	dir, child := inChild(t, nil, nil)
	if !child {
		return
	}
	gate := newGate(t, dir)
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newSpoolClient(t, dir, manyFiles(dir), altertable.WithMaxQueueSize(10), altertable.WithMaxBatchSize(5))
		down := srv.Always(altertabletest.Status(503))
		track(t, client, numbered(60)...)
		gate.set(func(call fileCall) verdict {
			if call.writes {
				return verdict{err: syscall.EROFS}
			}
			return verdict{}
		})
		var spool *altertable.SpoolError
		assert.ErrorAs(t, client.Track(t.Context(), event("refused")), &spool)
		down.Release()
		require.NoError(t, client.Flush(within(t, time.Hour)))
		assert.ElementsMatch(t, numbered(60), stored(srv))
		pass(5 * time.Minute)
		assert.NotEmpty(t, l.troubles())
		assert.Empty(t, l.lostSoFar())
		gate.open()
		pass(5 * time.Minute)
		assert.Empty(t, segments(t, dir), "it tries again")
		track(t, client, "more")
		require.NoError(t, client.Close())
		assert.Empty(t, files(t, dir))
		next, srv, _ := newSpoolClient(t, dir)
		require.NoError(t, next.Close())
		assert.Empty(t, srv.Events())
	})
}

// What is delivered while outcomes cannot be noted, or files not removed, is not
// delivered again, once they can.
func TestNotingFailsForAWhile(t *testing.T) {
	for op, errno := range map[string]syscall.Errno{"write": syscall.ENOSPC, "remove": syscall.EBUSY, "open": syscall.EMFILE} {
		t.Run(op, func(t *testing.T) {
			dir, child := inChild(t, nil, nil)
			if !child {
				return
			}
			gate := newGate(t, dir)
			synctest.Test(t, func(t *testing.T) {
				client, srv, l := newSpoolClient(t, dir, altertable.WithMaxBatchSize(10))
				down := srv.Always(altertabletest.Status(503))
				hung := srv.Always(altertabletest.Hang().MatchBody(contains("e0")))
				track(t, client, numbered(60)...)
				gate.fail(errno, op)
				down.Release()
				pass(time.Minute)
				require.NotEmpty(t, srv.Events())
				gate.open()
				pass(5 * time.Minute)
				delivered := stored(srv)
				require.NoError(t, client.Shutdown(within(t, time.Millisecond)))
				hung.Release()
				next, later, _ := newSpoolClient(t, dir)
				require.NoError(t, next.Close())
				assert.Empty(t, l.lostSoFar())
				assert.ElementsMatch(t, numbered(60), append(delivered, stored(later)...), "each once")
				assert.Empty(t, files(t, dir))
			})
		})
	}
}
