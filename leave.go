package altertable

import (
	"context"
	"slices"

	"github.com/altertable-ai/altertable-go/internal/spool"
)

// ending is how far Shutdown has come with the disk. Its goroutine does the work.
// If the disk hangs, Shutdown goes on without it, and the files are closed when
// the disk is back.
type ending struct {
	begun   bool // find out what was removed from the disk
	looked  bool
	removed []spool.Skipped
	found   chan struct{} // closed when that is found out

	over   bool // close the files
	closed bool
}

func (e *ending) hasWork() bool { return e.begun && !e.looked || e.over && !e.closed }

// leaveLocked implements keeper. The batch's messages stay on disk.
func (d *disk) leaveLocked(b *batch) { d.q.places.shelve(b) }

// end implements keeper.
func (d *disk) end(limit context.Context) {
	select {
	case <-d.beginEnd():
	case <-limit.Done():
	}
	d.keepRest()
	d.q.endReports(limit)
	closed := d.close()
	select {
	case <-closed:
	case <-limit.Done():
		await(closed, diskGrace)
	}
}

// beginEnd has the disk's goroutine find out what was removed. The channel is
// closed when it has.
func (d *disk) beginEnd() (found <-chan struct{}) {
	d.q.mu.Lock()
	defer d.q.mu.Unlock()
	d.ending.begun, d.ending.found = true, make(chan struct{})
	d.workLocked()
	return d.ending.found
}

// close has the disk's goroutine close the files, after the rest is noted. The
// channel is closed when it has. A callback that is slow may be told later of what
// was delivered, but not with the messages.
func (d *disk) close() (closed <-chan struct{}) {
	d.q.mu.Lock()
	defer d.q.mu.Unlock()
	for i := range d.q.reports.coming {
		d.q.noteDeliveredLocked(&d.q.reports.coming[i])
		d.leaveUntoldLocked(&d.q.reports.coming[i])
	}
	d.ending.over = true
	d.workLocked()
	return d.work
}

// leaveUntoldLocked takes back a loss that nobody was told of, and whose messages are
// on disk alone: they cannot be read any more. The next client finds them there.
func (d *disk) leaveUntoldLocked(r *report) {
	if !r.onDisk || r.err == nil || slices.ContainsFunc(r.refs, spool.Ref.Gone) {
		return
	}
	n := r.delivery.Count
	d.q.stats.Failed -= int64(n)
	d.q.onDisk.kept.add(n, int64(r.delivery.Bytes-len("[]")-(n-1)))
	*r = report{dones: r.dones, err: ErrClosed}
}

// endDiskLocked does what Shutdown left to the disk's goroutine.
func (d *disk) endDiskLocked() {
	switch look, over := d.endingNow(); {
	case look:
		d.looked(d.files.Removed())
	case over:
		d.files.Close()
		d.closed()
	}
}

func (d *disk) endingNow() (look, over bool) {
	d.q.mu.Lock()
	defer d.q.mu.Unlock()
	e := &d.ending
	return e.begun && !e.looked, e.over && !e.closed && len(d.unnoted) == 0
}

func (d *disk) looked(removed []spool.Skipped) {
	d.q.mu.Lock()
	defer d.q.mu.Unlock()
	d.ending.looked, d.ending.removed = true, removed
	close(d.ending.found)
}

func (d *disk) closed() {
	d.q.mu.Lock()
	defer d.q.mu.Unlock()
	d.ending.closed = true
	d.progressLocked()
}

// keepRest leaves what has no outcome yet to the next client. Shutdown takes that
// for success, a Flush does not. What somebody has removed from the disk is lost.
func (d *disk) keepRest() {
	q := d.q
	q.mu.Lock()
	defer q.mu.Unlock()
	if d.ending.looked {
		for _, b := range q.places.allIdle() {
			if slices.ContainsFunc(b.refs[b.gone:], spool.Ref.Gone) {
				q.settleLocked(b, b.count(), q.leftoverLocked(b))
			}
		}
		for _, skipped := range d.ending.removed {
			d.loseLocked(skipped)
		}
	}
	err := joinErrors(q.shutdown.ctxErr, q.firstSetbackLocked())
	if err == nil {
		err = ErrClosed
	}
	for _, f := range q.flushes {
		if f == q.shutdown.flush {
			f.settle(f.remaining, nil)
		} else {
			f.settle(f.remaining, err)
		}
	}
	q.tellDonesLocked(d.allDonesLocked(), ErrClosed)
	q.onDisk.kept.add(q.held.count+q.onDisk.backlog.count, q.held.bytes+q.onDisk.backlog.bytes)
	q.held, q.onDisk.backlog = tally{}, unread{}
	q.places.abandon()
}
