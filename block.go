package altertable

import (
	"container/list"
	"context"
	"fmt"
)

// A blockedCall is a Track call that waits for room. While it waits, the queue
// may append its envelope; afterwards that is the caller's again.
type blockedCall struct {
	envelope *envelope
	err      error // set before done is closed
	done     chan struct{}
}

// admit appends the messages of blocked calls for which there is room by now.
func (q *queue) admit() {
	for place := q.blocked.Front(); place != nil; place = q.blocked.Front() {
		call := place.Value.(*blockedCall)
		q.inOrder(call.envelope)
		if !q.makeRoom(len(call.envelope.json)) {
			return
		}
		call.envelope.acceptedAt = q.now()
		q.stats.Accepted++
		q.append(call.envelope, ref{})
		q.unblock(place, nil)
	}
}

// unblock ends a blocked call's wait with err.
func (q *queue) unblock(place *list.Element, err error) {
	call := q.blocked.Remove(place).(*blockedCall)
	if err != nil {
		q.stats.Rejected++
	}
	call.err = err
	close(call.done)
}

func (q *queue) unblockAll(err error) {
	for place := q.blocked.Front(); place != nil; place = q.blocked.Front() {
		q.unblock(place, err)
	}
}

func (q *queue) waitForRoom(ctx context.Context, call *blockedCall, place *list.Element) error {
	select {
	case <-call.done:
	case <-ctx.Done():
		err := blockEnded(ctx)
		q.mu.Lock()
		select {
		case <-call.done: // it was admitted meanwhile, and that stands
		default:
			q.unblock(place, err)
			q.advance() // there may be room for the next one
		}
		q.mu.Unlock()
	}
	return call.err
}

func blockEnded(ctx context.Context) error {
	return fmt.Errorf("%w: %w", ErrQueueFull, ctx.Err())
}

// onlyReportsLeft reports whether nothing but untold reports fills the queue,
// so that only a callback's return can make room.
func (q *queue) onlyReportsLeft() bool { return q.queued.count == 0 && q.reports.running }

// rejectStuck ends the wait of blocked calls that wait for a callback which
// does not return: it may be the very callback that called.
func (q *queue) rejectStuck() {
	if q.blocked.Len() > 0 && q.onlyReportsLeft() && q.callbackIsStuck() {
		q.unblockAll(ErrQueueFull)
	}
}
