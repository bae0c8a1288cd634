package altertable

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/altertable-ai/altertable-go/internal/spool"
)

// accept implements keeper. The message is written to disk first. A done is room
// of memory, and is reserved before.
func (d *disk) accept(ctx context.Context, e *envelope) error {
	if err := d.q.reserveDone(ctx, e, d.q.closing); err != nil {
		return d.q.rejectMessage(e, err)
	}
	stored := false
	defer func() {
		if !stored { // also if ctx panics
			d.q.releaseDone(e)
		}
	}()
	err := d.storeWithRoom(ctx, e)
	stored = err == nil
	return err
}

// storeWithRoom stores e, after a wait for room if that is the policy.
func (d *disk) storeWithRoom(ctx context.Context, e *envelope) error {
	for {
		w, err := d.store(e)
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, spool.ErrFull):
			return d.q.rejectMessage(e, spoolError(err))
		case w == nil:
			return d.q.rejectMessage(e, ErrQueueFull)
		}
		if err := w.wait(ctx); err != nil {
			return d.q.rejectMessage(e, err)
		}
	}
}

// rejectMessage counts the message in e, which was refused, and returns the call's error.
func (q *queue) rejectMessage(e *envelope, err error) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.rejectLocked(e, err)
	q.advanceLocked() // sets the timer for a warning
	return err
}

// store writes e to disk, and puts it into the queue or the backlog. It makes room
// if need be. If there is none, but may be some later, it returns what to wait for.
func (d *disk) store(e *envelope) (*roomWait, error) {
	d.mu.Lock()
	defer d.unlock()
	room := d.files.Room()
	err := d.storeDiskLocked(e)
	if !errors.Is(err, spool.ErrFull) {
		return nil, err
	}
	if d.noteDiskLocked() {
		if err = d.storeDiskLocked(e); !errors.Is(err, spool.ErrFull) {
			return nil, err
		}
	}
	if d.q.cfg.writesOnly() {
		return nil, err
	}
	switch d.q.cfg.overflow {
	case DropOldest:
		return d.evictDiskLocked(e, room)
	case Block:
		return &roomWait{d: d, room: room}, err
	}
	return nil, err
}

// storeDiskLocked writes e to disk and puts it into the queue or the backlog.
func (d *disk) storeDiskLocked(e *envelope) error {
	m := spool.Message{Endpoint: spool.Endpoint(e.endpoint), JSON: e.json}
	if err := d.stamp(e, &m); err != nil {
		return err
	}
	err := d.files.Append(&m)
	inMemory, err := d.place(e, &m, err)
	if inMemory {
		d.files.Advance(&m)
	}
	if errors.Is(err, ErrClosed) { // Shutdown began after stamp: the call refuses what is on disk by now
		d.files.Withdraw(&m)
	}
	return err
}

// stamp says when e is accepted. Until place is called, e counts as being stored.
func (d *disk) stamp(e *envelope, m *spool.Message) error {
	q := d.q
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.shutdown != nil {
		return ErrClosed
	}
	q.inOrderLocked(e)
	m.JSON = e.json
	m.Accepted = time.Now()
	m.At = m.Accepted.Sub(q.start)
	m.Ahead = e.endpoint == identifyEndpoint && e.own && e.stamp > m.Accepted.UnixMicro()
	e.acceptedAt = m.At
	d.storing.begin(e.endpoint)
	return nil
}

// place puts e, which is on disk as m if err is nil, into the queue if that has
// room, and otherwise into the backlog.
func (d *disk) place(e *envelope, m *spool.Message, err error) (inMemory bool, _ error) {
	q := d.q
	q.mu.Lock()
	defer q.mu.Unlock()
	d.storing.end()
	switch {
	case errors.Is(err, spool.ErrFull):
		d.setFullLocked(true)
		return false, err
	case err != nil:
		return false, err
	case q.shutdown != nil:
		return false, ErrClosed
	}
	q.stats.Accepted++
	q.number++
	q.noteStampLocked(e)
	q.onDisk.full = false
	switch {
	case d.q.cfg.writesOnly():
		d.dones.add(e, m.Ref, q.number)
		q.onDisk.kept.add(1, int64(len(e.json)))
		return false, nil
	case q.onDisk.backlog.count == 0 && q.fitsLocked(q.held, len(e.json)):
		q.placeLocked(e, q.number, m.Ref)
		inMemory = true
	default:
		if q.onDisk.backlog.count == 0 {
			q.onDisk.oldest = e.acceptedAt
		}
		d.dones.add(e, m.Ref, q.number)
		q.onDisk.backlog.add(unreadOne(m))
		q.wanted = len(e.json)
	}
	if q.places.moved || q.isFullLocked() {
		q.advanceLocked()
	}
	return inMemory, nil
}

// storing tells of the message that has its stamp and not yet its place.
type storing struct {
	identify bool
	stored   chan struct{} // closed when it has its place; nil if nobody waits
}

func (s *storing) begin(ep endpoint) { s.identify = ep == identifyEndpoint }

func (s *storing) end() {
	s.identify = false
	if s.stored != nil {
		close(s.stored)
		s.stored = nil
	}
}

// storingLocked implements keeper.
func (d *disk) storingLocked() <-chan struct{} {
	if !d.storing.identify {
		return nil
	}
	if d.storing.stored == nil {
		d.storing.stored = make(chan struct{})
	}
	return d.storing.stored
}

// A roomWait is a call's wait for room on disk.
type roomWait struct {
	d        *disk
	room     <-chan struct{} // closed when something has left the disk
	progress <-chan struct{} // closed when evicted messages have been noted; nil unless there are some
}

// wait returns nil when there may be room. It does not wait for a callback that
// does not return: that may be the very one that called. While evicted messages
// are to be noted it waits even if ctx has ended: they were given up for this one.
func (w *roomWait) wait(ctx context.Context) error {
	ended := ctx.Done()
	if w.progress != nil {
		ended = nil
	} else if ctx.Err() != nil {
		return blockEnded(ctx)
	}
	for {
		if w.isStuck() {
			return ErrQueueFull
		}
		select {
		case <-w.room:
			return nil
		case <-w.progress:
			return nil
		case <-w.d.q.closing:
			return ErrClosed
		case <-ended:
			return blockEnded(ctx)
		case <-time.After(callbackPatience):
		}
	}
}

// isStuck reports whether nothing makes room while a callback does not return.
func (w *roomWait) isStuck() bool {
	q := w.d.q
	q.mu.Lock()
	defer q.mu.Unlock()
	waitsForCallback := w.progress != nil || q.onlyReportsLeftLocked() && !w.d.wantsBacklogLocked()
	return waitsForCallback && q.reports.stuck(q.now())
}

// evictDiskLocked makes room for e where DropOldest is the policy. The callbacks
// are told of evicted messages before these are noted on disk. So the room may come
// later.
func (d *disk) evictDiskLocked(e *envelope, room <-chan struct{}) (*roomWait, error) {
	for {
		progress := d.nextNoting()
		evicted := d.evictFileDiskLocked()
		if d.noteDiskLocked() {
			if err := d.storeDiskLocked(e); !errors.Is(err, spool.ErrFull) {
				return nil, err
			}
			continue
		}
		if d.evictionsComing() {
			return &roomWait{d: d, room: room, progress: progress}, spool.ErrFull
		}
		if !evicted {
			return nil, spool.ErrFull
		}
	}
}

// evictFileDiskLocked gives up the oldest messages that no request carries, as far
// as they are in one file. It reports whether there were any.
func (d *disk) evictFileDiskLocked() bool {
	for {
		var messages []storedMessage
		carried := d.q.allIsCarried()
		if carried { // the backlog is next
			messages = d.readDiskLocked(backlogChunk)
		}
		evicted, taken := d.evictOneFile(messages)
		d.advanceDiskLocked(messages[:taken])
		if evicted || carried || !d.q.allIsCarried() { // else a request has taken what was idle
			return evicted
		}
	}
}

func (q *queue) allIsCarried() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.places.oldestIdle() == nil
}

// evictOneFile puts messages of the backlog into the lanes, and evicts what is
// oldest then. It returns how many messages it took in.
func (d *disk) evictOneFile(messages []storedMessage) (evicted bool, taken int) {
	q := d.q
	q.mu.Lock()
	defer q.mu.Unlock()
	taken = d.takeInLocked(messages, false)
	var file spool.Ref
	for b := q.places.oldestIdle(); b != nil && q.reports.mayEvict(q.now()); b = q.places.oldestIdle() {
		ref := b.refs[b.gone]
		if evicted && !ref.SameFile(file) {
			break
		}
		file, evicted = ref, true
		q.settleLocked(b, 1, outcome{kind: dropped, err: ErrQueueFull})
	}
	q.advanceLocked()
	return evicted, taken
}

// nextNoting returns a channel that is closed when outcomes are noted next.
func (d *disk) nextNoting() <-chan struct{} { return d.notedUpTo(math.MaxUint64) }

// evictionsComing reports whether evicted messages are still to be noted on disk.
func (d *disk) evictionsComing() bool {
	d.q.mu.Lock()
	defer d.q.mu.Unlock()
	return d.q.reports.evicted.count > 0 || len(d.unnoted) > 0
}
