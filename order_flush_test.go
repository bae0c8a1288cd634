package altertable_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// D waits for the batch of A, because a third identify links the two. That one is
// evicted, and the batch split: now nothing is ahead of D, and it leaves, since
// Flush waits for it, whatever else is open meanwhile.
func TestFlushOfWhatNeedNotWaitAnyMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, _ := newClient(t, altertable.WithFlushInterval(time.Hour), altertable.WithMaxBatchSize(3),
			altertable.WithMaxQueueSize(6), altertable.WithOverflow(altertable.DropOldest))
		srv.Next(1, altertabletest.Status(http.StatusBadRequest).On("/identify").Delay(2*time.Second))
		srv.Always(altertabletest.Delay(2 * time.Second).MatchBody(contains("staging"))) // it leaves, since the queue is full, and stays there
		identify(t, client, "A", "B", "C")                                               // full, so in flight
		synctest.Wait()
		identifyLinked(t, client, "A", "D")
		require.NoError(t, client.Identify(t.Context(), altertable.Identify{DistinctID: "E", Environment: "staging"}))
		track(t, client, "evicts the link")
		require.EqualValues(t, 1, client.Stats().Dropped)
		start := time.Now()
		flushed := make(chan error, 1)
		go func() { flushed <- client.Flush(t.Context()) }()
		pass(time.Second)
		require.NoError(t, client.Identify(t.Context(), altertable.Identify{DistinctID: "F", Environment: "preview"}))
		require.NoError(t, <-flushed)
		assert.Less(t, time.Since(start), 5*time.Second)
	})
}

// A synchronous call waits for the person's identifies, but not for the company
// for which these wait.
func TestIdentifySyncDoesNotWaitForCompany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, _ := newClient(t, altertable.WithFlushInterval(time.Hour))
		identifyLinked(t, client, "first")
		start := time.Now()
		_, err := client.IdentifySync(t.Context(), linked("second"))
		require.NoError(t, err)
		assert.Less(t, time.Since(start), time.Second)
		assert.Equal(t, []string{"first", "second"}, identities(srv))
	})
}
