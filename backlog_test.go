package altertable_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

func TestDiskHoldsMoreThanMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		client, srv, l := newSpoolClient(t, dir, altertable.WithMaxQueueSize(50), altertable.WithMaxBatchSize(10))
		down := srv.Always(altertabletest.Status(503))
		track(t, client, numbered(1000)...)
		for i := range 20 {
			identifyLinked(t, client, fmt.Sprintf("u_%d", i))
		}
		assert.EqualValues(t, 1020, client.Stats().Queued)
		down.Release()
		require.NoError(t, client.Flush(t.Context()))
		assert.Len(t, srv.Events(), 1000)
		var all []string
		for i, identity := range srv.Identities() {
			assert.Equal(t, fmt.Sprintf("u_%d", i), identity.DistinctID)
			all = append(all, identity.DistinctID)
		}
		l.settle(t, client, append(all, numbered(1000)...)...)
		require.NoError(t, client.Close())
		assert.Empty(t, files(t, dir))
	})
}

func TestFlushCoversTheBacklogAndNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newSpoolClient(t, t.TempDir(), altertable.WithMaxQueueSize(10), altertable.WithMaxBatchSize(5))
		down := srv.Always(altertabletest.Status(503))
		track(t, client, numbered(100)...)
		flushed := make(chan error, 1)
		go func() { flushed <- client.Flush(t.Context()) }()
		synctest.Wait()
		srv.Always(altertabletest.Status(503).MatchBody(contains("late")))
		down.Release()
		for i := range 30 {
			track(t, client, fmt.Sprintf("%d", i), "late")
		}
		require.NoError(t, <-flushed)
		assert.Subset(t, stored(srv), numbered(100))
		srv.ClearFaults()
		require.NoError(t, client.Flush(t.Context()))
		assert.EqualValues(t, 160, client.Stats().Delivered)
		assert.Len(t, l.delivered, 160)
	})
}

func TestIdentifySyncGoesAfterTheBacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, _ := newSpoolClient(t, t.TempDir(), altertable.WithMaxQueueSize(2), altertable.WithMaxBatchSize(2))
		srv.Next(3, altertabletest.Status(503))
		identifyLinked(t, client, "u_0", "u_1", "u_2", "u_3", "u_4")
		_, err := client.IdentifySync(t.Context(), linked("u_5"))
		require.NoError(t, err)
		for i, identity := range srv.Identities() {
			assert.Equal(t, fmt.Sprintf("u_%d", i), identity.DistinctID)
		}
		assert.Len(t, srv.Identities(), 6)
	})
}

// What goes to disk while it waits must not arrive later with the older stamps:
// the server would ignore its traits.
func TestIdentifySyncWaitsForIdentifiesThatJoinTheBacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, _ := newSpoolClient(t, t.TempDir(), altertable.WithMaxQueueSize(2), altertable.WithMaxBatchSize(2))
		down := srv.Always(altertabletest.Status(503))
		identify(t, client, "u_1", "u_2", "u_3", "u_4", "u_5")
		done := make(chan error, 1)
		go func() {
			_, err := client.IdentifySync(t.Context(), altertable.Identify{DistinctID: "u_1", Traits: altertable.Traits{"sync": true}})
			done <- err
		}()
		synctest.Wait()
		for i := range 10 {
			require.NoError(t, client.Identify(t.Context(), altertable.Identify{DistinctID: "u_1", Traits: altertable.Traits{fmt.Sprint(i): true}}))
		}
		down.Release()
		require.NoError(t, <-done)
		require.NoError(t, client.Flush(t.Context()))
		i, ok := srv.Identity("production", "u_1")
		require.True(t, ok)
		assert.Len(t, i.Traits, 1+1+10, "nobody's are lost")
	})
}

func TestIdentifySyncDoesNotWaitForTracksOnDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, _ := newSpoolClient(t, t.TempDir(), altertable.WithMaxQueueSize(2))
		srv.Always(altertabletest.Status(503).On("/track"))
		track(t, client, numbered(10)...)
		_, err := client.IdentifySync(t.Context(), altertable.Identify{DistinctID: "u_1"})
		require.NoError(t, err)
		assert.EqualValues(t, 10, client.Stats().Queued)
	})
}

func TestFlushesEndWhenAClientLeavesMessagesOnDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, _ := newSpoolClient(t, t.TempDir(), altertable.WithMaxQueueSize(5))
		srv.Always(altertabletest.Status(503))
		track(t, client, numbered(10)...)
		flushed := make(chan error, 1)
		go func() { flushed <- client.Flush(t.Context()) }()
		synctest.Wait()
		require.NoError(t, client.Shutdown(within(t, time.Second)), "they are on disk")
		var undelivered *altertable.UndeliveredError
		require.ErrorAs(t, <-flushed, &undelivered, "but not delivered")
		assert.Equal(t, 10, undelivered.Count)
		assert.NoError(t, client.Flush(t.Context()), "after Close")
		assert.NoError(t, client.Shutdown(t.Context()))
		assert.EqualValues(t, 10, client.Stats().Queued)
	})
}

// lateRefusal answers 400 when it is told to stop.
type lateRefusal struct{}

func (lateRefusal) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	_ = r.Body.Close() // it returns nil
	return &http.Response{StatusCode: 400, Body: http.NoBody, Header: http.Header{}}, nil
}

// One bad message in a batch does not cost the others their next attempt.
func TestBatchRefusedAtTheEndIsLeftOnDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _, l := newSpoolClient(t, t.TempDir(), altertable.WithHTTPClient(&http.Client{Transport: lateRefusal{}}))
		track(t, client, numbered(3)...)
		require.NoError(t, client.Shutdown(within(t, time.Second)))
		assert.Empty(t, l.lostSoFar())
		assert.EqualValues(t, 3, client.Stats().Queued)
	})
}

func TestFilesAreDamagedWhileRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		client, srv, l := newSpoolClient(t, dir, altertable.WithMaxQueueSize(10))
		down := srv.Always(altertabletest.Status(503))
		track(t, client, numbered(100)...)
		file, err := os.OpenFile(segments(t, dir)[0], os.O_RDWR, 0)
		require.NoError(t, err)
		_, err = file.WriteAt([]byte{0}, 10_000)
		require.NoError(t, err)
		require.NoError(t, file.Close())
		down.Release()
		var undelivered *altertable.UndeliveredError
		require.ErrorAs(t, client.Flush(t.Context()), &undelivered, "and it ends")
		assert.Equal(t, 1, undelivered.Count)
		require.NotEmpty(t, l.errs)
		s := client.Stats()
		assert.EqualValues(t, 99, s.Delivered)
		assert.EqualValues(t, 1, s.Dropped, "nobody can read it")
		track(t, client, "more")
		assert.NoError(t, client.Flush(t.Context()))
		require.NoError(t, client.Close())
		require.Len(t, files(t, dir), 1)
		assert.Equal(t, ".damaged", filepath.Ext(files(t, dir)[0]), "set aside")
	})
}

// What goes wrong with later messages is not why a Flush's own are undelivered.
func TestFlushNamesTheCauseOfItsOwnMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		client, srv, l := newSpoolClient(t, dir, altertable.WithMaxQueueSize(10), altertable.WithMaxBatchSize(5))
		srv.Always(altertabletest.Status(503).MatchBody(contains("e0")))
		hung := srv.Next(1, altertabletest.Hang().MatchBody(contains("e5")))
		track(t, client, numbered(10)...)
		flushed := make(chan error, 1)
		go func() { flushed <- client.Flush(within(t, time.Minute)) }()
		synctest.Wait()
		track(t, client, numberedFrom(10, 100)...)
		file, err := os.OpenFile(segments(t, dir)[0], os.O_RDWR, 0)
		require.NoError(t, err)
		_, err = file.WriteAt([]byte{0}, 10_000)
		require.NoError(t, err)
		require.NoError(t, file.Close())
		hung.Release()
		var api *altertable.APIError
		require.ErrorAs(t, <-flushed, &api)
		assert.Equal(t, 503, api.StatusCode)
		assert.NotEmpty(t, l.errs, "the damage was met")
	})
}

// One message waits on disk for which memory has no room yet, though for others.
func TestMemoryHasNoRoomForTheNextOnDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newSpoolClient(t, t.TempDir(), altertable.WithMaxQueueBytes(1024))
		down := srv.Always(altertabletest.Status(503))
		large := strings.Repeat("x", 600)
		track(t, client, "e0", "e1", "e2", large, "e3")
		pass(time.Second) // while a goroutine is busy, time stands
		down.Release()
		require.NoError(t, client.Flush(t.Context()))
		l.settle(t, client, "e0", "e1", "e2", large, "e3")
	})
}

// A flush does not wait for messages whose file was removed before they were read.
func TestFlushOfARemovedBacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		client, srv, l := newSpoolClient(t, dir, altertable.WithSpool(dir, altertable.SpoolMaxBytes(64<<10)), altertable.WithMaxQueueSize(2), altertable.WithMaxBatchSize(2))
		down := srv.Always(altertabletest.Status(503))
		track(t, client, numbered(40)...)
		synctest.Wait()
		paths := segments(t, dir)
		require.Greater(t, len(paths), 3)
		require.NoError(t, os.Remove(paths[1]))
		down.Release()
		err := client.Flush(within(t, time.Hour))
		var undelivered *altertable.UndeliveredError
		require.ErrorAs(t, err, &undelivered)
		assert.NotErrorIs(t, err, context.DeadlineExceeded)
		s := client.Stats()
		assert.EqualValues(t, s.Dropped, undelivered.Count)
		assert.Positive(t, s.Dropped)
		assert.EqualValues(t, 40, s.Delivered+s.Dropped)
		assert.Len(t, l.delivered, int(s.Delivered))
		require.NoError(t, client.Flush(t.Context()))
	})
}
