package altertable

import (
	"container/list"
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/altertable-ai/altertable-go/internal/spool"
)

// The queue holds what was accepted and has no outcome yet. Its fields below
// mu are guarded by it; those above do not change after newQueue.
type queue struct {
	cfg       *config
	transport *transport
	stamps    *stamper
	keeper    keeper
	start     time.Time // its clock's zero: durations since then are monotonic
	bubble    string    // where New ran: see checkBubble

	debugging    atomic.Bool  // the logger wants debug lines
	otherCookies atomic.Bool  // warnVisitorCookie was said
	spoolBytes   atomic.Int64 // on disk

	requests context.Context // ends every request when Shutdown's time is over
	cancel   context.CancelFunc
	closing  chan struct{} // closed when Shutdown begins

	mu       sync.Mutex
	places   places
	health   health
	access   access
	pace     pace
	reports  reports
	warnings warnings
	blocked  list.List // of *blockedCall: calls that wait for room, in order

	held   tally  // in memory, without an outcome
	onDisk onDisk // accepted, and on disk alone; empty without a spool
	wanted int    // bytes of the last message that found no room; 0 once there is room for it
	stats  Stats

	number       uint64 // of the message accepted last
	lastIdentify int64  // the client's own stamp on the newest identify accepted, or about that of an adopted one

	flushes  []*flush
	shutdown *shutdown     // set when Shutdown begins
	ended    bool          // Shutdown's time is over: nothing is sent any more
	landed   chan struct{} // closed when nothing is in flight any more; set by Shutdown

	timer   *time.Timer
	timerAt time.Duration // when it fires; -1 if it does not
}

// A keeper is what a client does with its messages besides delivering them:
// nothing (type memory), or keeping them on disk meanwhile (type disk).
type keeper interface {
	// accept takes a message into the queue, or says why not.
	accept(ctx context.Context, e *envelope) error

	// storingLocked returns nil unless an identify has its stamp and not yet its
	// place in the queue. Then the channel is closed when it has.
	storingLocked() <-chan struct{}

	// leaveLocked decides what becomes of a batch, which is in no list, when
	// Shutdown's time is over.
	leaveLocked(b *batch)

	// end does the same for all batches that are left. It returns when the
	// callbacks have been told of it, or limit ends.
	end(limit context.Context)

	// settledLocked is told of messages that have their outcome.
	settledLocked(refs []spool.Ref)

	// noteOutcomes waits until what settledLocked was told so far is on disk, or
	// ctx ends.
	noteOutcomes(ctx context.Context)

	// load returns messages of which settledLocked was not told yet.
	load(refs []spool.Ref) series

	// workLocked starts the work in the background, if there is some.
	workLocked()

	// dueLocked returns when workLocked has work that no other event brings, -1 if
	// there is none.
	dueLocked(now time.Duration) time.Duration
}

// tally counts messages and their JSON bytes, of which a disk may hold more
// than an int of 32 bits counts.
type tally struct {
	count int
	bytes int64
}

func (t *tally) add(count int, bytes int64) { t.count += count; t.bytes += bytes }
func (t *tally) sub(count int, bytes int64) { t.count -= count; t.bytes -= bytes }

func newQueue(cfg *config, transport *transport, stamps *stamper) *queue {
	patience := 2 * min(cfg.timeout, longest/4)
	q := &queue{
		cfg:       cfg,
		transport: transport,
		stamps:    stamps,
		start:     time.Now(),
		closing:   make(chan struct{}),
		places:    newPlaces(cfg),
		health:    health{policy: cfg.retry, patience: patience},
		access:    access{interval: cfg.retry.MaxInterval, patience: patience},
		pace:      pace{policy: cfg.retry, patience: patience},
		reports:   newReports(cfg),
		warnings:  newWarnings(),
		timerAt:   -1,
	}
	q.bubble = bubbleOf(q.start)
	q.keeper = memory{q}
	q.requests, q.cancel = context.WithCancel(context.Background())
	q.askLevel()
	return q
}

// now reads the queue's clock.
func (q *queue) now() time.Duration { return time.Since(q.start) }

// memory is the keeper of a client without a spool.
type memory struct{ q *queue }

func (memory) storingLocked() <-chan struct{}        { return nil }
func (memory) settledLocked([]spool.Ref)             {}
func (memory) noteOutcomes(context.Context)          {}
func (memory) load([]spool.Ref) series               { return series{} }
func (memory) workLocked()                           {}
func (memory) dueLocked(time.Duration) time.Duration { return -1 }

func (m memory) leaveLocked(b *batch) { m.q.settleLocked(b, b.count(), m.q.leftoverLocked(b)) }

func (m memory) end(limit context.Context) {
	m.dropAll()
	m.q.endReports(limit)
}

func (m memory) dropAll() {
	q := m.q
	q.mu.Lock()
	defer q.mu.Unlock()
	for b := q.places.oldestIdle(); b != nil; b = q.places.oldestIdle() {
		m.leaveLocked(b)
	}
}

// accept takes the message in e into the queue, or says why not.
func (q *queue) accept(ctx context.Context, e *envelope) error {
	if err := q.checkBubble(e.now); err != nil {
		q.reject(err)
		return err
	}
	err := q.keeper.accept(ctx, e)
	if err == nil {
		q.debugAccepted(e)
	}
	return err
}

// accept implements keeper.
func (m memory) accept(ctx context.Context, e *envelope) error {
	q := m.q
	mayWait := q.cfg.overflow == Block && ctx.Err() == nil
	call, err := q.tryAccept(e, mayWait)
	switch {
	case call != nil:
		return q.waitForRoom(ctx, call)
	case err == ErrQueueFull && q.cfg.overflow == Block:
		return blockEnded(ctx)
	}
	return err
}

// tryAccept takes the message in e into the queue. Where there is no room it
// returns a blocked call that waits for it, or, if the caller may not wait,
// ErrQueueFull.
func (q *queue) tryAccept(e *envelope, mayWait bool) (*blockedCall, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.shutdown != nil {
		q.rejectLocked(e, ErrClosed)
		return nil, ErrClosed
	}
	q.inOrderLocked(e)
	if q.blocked.Len() == 0 && q.makeRoomLocked(len(e.json)) {
		q.admitLocked(e)
		if q.places.moved || q.isFullLocked() {
			q.advanceLocked()
		}
		return nil, nil
	}
	if mayWait {
		call := q.blockLocked(e)
		q.advanceLocked()
		return call, nil
	}
	q.rejectLocked(e, ErrQueueFull)
	q.advanceLocked()
	return nil, ErrQueueFull
}

// inOrderLocked gives an identify a later stamp if another, stamped later, was
// accepted before it: if A is stamped, then B stamped and accepted, and then A
// accepted, A would arrive second with the older stamp and its traits be lost.
func (q *queue) inOrderLocked(e *envelope) {
	if e.endpoint == identifyEndpoint && e.own && e.stamp <= q.lastIdentify {
		e.restamp(max(q.stamps.next(time.Now()), q.lastIdentify+1)) // a dead client's clock may have been ahead
	}
}

// noteStampLocked notes e's stamp, for inOrderLocked of later identifies.
func (q *queue) noteStampLocked(e *envelope) {
	if e.endpoint == identifyEndpoint && e.own {
		q.lastIdentify = e.stamp
	}
}

// admitLocked counts a new message, for which there is room, and puts it into its batch.
func (q *queue) admitLocked(e *envelope) {
	e.acceptedAt = q.now()
	if e.done != nil {
		q.reports.pending++
	}
	q.stats.Accepted++
	q.number++
	q.noteStampLocked(e)
	q.placeLocked(e, q.number, spool.Ref{})
}

// placeLocked puts a message for which there is room into its lane's open batch.
func (q *queue) placeLocked(e *envelope, number uint64, ref spool.Ref) {
	q.held.add(1, int64(len(e.json)))
	q.places.add(e, number, ref)
}

// makeRoomLocked reports whether a message of size bytes has room in the queue,
// after evicting others if that is the policy.
func (q *queue) makeRoomLocked(size int) bool {
	if q.fitsLocked(q.held, size) {
		return true
	}
	q.wanted = size
	if q.cfg.overflow != DropOldest || !q.fitsLocked(q.places.carried, size) {
		return false
	}
	for !q.fitsLocked(q.held, size) {
		if !q.reports.mayEvict(q.now()) {
			return false
		}
		q.settleLocked(q.places.oldestIdle(), 1, outcome{kind: dropped, err: ErrQueueFull})
	}
	return true
}

// fitsLocked reports whether one more message has room beside used and what waits for a callback.
func (q *queue) fitsLocked(used tally, size int) bool {
	untold := q.reports.untold
	return used.count+untold.count < q.cfg.maxQueueSize &&
		used.bytes+untold.bytes+int64(size) <= int64(q.cfg.maxQueueBytes)
}

// isFullLocked reports whether there is no room for another message, or for the
// one that found none: then open batches do not wait for company.
func (q *queue) isFullLocked() bool {
	return q.blocked.Len() > 0 || q.onDisk.full || !q.fitsLocked(q.held, q.wanted)
}
