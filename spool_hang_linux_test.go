package altertable_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
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
	case <-time.After(time.Minute):
		require.Fail(t, what+" waits for the disk")
	}
}

// A diskHang has the disk hang while a client works, which deliver lets begin. It
// returns what waits for its own calls, once the disk hangs no more.
type diskHang func(t *testing.T, gate *gate, client *altertable.Client, deliver func()) (over func())

// A disk that hangs, as one that is frozen or behind a network does, holds up no
// call that has a context, and no Stats.
func TestDiskHangs(t *testing.T) {
	for name, hang := range map[string]diskHang{
		"in open":   hangInBacklog("open"),
		"in read":   hangInBacklog("read"),
		"in write":  hangInBacklog("write"),
		"in remove": hangInBacklog("remove"),
		"in all": func(t *testing.T, gate *gate, client *altertable.Client, deliver func()) (over func()) {
			track(t, client, numbered(8)...)
			gate.set(func(fileCall) verdict { return verdict{hang: true} })
			deliver()
			gate.awaitHung(t)
			return func() {}
		},
		"in Track": func(t *testing.T, gate *gate, client *altertable.Client, deliver func()) (over func()) {
			deliver()
			gate.set(func(fileCall) verdict { return verdict{hang: true} })
			tracked := make(chan error, 1)
			go func() { tracked <- client.Track(context.Background(), event("hung")) }() // it may wait for the disk
			gate.awaitHung(t)
			return func() { <-tracked }
		},
	} {
		for _, end := range []string{"Flush", "Shutdown"} {
			t.Run(end+" "+name, func(t *testing.T) {
				dir, child := inChild(t, nil, func(dir string) { require.NoError(t, os.Mkdir(spoolIn(dir), 0o700)) })
				if !child {
					checkHung(t, dir)
					return
				}
				spool := spoolIn(dir)
				gate := newGate(t, spool)
				client, srv, _ := newSpoolClient(t, spool, manyFiles(spool), altertable.WithMaxQueueSize(10), altertable.WithMaxBatchSize(3),
					altertable.WithRetry(altertable.RetryPolicy{InitialInterval: time.Millisecond, MaxInterval: time.Millisecond}))
				down := srv.Always(altertabletest.Status(503))
				over := hang(t, gate, client, down.Release)
				t.Cleanup(gate.open)
				returns(t, "Stats", func() { client.Stats() })
				if end == "Flush" {
					callsReturn(t, client)
					gate.open()
					over()
					returns(t, "Flush", func() { assert.NoError(t, client.Flush(within(t, time.Minute)), "after it hung") })
				} else {
					returns(t, "Shutdown", func() { _ = client.Shutdown(within(t, 50*time.Millisecond)) })
					returns(t, "Stats", func() { client.Stats() })
					returns(t, "a second Shutdown", func() { _ = client.Shutdown(within(t, 50*time.Millisecond)) })
					gate.open()
					over()
				}
				noteHung(t, dir, client, append(stored(srv), identities(srv)...))
			})
		}
	}
}

// hangInBacklog has an operation hang while messages on disk are delivered.
func hangInBacklog(op string) diskHang {
	return func(t *testing.T, gate *gate, client *altertable.Client, deliver func()) (over func()) {
		track(t, client, numbered(60)...)
		identifyLinked(t, client, "u_0", "u_1", "u_2")
		gate.hang(op)
		deliver()
		gate.awaitHung(t)
		returns(t, "Flush", func() {
			assert.ErrorIs(t, client.Flush(within(t, 50*time.Millisecond)), context.DeadlineExceeded)
		})
		returns(t, "IdentifySync of a person on disk", func() {
			_, err := client.IdentifySync(within(t, 50*time.Millisecond), linked("u_3"))
			assert.ErrorIs(t, err, context.DeadlineExceeded)
		})
		return func() {}
	}
}

// callsReturn makes the calls that have a context.
func callsReturn(t *testing.T, client *altertable.Client) {
	t.Helper()
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, ctx := range map[string]context.Context{"a context that ends": within(t, 50*time.Millisecond), "one that has ended": canceled} {
		returns(t, "Flush with "+name, func() { _ = client.Flush(ctx) })
		returns(t, "IdentifySync with "+name, func() { _, _ = client.IdentifySync(ctx, altertable.Identify{DistinctID: "sync"}) })
	}
	returns(t, "TrackSync", func() {
		_, err := client.TrackSync(within(t, time.Minute), event("sync"))
		assert.NoError(t, err, "it has nothing to do with the disk")
	})
}

// hungNote is what the child of TestDiskHangs tells.
type hungNote struct {
	Accepted  int64
	Delivered []string
}

func noteHung(t *testing.T, dir string, client *altertable.Client, delivered []string) {
	t.Helper()
	text, err := json.Marshal(hungNote{client.Stats().Accepted, delivered})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "note"), text, 0o600))
}

// checkHung checks that what the child did not deliver is on disk.
func checkHung(t *testing.T, dir string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "note"))
	require.NoError(t, err)
	var note hungNote
	require.NoError(t, json.Unmarshal(text, &note))
	client, srv, _ := newSpoolClient(t, spoolIn(dir))
	require.NoError(t, client.Close())
	all := map[string]bool{}
	for _, name := range slices.Concat(note.Delivered, stored(srv), identities(srv)) {
		if name != "sync" {
			all[name] = true
		}
	}
	assert.GreaterOrEqual(t, int64(len(all)), note.Accepted)
}

// Reading and opening may fail for a while, for whatever reason: nothing is lost
// by that, and Flush does not say that it was delivered.
func TestReadingFailsForAWhile(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EIO, syscall.EACCES, syscall.ESTALE, syscall.EMFILE} {
		for _, op := range []string{"open", "read"} {
			t.Run(fmt.Sprintf("%s, %d", op, errno), func(t *testing.T) {
				dir, child := inChild(t, nil, nil)
				if !child {
					return
				}
				gate := newGate(t, dir)
				synctest.Test(t, func(t *testing.T) {
					client, srv, l, down := unreadClient(t, dir, 60)
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
		client, srv, l, down := unreadClient(t, dir, 60)
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
				opts := []altertable.Option{altertable.WithMaxBatchSize(10)}
				if op == "remove" {
					opts = append(opts, manyFiles(dir))
				}
				client, srv, l := newSpoolClient(t, dir, opts...)
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

// A watchedContext tells when somebody begins to wait for its end.
type watchedContext struct {
	context.Context
	once   sync.Once
	waited chan struct{}
}

func (c *watchedContext) Done() <-chan struct{} {
	c.once.Do(func() { close(c.waited) })
	return c.Context.Done()
}

// A call that is writing its message when Shutdown begins is refused, and costs
// what was accepted before it nothing.
func TestShutdownWhileTrackWrites(t *testing.T) {
	dir, child := inChild(t, nil, nil)
	if !child {
		return
	}
	gate := newGate(t, dir)
	client, srv, l := newSpoolClient(t, dir, altertable.WithMaxQueueSize(2), altertable.WithMaxBatchSize(2),
		altertable.WithRetry(altertable.RetryPolicy{InitialInterval: time.Millisecond, MaxInterval: time.Millisecond}))
	down := srv.Always(altertabletest.Status(503))
	track(t, client, numbered(20)...)
	gate.hang("write")
	tracked, closed := make(chan error, 1), make(chan error, 1)
	go func() { tracked <- client.Track(context.Background(), event("late")) }()
	gate.awaitHung(t)
	ctx := &watchedContext{Context: within(t, time.Minute), waited: make(chan struct{})}
	go func() { closed <- client.Shutdown(ctx) }()
	<-ctx.waited // Shutdown has begun
	gate.open()
	require.ErrorIs(t, <-tracked, altertable.ErrClosed)
	down.Release()
	require.NoError(t, <-closed)
	assert.Equal(t, numbered(20), stored(srv))
	l.settle(t, client, numbered(20)...)
	assert.Empty(t, files(t, dir))
}

// A message whose write outlasts Shutdown is refused, and so nobody delivers it.
func TestShutdownRefusesAMessageThatHangs(t *testing.T) {
	dir, child := inChild(t, nil, func(dir string) { require.NoError(t, os.Mkdir(spoolIn(dir), 0o700)) })
	if !child {
		return
	}
	spool := spoolIn(dir)
	gate := newGate(t, spool)
	client, _, l := newSpoolClient(t, spool)
	gate.hang("write")
	tracked := make(chan error, 1)
	go func() { tracked <- client.Track(context.Background(), event("hung")) }()
	gate.awaitHung(t)
	returns(t, "Shutdown", func() { _ = client.Shutdown(within(t, 50*time.Millisecond)) })
	gate.open()
	require.ErrorIs(t, <-tracked, altertable.ErrClosed)
	isEmpty := func() bool {
		left, err := os.ReadDir(spool)
		return err == nil && len(left) == 0
	}
	assert.Eventually(t, isEmpty, time.Minute, time.Millisecond, "nothing is left for the next client")
	assert.Zero(t, client.Stats().Accepted)
	assert.Empty(t, l.lostSoFar())
}
