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

// takeDescriptors opens files until the process may not open another one, and
// returns what closes them again.
func takeDescriptors(t *testing.T) (giveBack func()) {
	t.Helper()
	var limit syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	limit.Cur = 100
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit))
	var taken []*os.File
	for {
		file, err := os.Open(os.DevNull)
		if err != nil {
			require.ErrorIs(t, err, syscall.EMFILE)
			return func() {
				for _, file := range taken {
					assert.NoError(t, file.Close())
				}
			}
		}
		taken = append(taken, file)
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
		client, srv, l := newSpoolClient(t, dir, manyFiles(dir), altertable.WithMaxQueueSize(10), altertable.WithMaxBatchSize(5))
		down := srv.Always(altertabletest.Status(503))
		track(t, client, numbered(100)...)
		giveBack := takeDescriptors(t)
		down.Release()
		pass(10 * time.Second)
		for range 3 {
			require.ErrorIs(t, client.Flush(within(t, time.Minute)), context.DeadlineExceeded, "most is on disk")
		}
		assert.Less(t, len(srv.Events()), 100)
		assert.Empty(t, l.lostSoFar())
		giveBack()
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
		client, srv, l := newSpoolClient(t, dir, manyFiles(dir), altertable.WithMaxQueueSize(10), altertable.WithMaxBatchSize(5))
		down := srv.Always(altertabletest.Status(503))
		track(t, client, numbered(100)...)
		flushed := make(chan error, 1)
		go func() { flushed <- client.Flush(within(t, time.Hour)) }()
		synctest.Wait()
		giveBack := takeDescriptors(t)
		down.Release()
		pass(time.Minute)
		assert.Empty(t, flushed, "it waits")
		giveBack()
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
		giveBack := takeDescriptors(t)
		down.Release()
		pass(time.Minute)
		more := make([]string, 100) // more than the disk has room for
		for i := range more {
			more[i] = fmt.Sprintf("more-%d", i)
		}
		blocked := make(chan error, 1)
		go func() { blocked <- insist(client, more) }()
		pass(time.Minute)
		giveBack()
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
		giveBack := takeDescriptors(t)
		down.Release()
		pass(time.Minute)
		_, err := client.IdentifySync(within(t, time.Minute), linked("u_5"))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		giveBack()
		_, err = client.IdentifySync(within(t, time.Hour), linked("u_6"))
		require.NoError(t, err)
		assert.Equal(t, []string{"u_0", "u_1", "u_2", "u_3", "u_4", "u_6"}, identities(srv))
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
		giveBack := takeDescriptors(t)
		down.Release()
		pass(10 * time.Second)
		require.NoError(t, client.Shutdown(within(t, time.Second)))
		giveBack()
		next, later, l := newSpoolClient(t, dir)
		require.NoError(t, next.Close())
		assert.ElementsMatch(t, numbered(100), append(stored(srv), stored(later)...))
		assert.Empty(t, l.errs)
		assert.Empty(t, files(t, dir))
	})
}
