package altertable

import (
	"context"
	"io/fs"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/internal/spool"
)

// Of the messages in a file that cannot be read, a flush counts those that were
// accepted before it.
func TestFlushCountsItsPartOfAFile(t *testing.T) {
	for frontier, covered := range map[uint64]int{4: 0, 5: 1, 6: 2, 7: 3, 10: 3} {
		cfg, err := newConfig("key", []Option{WithLogger(slog.New(slog.DiscardHandler))})
		require.NoError(t, err)
		q := newQueue(cfg, newTransport(cfg), new(stamper))
		q.keeper = &disk{q: q}
		q.ended = true                           // nothing is read
		q.number, q.onDisk.backlog.count = 10, 6 // 5 to 10 are on disk alone
		f := &flush{frontier: frontier, remaining: 6, done: make(chan struct{})}
		q.flushes = []*flush{f}
		q.keeper.(*disk).lose(spool.Skipped{Tally: spool.Tally{Count: 3}, Err: &spool.Error{Op: "read", Path: "x", Err: fs.ErrNotExist}})
		assert.Equal(t, covered, f.lost, "%d", frontier)
		assert.Equal(t, 6-covered, f.remaining)
		assert.EqualValues(t, 8, q.firstUnreadLocked())
	}
}

// A disk may be slow, and Stats is polled.
func TestStatsDoNotWaitForTheDisk(t *testing.T) {
	cfg, err := newConfig("key", []Option{WithSpool(t.TempDir())})
	require.NoError(t, err)
	q := newQueue(cfg, newTransport(cfg), new(stamper))
	require.NoError(t, q.openSpool())
	d := q.keeper.(*disk)
	d.mu.Lock()
	assert.Zero(t, q.snapshot())
	d.mu.Unlock()
	require.NoError(t, q.shutDown(t.Context()))
}

// A message finds room that has come up already, though nobody has noted it on
// disk yet.
func TestRoomThatIsNotNotedYet(t *testing.T) {
	told := make(chan struct{}, 2)
	client, d := diskClient(t, t.TempDir(), taken, WithSpool(t.TempDir(), SpoolMaxBytes(1024)), WithOnDelivery(func(Delivery) { told <- struct{}{} }))
	busy := make(chan struct{}) // the disk's goroutine, which does not come
	setWork := func(work chan struct{}) {
		d.q.mu.Lock()
		defer d.q.mu.Unlock()
		d.work = work
	}
	setWork(busy)
	large := Track{Event: strings.Repeat("x", 500), DistinctID: "u"}
	for range 2 {
		require.NoError(t, client.Track(t.Context(), large))
		<-told
	}
	setWork(nil)
	require.NoError(t, client.Close())
}

// While a callback is stuck, a call waits for room on disk if the backlog can be
// read, though nothing is in memory at the moment.
func TestCallWaitsForRoomThatTheBacklogMakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop := make(chan struct{})
		client, d := diskClient(t, t.TempDir(), taken, WithOnDelivery(func(Delivery) { <-stop }))
		require.NoError(t, client.Track(t.Context(), Track{Event: "e", DistinctID: "u"}))
		<-time.After(time.Second)
		w := &roomWait{d: d}
		assert.True(t, w.isStuck())
		setBacklog := func(n int) {
			d.q.mu.Lock()
			defer d.q.mu.Unlock()
			d.q.onDisk.backlog.count = n
		}
		setBacklog(1)
		assert.False(t, w.isStuck())
		setBacklog(0)
		close(stop)
		require.NoError(t, client.Close())
	})
}

// The age of a message that this client has accepted is its own clock's, which
// nobody sets. Of a dead client's only the wall clock's time is known.
func TestAcceptedAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, d := diskClient(t, t.TempDir(), taken)
		<-time.After(time.Hour)
		wrong := time.Now().Add(-1000 * time.Hour)
		for _, test := range []struct {
			message spool.Message
			want    time.Duration
		}{
			{spool.Message{At: 5 * time.Second, Accepted: wrong}, 5 * time.Second},
			{spool.Message{Adopted: true, Accepted: wrong}, -999 * time.Hour},
			{spool.Message{Adopted: true, Accepted: time.Now().Add(time.Hour)}, time.Hour},
		} {
			assert.Equal(t, test.want, d.q.acceptedAt(&test.message))
		}
		require.NoError(t, client.Close())
	})
}

// While a callback is stuck, memory takes one batch of the backlog at a time.
func TestRoomForTheBacklogWhileACallbackIsStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop := make(chan struct{})
		client, d := diskClient(t, t.TempDir(), taken, WithMaxBatchSize(10), WithMaxBatchBytes(1024), WithOnDelivery(func(Delivery) { <-stop }))
		q := d.q
		room := func(count, bytes, size int) bool {
			q.mu.Lock()
			defer q.mu.Unlock()
			before := q.held
			defer func() { q.held = before }()
			q.held = tally{count, int64(bytes)}
			return d.fitsBackLocked(size)
		}
		assert.True(t, room(100, 10_000, 1000))
		require.NoError(t, client.Track(t.Context(), Track{Event: "e", DistinctID: "u"}))
		<-time.After(time.Second)
		assert.True(t, room(9, 924, 100))
		assert.False(t, room(10, 924, 100))
		assert.False(t, room(9, 925, 100))
		close(stop)
		require.NoError(t, client.Close())
	})
}

// A call whose context has ended waits for the room that messages were evicted
// for: they would be lost for nothing.
func TestCanceledCallTakesTheRoomOfEvictedMessages(t *testing.T) {
	client, d := diskClient(t, t.TempDir(), taken)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	noted := make(chan struct{})
	close(noted)
	for range 100 {
		require.NoError(t, (&roomWait{d: d, progress: noted}).wait(ctx))
		require.ErrorIs(t, (&roomWait{d: d, room: noted}).wait(ctx), context.Canceled)
	}
	require.NoError(t, client.Close())
}
