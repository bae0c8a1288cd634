package altertable_test

import (
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

// An alert can be built on either: they move while nothing else does.
func TestFailedRequestsAndOldestMoveDuringAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, _ := newClient(t)
		srv.Always(altertabletest.Status(503))
		track(t, client, "e0")
		last := client.Stats()
		for range 24 {
			pass(time.Hour - time.Minute)
			s := client.Stats()
			assert.Greater(t, s.FailedRequests, last.FailedRequests)
			assert.Equal(t, last.Oldest+time.Hour-time.Minute, s.Oldest)
			last = s
		}
		srv.ClearFaults()
		require.NoError(t, client.Flush(t.Context()))
		assert.Zero(t, client.Stats().Oldest)
	})
}

func TestOldestIsTheAgeOfWhatTheClientWorksOn(t *testing.T) {
	for name, test := range map[string]struct {
		fault   altertabletest.Fault
		options []altertable.Option
	}{
		"open":          {altertabletest.Pass(), []altertable.Option{altertable.WithFlushInterval(time.Hour)}},
		"in flight":     {altertabletest.Hang(), []altertable.Option{altertable.WithRequestTimeout(time.Hour)}},
		"behind":        {altertabletest.Hang(), []altertable.Option{altertable.WithRequestTimeout(time.Hour), altertable.WithMaxInFlight(1)}},
		"in backoff":    {altertabletest.Status(503).RetryAfter(time.Hour), nil},
		"asleep, alone": {altertabletest.Status(503).MatchBody(contains("u_old")), nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, srv, _ := newClient(t, test.options...)
				assert.Zero(t, client.Stats().Oldest)
				srv.Always(test.fault)
				identify(t, client, "u_old")
				assert.Zero(t, client.Stats().Oldest)
				pass(time.Minute)
				identify(t, client, "u_new")
				track(t, client, "e0")
				assert.Equal(t, time.Minute, client.Stats().Oldest)
				pass(2 * time.Minute)
				assert.Equal(t, 3*time.Minute, client.Stats().Oldest)
				srv.ClearFaults()
				require.NoError(t, client.Flush(t.Context()))
				assert.Zero(t, client.Stats().Oldest)
			})
		})
	}
}

// What has its outcome is not worked on, though it takes room until it is told.
func TestOldestLeavesOutWhatWaitsForACallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		client, _, _ := newClient(t, altertable.WithOnDelivery(func(altertable.Delivery) { <-release }))
		track(t, client, "e0")
		require.NoError(t, client.Flush(t.Context()))
		pass(time.Minute)
		assert.Zero(t, client.Stats().Oldest)
		close(release)
	})
}

func TestOldestMovesOnWhenMessagesAreGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, _ := newClient(t, altertable.WithRetry(altertable.RetryPolicy{MaxElapsed: 10 * time.Minute}), altertable.WithFlushInterval(6*time.Minute))
		srv.Always(altertabletest.Status(503))
		track(t, client, "e0")
		pass(5 * time.Minute)
		track(t, client, "e1")
		pass(5*time.Minute - 1)
		assert.Equal(t, 10*time.Minute-1, client.Stats().Oldest)
		pass(1)
		assert.EqualValues(t, 1, client.Stats().Failed)
		assert.Equal(t, 5*time.Minute, client.Stats().Oldest, "of the other message in its batch")
	})
}

// With a spool, messages are older than the process, and on disk alone.
func TestOldestOfASpool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "spool")
		stranded(t, dir, numbered(100)...)
		pass(time.Hour)
		_, srv, _ := newClient(t)
		hang := srv.Always(altertabletest.Hang())
		client, _, _ := newSpoolClient(t, dir, altertable.WithHTTPClient(srv.HTTPClient()), altertable.WithMaxQueueSize(10),
			altertable.WithMaxBatchSize(10), altertable.WithRequestTimeout(48*time.Hour))
		age := func() time.Duration { return client.Stats().Oldest.Round(time.Second) }
		assert.Equal(t, time.Hour, age(), "not read yet")
		track(t, client, "young")
		pass(time.Minute)
		assert.Equal(t, time.Hour+time.Minute, age())
		assert.EqualValues(t, 1, client.Stats().InFlight)
		srv.Always(altertabletest.Hang().MatchBody(contains("young")))
		hang.Release()
		pass(time.Minute)
		assert.EqualValues(t, 1, client.Stats().Queued)
		assert.Equal(t, 2*time.Minute, age(), "only the youngest is left")
		_ = client.Shutdown(within(t, time.Millisecond))
		assert.Zero(t, client.Stats().Oldest, "another client works on it")
		assert.EqualValues(t, 1, client.Stats().Queued)
	})
}

// The backlog's age is known while memory holds nothing that is older.
func TestOldestOfTheBacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		client, srv, _ := newSpoolClient(t, t.TempDir(), altertable.WithMaxQueueSize(1), altertable.WithOnDelivery(func(altertable.Delivery) { <-release }))
		track(t, client, "e0") // what waits for its callback leaves no room for others, for a while
		synctest.Wait()
		assert.Len(t, stored(srv), 1)
		assert.Zero(t, client.Stats().Oldest)
		track(t, client, "e1", "e2")
		pass(100 * time.Millisecond)
		track(t, client, "e3")
		assert.EqualValues(t, 3, client.Stats().Queued)
		assert.Equal(t, 100*time.Millisecond, client.Stats().Oldest)
		close(release)
		require.NoError(t, client.Flush(t.Context()))
		assert.Zero(t, client.Stats().Oldest)
	})
}

// It moves on as the backlog is read.
func TestOldestOfABacklogThatIsReadInPart(t *testing.T) {
	for name, test := range map[string]struct {
		size  int // of a message's property, in bytes
		room  int // of the queue, in messages
		sent  int // messages, one a minute
		stuck int // the callback that does not return, so that later ones have no room for a while
		left  int // messages in the backlog
		least time.Duration
		most  time.Duration
	}{
		"read together":   {10, 4, 7, 2, 2, 5 * time.Minute, 5 * time.Minute},
		"read one by one": {300 << 10, 1, 4, 3, 1, 2 * time.Minute, 3 * time.Minute}, // until it is read, the one before it counts
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				told, begin, release := 0, make(chan struct{}), make(chan struct{})
				client, srv, _ := newSpoolClient(t, t.TempDir(), altertable.WithMaxQueueSize(test.room), altertable.WithMaxBatchSize(1),
					altertable.WithRequestTimeout(time.Hour), altertable.WithOnDelivery(func(altertable.Delivery) {
						if told++; told == test.stuck {
							<-release
						}
						<-begin
					}))
				start := time.Now()
				hang := srv.Always(altertabletest.Hang())
				for range test.sent {
					require.NoError(t, client.Track(t.Context(), altertable.Track{
						Event: "e", DistinctID: "u", Properties: altertable.Properties{"p": strings.Repeat("x", test.size)},
					}))
					pass(time.Minute)
				}
				hang.Release()
				synctest.Wait() // all that was in memory is delivered
				close(begin)
				synctest.Wait()
				require.EqualValues(t, test.left, client.Stats().Queued)
				accepted := time.Since(start) - client.Stats().Oldest
				assert.GreaterOrEqual(t, accepted, test.least)
				assert.LessOrEqual(t, accepted, test.most)
				close(release)
			})
		})
	}
}

func TestSpoolBytesAreThoseOnDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "spool")
		client, srv, _ := newSpoolClient(t, dir)
		onDisk := func() (size int64) {
			for _, path := range segments(t, dir) {
				info, err := os.Stat(path)
				require.NoError(t, err)
				size += info.Size()
			}
			return size
		}
		assert.Zero(t, client.Stats().SpoolBytes)
		down := srv.Always(altertabletest.Status(503))
		track(t, client, numbered(10)...)
		assert.Greater(t, client.Stats().SpoolBytes, client.Stats().QueuedBytes)
		assert.Equal(t, onDisk(), client.Stats().SpoolBytes)
		require.NoError(t, client.Shutdown(within(t, time.Second)))
		assert.Equal(t, onDisk(), client.Stats().SpoolBytes, "they are left")

		next, _, _ := newSpoolClient(t, dir, altertable.WithHTTPClient(srv.HTTPClient()))
		assert.Equal(t, onDisk(), next.Stats().SpoolBytes, "adopted")
		down.Release()
		require.NoError(t, next.Flush(t.Context()))
		assert.Zero(t, next.Stats().SpoolBytes)
		assert.Zero(t, onDisk())
	})
}
