package altertable

import (
	"context"
	"math"
	"time"
)

// Enqueue accepts m for delivery, and later calls done with what became of it.
// m is a Track, an Identify, an Alias or a Raw, by value; the first three are
// treated as by the method of their name. An outbox, a relay or an importer is
// built on it. It waits as Track does.
//
// If Enqueue returns an error, done is not called. If it returns nil, done is
// called exactly once:
//
//   - with nil when the message was delivered, or if it was discarded, because
//     of WithBeforeSend or WithConsentRequired, or because the client is
//     disabled or nil: there is nothing more to do,
//   - with a *DeliveryError of this one message (Count is 1) when it will not be
//     delivered; Payloads returns it, unless its file in the spool was lost,
//   - with ErrClosed when Shutdown left it in the spool, for another
//     client to deliver.
//
// done is called on the callbacks' goroutine, after the functions of
// WithOnDelivery and WithOnError were told of the message's batch. Like them it
// may panic, block, and call any method of the client. With a spool, the
// outcome is noted on disk after done has returned, so that a crash in between
// repeats the message and does not lose it. done may be nil.
//
// Until done has returned, the message counts against WithMaxQueueSize, also
// while it is on disk alone. When that many functions are still to be called,
// a call with another one returns ErrQueueFull, also with DropOldest. With
// Block it waits.
//
// The error is a *ValidationError, also for a nil Message and for a pointer,
// ErrTooLarge, ErrQueueFull, a *SpoolError, or ErrClosed after Close, as
// Track's. A message that would be discarded is discarded after Close, too.
// Enqueue keeps neither maps nor bytes of m.
func (c *Client) Enqueue(ctx context.Context, m Message, done func(error)) error {
	if c.absent() {
		withoutClient.tell(done)
		return nil
	}
	e := newEnvelope()
	defer e.free()
	keep, err := encodeAny(ctx, c, m, e)
	e.done = done
	return c.submit(ctx, "Enqueue", e, keep, err)
}

// reserveDone takes room for e's done, if it has one, which must be released if e is
// not accepted. closing ends the wait for room.
func (q *queue) reserveDone(ctx context.Context, e *envelope, closing <-chan struct{}) error {
	if e.done == nil {
		return nil
	}
	for {
		select {
		case <-closing:
			return ErrClosed
		default:
		}
		progress, err := q.tryReserveDone()
		switch {
		case progress == nil:
			return err
		case ctx.Err() != nil:
			return blockEnded(ctx)
		}
		select {
		case <-progress:
		case <-closing:
		case <-ctx.Done():
		case <-time.After(callbackPatience): // the callback may be stuck
		}
	}
}

// tryReserveDone takes room for a done. If there may be some later, it returns a
// channel that is closed when a callback has returned.
func (q *queue) tryReserveDone() (progress <-chan struct{}, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.reports.pending < q.cfg.maxQueueSize:
		q.reports.pending++
		return nil, nil
	case q.cfg.overflow != Block || q.cfg.writesOnly() || q.reports.stuck(q.now()):
		return nil, ErrQueueFull
	}
	return q.reports.upTo(math.MaxUint64), nil
}

// releaseDone gives back what reserveDone took.
func (q *queue) releaseDone(e *envelope) {
	if e.done == nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.reports.pending--
	q.reports.progressed()
}

// tellNothingToDo has e's done told that its message needs no delivery.
func (q *queue) tellNothingToDo(ctx context.Context, e *envelope) error {
	if e.done == nil {
		return nil
	}
	err := q.checkBubble(e.now)
	if err == nil {
		err = q.reserveDone(ctx, e, nil)
	}
	if err != nil {
		q.reject(err)
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.tellDonesLocked(dones{e.done}, nil)
	return nil
}
