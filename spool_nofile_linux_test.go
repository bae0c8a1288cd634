package altertable_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// descriptors are all that the process may have and does not use.
type descriptors struct{ taken []*os.File }

// newDescriptors takes all that there are.
func newDescriptors(t *testing.T) *descriptors {
	t.Helper()
	var limit syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	limit.Cur = 100
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit))
	d := new(descriptors)
	d.take(t)
	return d
}

// take takes those, too, that have been given back to the process.
func (d *descriptors) take(t *testing.T) {
	t.Helper()
	for {
		file, err := os.Open(os.DevNull)
		if err != nil {
			require.ErrorIs(t, err, syscall.EMFILE)
			return
		}
		d.taken = append(d.taken, file)
	}
}

func (d *descriptors) giveBack() {
	for _, file := range d.taken {
		_ = file.Close() // nothing was written
	}
}

// isTrue checks what Flush says of n events.
func isTrue(t *testing.T, flushed error, srv *altertabletest.Server, n int) {
	t.Helper()
	if flushed == nil {
		assert.Len(t, srv.Events(), n, "all was delivered")
	} else {
		assert.ErrorIs(t, flushed, context.DeadlineExceeded, "it could go on")
	}
}

// Flush says nil about what was delivered, and about nothing else, however often
// the backlog could not be read.
func TestFlushWhileNoFileCanBeOpened(t *testing.T) {
	dir, child := inChild(t, nil, nil)
	if !child {
		return
	}
	synctest.Test(t, func(t *testing.T) {
		client, srv, l, down := unreadClient(t, dir, 100)
		all := newDescriptors(t)
		down.Release()
		for range 3 {
			pass(10 * time.Second)
			all.take(t)
			isTrue(t, client.Flush(within(t, time.Minute)), srv, 100)
		}
		assert.Empty(t, l.lostSoFar())
		all.giveBack()
		require.NoError(t, client.Flush(within(t, time.Hour)))
		assert.Len(t, srv.Events(), 100)
		l.settle(t, client, numbered(100)...)
		require.NoError(t, client.Close())
		assert.Empty(t, files(t, dir))
	})
}

// A Flush that began before takes part in it.
func TestFlushIsUnderWayWhenNoFileCanBeOpened(t *testing.T) {
	dir, child := inChild(t, nil, nil)
	if !child {
		return
	}
	synctest.Test(t, func(t *testing.T) {
		client, srv, l, down := unreadClient(t, dir, 100)
		flushed := make(chan error, 1)
		go func() { flushed <- client.Flush(within(t, 10*time.Minute)) }()
		synctest.Wait()
		all := newDescriptors(t)
		down.Release()
		pass(time.Minute)
		all.take(t)
		pass(time.Minute)
		all.giveBack()
		require.NoError(t, <-flushed)
		assert.Len(t, srv.Events(), 100)
		l.settle(t, client, numbered(100)...)
	})
}

// insist tracks events, each until it is accepted, in virtual time.
func insist(client *altertable.Client, names []string) error {
	for _, name := range names {
		err := client.Track(context.Background(), event(name))
		for spool := new(altertable.SpoolError); errors.As(err, &spool); err = client.Track(context.Background(), event(name)) {
			<-time.After(time.Second) // no file can be opened to write it
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// The room that such messages take comes back, for a call that waits for it.
func TestBlockWhileNoFileCanBeOpened(t *testing.T) {
	dir, child := inChild(t, nil, nil)
	if !child {
		return
	}
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newSpoolClient(t, dir, altertable.WithSpool(dir, altertable.SpoolMaxBytes(16<<10)),
			altertable.WithMaxQueueSize(5), altertable.WithOverflow(altertable.Block))
		down := srv.Always(altertabletest.Status(503))
		var accepted []string
		for client.Track(within(t, time.Millisecond), event(fmt.Sprintf("e%d", len(accepted)))) == nil {
			accepted = append(accepted, fmt.Sprintf("e%d", len(accepted)))
		}
		require.Greater(t, len(accepted), 20)
		all := newDescriptors(t)
		down.Release()
		pass(time.Minute)
		more := make([]string, 100) // more than the disk has room for
		for i := range more {
			more[i] = fmt.Sprintf("more-%d", i)
		}
		blocked := make(chan error, 1)
		go func() { blocked <- insist(client, more) }()
		pass(time.Minute)
		all.giveBack()
		select {
		case err := <-blocked:
			require.NoError(t, err)
		case <-time.After(time.Hour):
			require.Fail(t, "there is no room")
		}
		require.NoError(t, client.Flush(within(t, time.Hour)))
		accepted = append(accepted, more...)
		assert.ElementsMatch(t, accepted, stored(srv))
		l.settle(t, client, accepted...)
	})
}

// IdentifySync does not overtake what cannot be read now.
func TestIdentifySyncWhileNoFileCanBeOpened(t *testing.T) {
	dir, child := inChild(t, nil, nil)
	if !child {
		return
	}
	synctest.Test(t, func(t *testing.T) {
		client, srv, _ := newSpoolClient(t, dir, manyFiles(dir), altertable.WithMaxQueueSize(2), altertable.WithMaxBatchSize(2))
		down := srv.Always(altertabletest.Status(503))
		identifyLinked(t, client, "u_0", "u_1", "u_2", "u_3", "u_4")
		all := newDescriptors(t)
		down.Release()
		pass(time.Minute)
		all.take(t)
		want := []string{"u_0", "u_1", "u_2", "u_3", "u_4"}
		if _, err := client.IdentifySync(within(t, time.Minute), linked("u_5")); err == nil {
			want = append(want, "u_5")
		}
		all.giveBack()
		_, err := client.IdentifySync(within(t, time.Hour), linked("u_6"))
		require.NoError(t, err)
		assert.Equal(t, append(want, "u_6"), identities(srv))
	})
}

// What cannot be read is on disk, which is enough for Shutdown, and for the next client.
func TestShutdownWhileNoFileCanBeOpened(t *testing.T) {
	dir, child := inChild(t, nil, nil)
	if !child {
		return
	}
	synctest.Test(t, func(t *testing.T) {
		client, srv, _ := newSpoolClient(t, dir, manyFiles(dir), altertable.WithMaxQueueSize(10))
		down := srv.Always(altertabletest.Status(503))
		track(t, client, numbered(100)...)
		all := newDescriptors(t)
		down.Release()
		pass(10 * time.Second)
		all.take(t)
		require.NoError(t, client.Shutdown(within(t, time.Second)))
		all.giveBack()
		next, later, l := newSpoolClient(t, dir)
		require.NoError(t, next.Close())
		assert.ElementsMatch(t, numbered(100), append(stored(srv), stored(later)...))
		assert.Empty(t, l.errs)
		assert.Empty(t, files(t, dir))
	})
}
