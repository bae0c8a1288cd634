package altertable_test

import (
	"net/http"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// Shutdown makes one attempt. What is denied again stays for the next client.
func TestShutdownWithARefusedKey(t *testing.T) {
	for name, before := range map[string]time.Duration{"refused before": 10 * time.Second, "not asked before": 0} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				client, srv, _ := newSpoolClient(t, dir, altertable.WithMaxQueueSize(20), altertable.WithMaxBatchSize(5))
				srv.Always(altertabletest.Status(401))
				track(t, client, numbered(2)...)
				pass(before)
				track(t, client, numberedFrom(2, 98)...)
				identifyIn(t, client, "staging", "u_0")
				flushed := make(chan error, 1)
				go func() { flushed <- client.Flush(t.Context()) }()
				synctest.Wait()
				asked := client.Stats().Requests
				begin := time.Now()
				require.NoError(t, client.Shutdown(t.Context()), "they are on disk")
				assert.Zero(t, time.Since(begin))
				assert.LessOrEqual(t, client.Stats().Requests, asked+1)
				err := <-flushed
				var undelivered *altertable.UndeliveredError
				require.ErrorAs(t, err, &undelivered)
				assert.Equal(t, 101, undelivered.Count)
				assert.ErrorIs(t, err, altertable.ErrUnauthorized)
				assert.EqualValues(t, 101, client.Stats().Queued)

				next, srv, l := newSpoolClient(t, dir)
				require.NoError(t, next.Close())
				assert.Len(t, srv.Events(), 100)
				l.settle(t, next, append(numbered(100), "u_0")...)
				assert.Empty(t, files(t, dir))
			})
		})
	}
}

// The attempt is made after Shutdown began, whatever earlier requests were told.
func TestShutdownAsksForTheKeyOnceMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newSpoolClient(t, t.TempDir(), altertable.WithMaxBatchSize(1))
		srv.Next(8, altertabletest.Status(401).Delay(time.Second))
		track(t, client, numbered(20)...)
		pass(300 * time.Millisecond)
		begin := time.Now()
		require.NoError(t, client.Close())
		assert.Equal(t, 700*time.Millisecond, time.Since(begin))
		l.settle(t, client, numbered(20)...)
		assert.ElementsMatch(t, numbered(20), stored(srv), "the key is good by now")
	})
}

// A server that is down is not one that refuses the key.
func TestShutdownWithARefusedKeyInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, _ := newSpoolClient(t, t.TempDir())
		srv.Next(1, altertabletest.Status(401))
		track(t, client, "e0")
		pass(2 * time.Second)
		down := srv.Always(altertabletest.Status(503))
		closed := make(chan error, 1)
		go func() { closed <- client.Shutdown(within(t, time.Hour)) }()
		pass(10 * time.Second)
		assert.Greater(t, len(srv.Requests()), 3)
		down.Release()
		require.NoError(t, <-closed)
		assert.Equal(t, []string{"e0"}, stored(srv))
	})
}

// A missing environment stays behind at Shutdown once all others are done.
func TestShutdownWithAMissingEnvironment(t *testing.T) {
	for name, before := range map[string]time.Duration{"missed before": 10 * time.Second, "not asked before": 0} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				client, srv, l := newSpoolClient(t, dir, altertable.WithMaxBatchSize(5), altertable.WithMaxInFlight(2))
				srv.Always(altertabletest.Delay(time.Second))
				srv.Always(missing("staging"))
				trackIn(t, client, "staging", "s")
				pass(before)
				track(t, client, numbered(50)...)
				trackIn(t, client, "staging", numbered(20)...)
				identifyIn(t, client, "staging", "u_0", "u_1")
				begin := time.Now()
				require.NoError(t, client.Shutdown(t.Context()))
				assert.LessOrEqual(t, time.Since(begin), 10*time.Second)
				assert.Len(t, srv.Events(), 50, "the others are delivered")
				assert.Empty(t, l.lostSoFar())
				assert.EqualValues(t, 23, client.Stats().Queued)

				next, srv, l := newSpoolClient(t, dir)
				require.NoError(t, next.Close())
				l.settle(t, next, append(numbered(20), "s", "u_0", "u_1")...)
				assert.Empty(t, l.lostSoFar())
				assert.Equal(t, []string{"u_0", "u_1"}, identities(srv))
			})
		})
	}
}

// While others may still be delivered, Shutdown goes on until its time is over.
func TestShutdownWithAMissingEnvironmentInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, _ := newSpoolClient(t, t.TempDir())
		srv.Always(altertabletest.Status(503).MatchBody(in("production")))
		srv.Always(missing("staging"))
		track(t, client, "e0")
		trackIn(t, client, "staging", "e1")
		begin := time.Now()
		require.NoError(t, client.Shutdown(within(t, time.Minute)))
		assert.Equal(t, time.Minute, time.Since(begin))
		assert.EqualValues(t, 2, client.Stats().Queued)
	})
}

// What memory has no room for is read before Shutdown ends, as long as there is
// any room.
func TestShutdownReadsTheBacklogBehindAMissingEnvironment(t *testing.T) {
	for name, test := range map[string]struct {
		missing, delivered int
	}{"room": {10, 200}, "no room": {100, 0}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, srv, _ := newSpoolClient(t, t.TempDir(), altertable.WithMaxQueueSize(50))
				srv.Always(missing("staging"))
				trackIn(t, client, "staging", numbered(test.missing)...)
				track(t, client, numbered(200)...)
				begin := time.Now()
				require.NoError(t, client.Shutdown(t.Context()))
				assert.Zero(t, time.Since(begin))
				assert.Len(t, srv.Events(), test.delivered)
				assert.EqualValues(t, test.missing+200-test.delivered, client.Stats().Queued)
			})
		})
	}
}

// What somebody removed from the disk is lost, and Shutdown says so.
func TestShutdownWithARefusedKeyAndRemovedFiles(t *testing.T) {
	skipWhereOpenFilesStay(t)
	synctest.Test(t, func(t *testing.T) {
		var outcomes atomic.Int64
		dir := t.TempDir()
		client, _, _ := newSpoolClient(t, dir, altertable.WithSpool(dir, altertable.SpoolMaxBytes(64<<10)),
			altertable.WithOnDelivery(func(d altertable.Delivery) { outcomes.Add(int64(d.Count)) }),
			altertable.WithHTTPClient(&http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: 401, Header: http.Header{}, Body: http.NoBody}, nil
			})}))
		track(t, client, numbered(200)...)
		require.NoError(t, os.RemoveAll(dir))
		var undelivered *altertable.UndeliveredError
		require.ErrorAs(t, client.Shutdown(t.Context()), &undelivered)
		assert.EqualValues(t, outcomes.Load(), undelivered.Count)
		assert.Greater(t, undelivered.Count, 0)
	})
}
