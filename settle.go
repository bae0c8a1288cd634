package altertable

import (
	"context"
	"time"
)

// outcomeKind says under which of Stats' counters a message ends.
type outcomeKind uint8

const (
	delivered outcomeKind = iota
	failed                // given up after a final answer or MaxElapsed
	dropped               // by DropOldest or at the end of Shutdown
)

// An outcome is what became of messages. They have exactly one.
type outcome struct {
	kind   outcomeKind
	taskID string
	err    error // nil if delivered
}

// settle gives the first n messages of b their outcome.
func (q *queue) settle(b *batch, n int, o outcome) {
	size := b.size(b.lo, b.lo+n)
	q.queued.sub(n, int64(size))
	switch o.kind {
	case delivered:
		q.stats.Delivered += int64(n)
	case failed:
		q.stats.Failed += int64(n)
	case dropped:
		q.stats.Dropped += int64(n)
	}
	for _, f := range q.flushes {
		f.settle(b.generation, n, o.err)
	}
	q.full = false
	if refs := b.refsOf(n); refs != nil && (!q.report(b, n, size, o, refs) || o.kind != failed) {
		q.noteDone(refs)
	} else if refs == nil {
		q.report(b, n, size, o, nil)
	}
	if n < b.count() {
		b.lo += n
		q.idle.fix(b)
		q.failed.fix(b)
		return
	}
	q.removeIdle(b)
	q.withdraw(b)
	began := b.state != open && b.state != queued
	b.lo, b.state = b.hi, settled
	if began {
		q.passOn(b)
	}
	q.leave(b.lane)
	b.content.release()
}

// A flush waits for the outcome of all that was accepted before it began.
// Guarded by queue.mu, but for done.
type flush struct {
	generation uint64 // covers this one and those before
	remaining  int    // without an outcome
	backlog    int    // the part of it that is on disk alone
	lost       int    // not delivered
	cause      error  // of the first loss
	done       chan struct{}
}

func (f *flush) settle(generation uint64, n int, err error) {
	if generation > f.generation || n == 0 {
		return
	}
	if f.remaining -= n; f.remaining == 0 {
		close(f.done)
	}
	if err != nil {
		f.lost += n
		if f.cause == nil {
			f.cause = err
		}
	}
}

// startFlush seals the open batches and begins a new generation.
func (q *queue) startFlush() *flush {
	q.sealAll()
	f := &flush{generation: q.generation, remaining: q.queued.count + q.backlog.count, backlog: q.backlog.count, done: make(chan struct{})}
	q.generation++
	if f.remaining == 0 {
		close(f.done)
	}
	q.flushes = append(q.flushes, f)
	return f
}

// endFlush returns f's result; ctxErr is that of the call that waited for it.
func (q *queue) endFlush(f *flush, ctxErr error) error {
	for i := range q.flushes {
		if q.flushes[i] == f {
			q.flushes = append(q.flushes[:i], q.flushes[i+1:]...)
			break
		}
	}
	return q.undelivered(f, ctxErr)
}

// undelivered returns the *UndeliveredError that f would return now.
func (q *queue) undelivered(f *flush, ctxErr error) error {
	count := f.remaining + f.lost
	if count == 0 {
		return nil
	}
	cause := f.cause
	if cause == nil {
		cause = q.firstFailure()
	}
	return &UndeliveredError{Count: count, Err: joinErrors(ctxErr, cause)}
}

// firstFailure returns why messages wait that have no outcome yet.
func (q *queue) firstFailure() error {
	for place := q.flying.Front(); place != nil; place = place.Next() {
		if b := place.Value.(*batch); b.err != nil {
			return b.err
		}
	}
	if b := q.failed.first(); b != nil {
		return b.err
	}
	return q.outage.err
}

// flush is Client.Flush.
func (q *queue) flush(ctx context.Context) error {
	q.mu.Lock()
	f := q.startFlush()
	q.advance()
	q.mu.Unlock()
	if f.wait(ctx) == nil {
		q.awaitReports(ctx)
		q.cleanSpool()
	}
	ctxErr := ctx.Err() // outside the lock: a context may be the user's code
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.endFlush(f, ctxErr)
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
	shutdownGrace = 200 * time.Millisecond // for those and the callbacks
)

// A shutdown is the one in progress or over.
type shutdown struct {
	flush  *flush
	ctxErr error // why it ended early; guarded by queue.mu
	done   chan struct{}
	err    error // set before done is closed
}

// leftover is the outcome of a batch that is left when Shutdown's time is over.
func (q *queue) leftover(b *batch) outcome {
	err := joinErrors(q.shutdown.ctxErr, q.reasonToWait(b))
	if err == nil {
		err = ErrClosed
	}
	return outcome{kind: dropped, err: err}
}

// shutDown is Client.Shutdown.
func (q *queue) shutDown(ctx context.Context) error {
	q.mu.Lock()
	if s := q.shutdown; s != nil {
		q.mu.Unlock()
		return q.joinShutdown(ctx, s)
	}
	s := &shutdown{flush: q.startFlush(), done: make(chan struct{})}
	q.shutdown = s
	close(q.closing)
	q.unblockAll(ErrClosed)
	q.attemptNow()
	q.advance()
	q.mu.Unlock()

	ctxErr := s.flush.wait(ctx)
	limit := ctx
	if ctxErr != nil {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
		defer cancel()
		limit = grace
	}
	q.end(ctxErr)
	if q.spool != nil {
		q.leaveOnDisk()
	}
	q.awaitReports(limit)
	if q.spool != nil {
		q.awaitSpool(limit)
		q.spool.close()
	}
	q.transport.close()

	ctxErr = ctx.Err()
	q.mu.Lock()
	s.err = q.endFlush(s.flush, ctxErr)
	q.mu.Unlock()
	close(s.done)
	return s.err
}

// joinShutdown waits for the shutdown that another call began.
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
		return q.undelivered(s.flush, err)
	}
}

// attemptNow makes due what waits in backoff, once.
func (q *queue) attemptNow() {
	now := q.now()
	q.outage.until = min(q.outage.until, now)
	for place := q.sleeping.Front(); place != nil; place = place.Next() {
		place.Value.(*batch).wakeAt = now
	}
}

// end stops all that runs, and drops what has no outcome yet, unless it is on disk.
func (q *queue) end(ctxErr error) {
	q.mu.Lock()
	q.ended = true
	q.shutdown.ctxErr = ctxErr
	if q.timer != nil {
		q.timer.Stop()
	}
	q.cancel()
	if q.flying.Len() > 0 {
		landed := make(chan struct{})
		q.landed = landed
		q.mu.Unlock()
		patience := time.NewTimer(landingGrace)
		select {
		case <-landed:
		case <-patience.C: // a RoundTripper that does not heed its context
		}
		patience.Stop()
		q.mu.Lock()
	}
	defer q.mu.Unlock()
	for place := q.flying.Front(); place != nil; place = q.flying.Front() {
		b := place.Value.(*batch)
		if q.spool != nil {
			q.withdraw(b)
			q.shelve(b)
			continue
		}
		q.settle(b, b.count(), q.leftover(b))
	}
	for q.spool == nil && q.idle.Len() > 0 {
		b := q.idle.first()
		q.settle(b, b.count(), q.leftover(b))
	}
	q.flown = tally{}
}
