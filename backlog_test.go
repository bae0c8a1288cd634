package altertable_test

import (
	"fmt"
	"net/http"
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
			identify(t, client, fmt.Sprintf("u_%d", i))
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
		identify(t, client, "u_0", "u_1", "u_2", "u_3", "u_4")
		_, err := client.IdentifySync(t.Context(), altertable.Identify{DistinctID: "u_5"})
		require.NoError(t, err)
		for i, identity := range srv.Identities() {
			assert.Equal(t, fmt.Sprintf("u_%d", i), identity.DistinctID)
		}
		assert.Len(t, srv.Identities(), 6)
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
