package altertable

import (
	"context"
	"errors"
	"time"
)

// acceptSpooled is accept for a client with a spool.
func (q *queue) acceptSpooled(ctx context.Context, e *envelope) error {
	for {
		q.spool.mu.Lock()
		room := q.spool.room
		err := q.spoolOne(e)
		for errors.Is(err, errSpoolFull) && (q.noteOutcomes() || q.cfg.overflow == DropOldest && q.evictFile()) {
			err = q.spoolOne(e)
		}
		q.spool.mu.Unlock()
		switch {
		case err == nil || errors.Is(err, ErrClosed):
			return err
		case !errors.Is(err, errSpoolFull):
			q.reject()
			return err
		case q.cfg.overflow != Block || ctx.Err() != nil:
			return q.refuseFull(ctx)
		}
		if err := q.waitForDisk(ctx, room); err != nil {
			q.reject()
			return err
		}
	}
}

// refuseFull counts a refused message and returns the call's error.
func (q *queue) refuseFull(ctx context.Context) error {
	q.mu.Lock()
	q.stats.Rejected++
	q.warn(warnQueueFull, nil)
	q.mu.Unlock()
	if q.cfg.overflow == Block {
		return blockEnded(ctx)
	}
	return ErrQueueFull
}

// spoolOne writes e to disk and puts it into the queue or the backlog. The
// caller holds spool.mu.
func (q *queue) spoolOne(e *envelope) error {
	q.mu.Lock()
	if q.shutdown != nil {
		q.stats.Rejected++
		q.mu.Unlock()
		return ErrClosed
	}
	q.inOrder(e)
	e.acceptedAt = q.now()
	q.mu.Unlock()
	r, err := q.spool.write(e, q.start.Add(e.acceptedAt))
	if errors.Is(err, errSpoolFull) {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.full = true
		q.advance()
		return err
	}
	if err != nil {
		return err
	}
	q.mu.Lock()
	if q.shutdown != nil {
		q.stats.Rejected++
		q.mu.Unlock()
		q.spool.markDone([]ref{r})
		return ErrClosed
	}
	defer q.mu.Unlock()
	q.stats.Accepted++
	if q.backlog.count > 0 || !q.fits(q.queued, len(e.json)) {
		q.backlog.add(backlogOf(e.endpoint, e.json))
		r.segment.unread.add(backlogOf(e.endpoint, e.json))
		q.noteStamp(e)
		q.full, q.changed = true, true
	} else {
		q.append(e, r)
		q.spool.skipToEnd()
	}
	q.advanceIfChanged()
	return nil
}

// waitForDisk waits until something has left the disk, or only a callback that
// does not return could make it leave: it may be the very one that called.
func (q *queue) waitForDisk(ctx context.Context, room <-chan struct{}) error {
	patience := time.NewTicker(callbackPatience)
	defer patience.Stop()
	for {
		select {
		case <-room:
			return nil
		case <-q.closing:
			return ErrClosed
		case <-ctx.Done():
			return blockEnded(ctx)
		case <-patience.C:
			if q.isStuck() {
				return ErrQueueFull
			}
		}
	}
}

func (q *queue) isStuck() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.onlyReportsLeft() && !q.wantsBacklog() && q.callbackIsStuck()
}

// evictFile gives up the oldest messages that no request carries until that
// frees a file, and reports whether it did. The caller holds spool.mu.
func (q *queue) evictFile() bool {
	for q.evictSegment() {
		if q.noteOutcomes() {
			return true
		}
	}
	return false
}

// evictSegment gives up the oldest messages that no request carries, as far as
// they are in one segment. The caller holds spool.mu.
func (q *queue) evictSegment() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.idle.Len() == 0 { // the backlog is next
		q.mu.Unlock()
		messages, err := q.spool.read(backlogChunk)
		q.mu.Lock()
		q.takeIn(messages, err, false)
	}
	defer q.advance()
	var segment *segment
	for q.idle.Len() > 0 && q.mayEvict() {
		b := q.idle.first()
		of := b.content.onDisk[b.lo].segment
		if segment != nil && of != segment {
			break
		}
		segment = of
		q.settle(b, 1, outcome{kind: dropped, err: ErrQueueFull})
	}
	return segment != nil
}
