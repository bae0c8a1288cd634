package altertable

import (
	"container/list"
	"context"
	"fmt"
)

// A blockedCall is a Track call that waits for room. While it waits, its
// envelope is the queue's. Guarded by queue.mu, except for done.
type blockedCall struct {
	envelope *envelope
	place    *list.Element // in queue.blocked; nil once the wait is over
	err      error         // does not change after done is closed
	done     chan struct{}
}

// blockLocked lets the call with the message in e wait for room, behind the
// others.
func (q *queue) blockLocked(e *envelope) *blockedCall {
	call := &blockedCall{envelope: e, done: make(chan struct{})}
	call.place = q.blocked.PushBack(call)
	return call
}

// letInLocked accepts the messages of blocked calls for which there is room by now.
func (q *queue) letInLocked() {
	for place := q.blocked.Front(); place != nil; place = q.blocked.Front() {
		call := place.Value.(*blockedCall)
		q.inOrderLocked(call.envelope)
		if !q.makeRoomLocked(len(call.envelope.json)) {
			return
		}
		q.admitLocked(call.envelope)
		q.unblockLocked(call, nil)
	}
}

// unblockLocked ends a blocked call's wait with err.
func (q *queue) unblockLocked(call *blockedCall, err error) {
	if err != nil {
		q.rejectLocked(call.envelope, err)
	}
	q.blocked.Remove(call.place)
	call.place, call.err = nil, err
	close(call.done)
}

func (q *queue) unblockAllLocked(err error) {
	for place := q.blocked.Front(); place != nil; place = q.blocked.Front() {
		q.unblockLocked(place.Value.(*blockedCall), err)
	}
}

// waitForRoom waits until the call is let in, or ctx ends.
func (q *queue) waitForRoom(ctx context.Context, call *blockedCall) error {
	defer q.giveUp(call, ErrQueueFull) // if ctx, which may be the user's code, panics: the caller takes the envelope back
	select {
	case <-call.done:
	case <-ctx.Done():
		q.giveUp(call, blockEnded(ctx))
	}
	return call.err
}

// giveUp ends a blocked call's wait with err, unless it is over.
func (q *queue) giveUp(call *blockedCall, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if call.place != nil {
		q.unblockLocked(call, err)
		q.advanceLocked() // there may be room for the next one
	}
}

// blockEnded is the error of a call whose context ended before there was room.
func blockEnded(ctx context.Context) error {
	return fmt.Errorf("%w: %w", ErrQueueFull, ctx.Err())
}

// onlyReportsLeftLocked reports whether nothing except untold reports fills the
// queue, so that only a callback's return can make room.
func (q *queue) onlyReportsLeftLocked() bool { return q.held.count == 0 && q.reports.running }

// rejectStuckLocked ends the wait of blocked calls that wait for a callback
// which does not return: it may be the very callback that called.
func (q *queue) rejectStuckLocked() {
	if q.blocked.Len() > 0 && q.onlyReportsLeftLocked() && q.reports.stuck(q.now()) {
		q.unblockAllLocked(ErrQueueFull)
	}
}
