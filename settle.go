package altertable

import (
	"context"
	"slices"
	"time"
)

// outcomeKind says under which of Stats' counters a message ends.
type outcomeKind uint8

const (
	delivered outcomeKind = iota
	failed                // given up after a final answer or MaxElapsed
	dropped               // by DropOldest, or at the end of Shutdown, or with the spool's files
)

// An outcome is what became of messages. They have exactly one.
type outcome struct {
	kind   outcomeKind
	taskID string
	err    error // nil if delivered
}

// settleLocked gives the first n messages of b their outcome.
func (q *queue) settleLocked(b *batch, n int, o outcome) {
	q.held.sub(n, int64(b.size(n)))
	switch o.kind {
	case delivered:
		q.stats.Delivered += int64(n)
	case failed:
		q.stats.Failed += int64(n)
	case dropped:
		q.stats.Dropped += int64(n)
	}
	for _, f := range q.flushes {
		f.settle(b.countUpTo(n, f.frontier), o.err)
	}
	q.reportLocked(b, n, o)
	q.places.settle(b, n)
}

// A flush waits for the outcome of all that was accepted before it began.
// Guarded by queue.mu, except for done.
type flush struct {
	frontier  uint64 // covers the messages up to this number
	remaining int    // without an outcome
	lost      int    // not delivered
	cause     error  // of the first loss
	over      bool   // nobody waits for the rest any more
	done      chan struct{}
}

// settle notes that n messages that f covers have their outcome, err if they were lost.
func (f *flush) settle(n int, err error) {
	if n == 0 {
		return
	}
	if f.remaining -= n; f.remaining == 0 {
		f.end()
	}
	if err != nil {
		f.lost += n
		if f.cause == nil {
			f.cause = err
		}
	}
}

// end ends the wait, once.
func (f *flush) end() {
	if !f.over {
		f.over = true
		close(f.done)
	}
}

// startFlushLocked begins a flush, and lets open batches leave.
func (q *queue) startFlushLocked() *flush {
	f := &flush{frontier: q.number, remaining: q.held.count + q.onDisk.backlog.count, done: make(chan struct{})}
	if f.remaining == 0 {
		f.end()
	}
	q.places.flushed = f.frontier
	q.flushes = append(q.flushes, f)
	q.advanceLocked()
	return f
}

// endFlushLocked returns f's result; ctxErr is that of the call that waited for it.
func (q *queue) endFlushLocked(f *flush, ctxErr error) error {
	q.flushes = slices.DeleteFunc(q.flushes, func(other *flush) bool { return other == f })
	return q.undeliveredLocked(f, ctxErr)
}

// undeliveredLocked returns the *UndeliveredError that f would return now.
func (q *queue) undeliveredLocked(f *flush, ctxErr error) error {
	count := f.remaining + f.lost
	if count == 0 {
		return nil
	}
	cause := f.cause
	if cause == nil {
		cause = q.firstSetbackLocked()
	}
	return &UndeliveredError{Count: count, Err: joinErrors(ctxErr, cause)}
}

// firstSetbackLocked returns why messages wait that have no outcome yet.
func (q *queue) firstSetbackLocked() error {
	if q.access.key != nil {
		return q.access.key.err
	}
	for place := q.places.inFlight.Front(); place != nil; place = place.Next() {
		if b := place.Value.(*batch); b.err != nil {
			return b.err
		}
	}
	if b := q.places.setBack.first(); b != nil {
		return b.err
	}
	for ep := range endpoint(len(q.health.endpoints)) {
		if o := q.health.outageOf(ep); o.on {
			return o.err
		}
	}
	return q.onDisk.err
}

// flush is Client.Flush.
func (q *queue) flush(ctx context.Context) error {
	if err := q.checkBubble(time.Now()); err != nil {
		return err
	}
	f := q.startFlush()
	if f.wait(ctx) == nil {
		q.awaitReports(ctx)
		q.keeper.noteOutcomes(ctx)
	}
	ctxErr := ctx.Err() // outside the lock: a context may be the user's code
	return q.endFlush(f, ctxErr)
}

func (q *queue) startFlush() *flush {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.startFlushLocked()
}

func (q *queue) endFlush(f *flush, ctxErr error) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.endFlushLocked(f, ctxErr)
}

// wait returns nil when all messages have their outcome, or else ctx's error.
func (f *flush) wait(ctx context.Context) error {
	select {
	case <-f.done:
		return nil
	case <-ctx.Done():
	}
	select {
	case <-f.done:
		return nil
	default:
		return ctx.Err()
	}
}

// What Shutdown allows after its context has ended, within the 250 ms of its promise.
const (
	landingGrace  = 100 * time.Millisecond // for canceled requests to return
	shutdownGrace = 180 * time.Millisecond // for those and the callbacks
	diskGrace     = 40 * time.Millisecond  // for the spool's files to be closed
)

// A shutdown is the one in progress or over.
type shutdown struct {
	flush  *flush
	ctxErr error // why it ended early; guarded by queue.mu
	done   chan struct{}
	err    error // does not change after done is closed
}

// shutDown is Client.Shutdown.
func (q *queue) shutDown(ctx context.Context) error {
	if err := q.checkBubble(time.Now()); err != nil {
		return err
	}
	s, begun := q.beginShutdown()
	if !begun {
		return q.joinShutdown(ctx, s)
	}
	ctxErr := s.flush.wait(ctx)
	limit, cancel := withGrace(ctx)
	defer cancel()
	landed := q.stop(ctxErr)
	await(landed, landingGrace)
	q.leaveInFlight()
	q.keeper.end(limit)
	q.transport.close()
	s.err = q.endShutdown(s.flush, ctx.Err())
	close(s.done)
	return s.err
}

// endShutdown notes that the client is closed, and returns Shutdown's result.
func (q *queue) endShutdown(f *flush, ctxErr error) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.Closed = true
	return q.endFlushLocked(f, ctxErr)
}

// withGrace returns a context that ends shutdownGrace after ctx does.
func withGrace(ctx context.Context) (limit context.Context, cancel context.CancelFunc) {
	limit, end := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(shutdownGrace, end) })
	return limit, func() {
		stop()
		end()
	}
}

// beginShutdown stops the intake and makes due what waits in backoff, once. It
// returns the shutdown, and whether this call began it.
func (q *queue) beginShutdown() (s *shutdown, begun bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.shutdown != nil {
		return q.shutdown, false
	}
	q.shutdown = &shutdown{done: make(chan struct{})}
	close(q.closing)
	q.unblockAllLocked(ErrClosed)
	now := q.now()
	q.health.attemptNow(now)
	q.pace.attemptNow(now)
	q.access.attemptNow(now)
	q.places.attemptNow(now)
	q.places.wakeAll(now)
	q.shutdown.flush = q.startFlushLocked()
	return q.shutdown, true
}

// endDeniedLocked ends Shutdown's wait once the server has denied all that is
// left: it stays on disk.
func (q *queue) endDeniedLocked() {
	if s := q.shutdown; s != nil && s.flush != nil && !s.flush.over && q.onlyDeniedLeftLocked() {
		s.flush.end()
	}
}

// onlyDeniedLeftLocked reports whether everything without an outcome was denied
// since Shutdown began, or waits behind what was.
func (q *queue) onlyDeniedLeftLocked() bool {
	if q.places.inFlight.Len() > 0 {
		return false
	}
	if q.access.key != nil {
		return q.access.key.final
	}
	if len(q.places.missing) == 0 {
		return false
	}
	some := false
	for _, b := range q.places.allIdle() {
		if b.lane.missing == nil || !b.lane.missing.final {
			return false
		}
		some = true
	}
	return some && !q.mayReadOnLocked()
}

// mayReadOnLocked reports whether memory has room for the backlog's next message, or
// will have when the callbacks have been told what they are to be told.
func (q *queue) mayReadOnLocked() bool {
	d, ok := q.keeper.(*disk)
	return ok && q.onDisk.backlog.count > 0 && (q.reports.untold.count > 0 || d.wantsBacklogLocked())
}

// isClosing reports whether Shutdown has begun. It works in any bubble: see
// checkBubble.
func (q *queue) isClosing() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.shutdown != nil
}

// joinShutdown waits for the shutdown s that another call began.
func (q *queue) joinShutdown(ctx context.Context, s *shutdown) error {
	select {
	case <-s.done:
		return nil // it was over before this call
	default:
	}
	select {
	case <-s.done:
		return s.err
	case <-ctx.Done():
		err := ctx.Err()
		q.mu.Lock()
		defer q.mu.Unlock()
		return q.undeliveredLocked(s.flush, err)
	}
}

// stop ends all that runs. It returns a channel that is closed when nothing is
// in flight any more.
func (q *queue) stop(ctxErr error) (landed <-chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
	q.shutdown.ctxErr = ctxErr
	if q.timer != nil {
		q.timer.Stop()
	}
	q.cancel()
	done := make(chan struct{})
	if q.places.inFlight.Len() == 0 {
		close(done)
	} else {
		q.landed = done
	}
	return done
}

// await waits for done, but not longer than patience.
func await(done <-chan struct{}, patience time.Duration) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
}

// leaveInFlight gives up the requests that do not heed their context.
func (q *queue) leaveInFlight() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for place := q.places.inFlight.Front(); place != nil; place = q.places.inFlight.Front() {
		b := place.Value.(*batch)
		q.places.withdraw(b)
		q.keeper.leaveLocked(b)
	}
}

// leftoverLocked is the outcome of a batch that is left when Shutdown's time is over.
func (q *queue) leftoverLocked(b *batch) outcome {
	err := joinErrors(q.shutdown.ctxErr, q.reasonToWaitLocked(b))
	if err == nil {
		err = ErrClosed
	}
	return outcome{kind: dropped, err: err}
}
