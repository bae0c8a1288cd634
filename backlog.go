package altertable

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/altertable-ai/altertable-go/internal/spool"
)

// disk is the keeper of a client with a spool. A message is on disk before it
// is in the queue. What memory has no room for is on disk alone: the backlog, in
// the order of acceptance. While there is one, all that comes joins it, and it
// is read into the lanes as room comes up.
//
// mu guards the files, and is taken before queue.mu. A method whose name ends in
// DiskLocked needs the former and takes the latter itself. I/O happens under the
// former alone.
//
// The disk's work, reading and noting outcomes, is done by one goroutine that
// lives while there is some. A message's outcome is noted after the callbacks
// were told of it, so that a crash in between repeats rather than loses it.
type disk struct {
	q *queue

	mu    sync.Mutex
	files *spool.Spool

	// Guarded by queue.mu.
	unnoted  []spool.Ref   // have their outcome; to be noted on disk
	nextSize int           // of the backlog's next message, if that did not fit
	work     chan struct{} // closed when the disk's goroutine ends; nil while there is none
}

// onDisk counts the messages that are on disk alone.
type onDisk struct {
	backlog unread        // to be read
	oldest  time.Duration // no message of it was accepted before
	kept    tally         // for the next client to deliver
	full    bool          // the disk had no room for the last message
}

// unread is messages that are to be read.
type unread struct {
	tally
	identifies int
}

func unreadOf(t spool.Tally) unread { return unread{tally{t.Count, t.Bytes}, t.Identifies} }

func unreadOne(m *spool.Message) unread {
	u := unread{tally: tally{1, int64(len(m.JSON))}}
	if m.Endpoint == spool.Identify {
		u.identifies = 1
	}
	return u
}

func (u *unread) add(other unread) {
	u.tally.add(other.count, other.bytes)
	u.identifies += other.identifies
}

func (u *unread) sub(other unread) {
	u.tally.sub(other.count, other.bytes)
	u.identifies -= other.identifies
}

// backlogChunk is how much is read from disk at a time.
const backlogChunk = 256 << 10

// openSpool opens the spool, and takes over what dead clients left.
func (q *queue) openSpool() error {
	files, troubles, err := q.cfg.spool.open(q.cfg)
	if err != nil {
		return err
	}
	next, _ := files.Read(1) // of a file that cannot be read the disk's goroutine will tell
	q.spoolBytes.Store(files.Bytes())
	q.mu.Lock()
	defer q.mu.Unlock()
	q.keeper = &disk{q: q, files: files}
	q.onDisk.backlog = unreadOf(files.Unread())
	if len(next) > 0 {
		q.onDisk.oldest = q.acceptedAt(&next[0])
	}
	q.number = uint64(q.onDisk.backlog.count)
	q.lastIdentify = max(q.lastIdentify, files.LastIdentify().UnixMicro())
	q.stats.Accepted += int64(q.onDisk.backlog.count)
	for _, trouble := range troubles {
		q.tellTroubleLocked(spoolError(trouble))
	}
	q.advanceLocked()
	return nil
}

// acceptedAt returns when a message on disk was accepted, on the queue's clock.
func (q *queue) acceptedAt(m *spool.Message) time.Duration {
	return min(m.Accepted.Sub(q.start), q.now())
}

// unlock unlocks mu. Stats reads the number of bytes without it.
func (d *disk) unlock() {
	d.q.spoolBytes.Store(d.files.Bytes())
	d.mu.Unlock()
}

// betweenAccepts implements keeper. A message is stamped and put in its place under mu.
func (d *disk) betweenAccepts(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
}

// settledLocked has it noted on disk that messages have their outcome.
func (d *disk) settledLocked(refs []spool.Ref) {
	d.unnoted = append(d.unnoted, refs...)
	d.workLocked()
}

// noteDiskLocked notes on disk which messages have their outcome by now, and
// reports whether that freed a file.
func (d *disk) noteDiskLocked() (freed bool) {
	freed = d.files.Done(d.takeUnnoted())
	if freed {
		d.setFull(false)
	}
	return freed
}

func (d *disk) takeUnnoted() []spool.Ref {
	d.q.mu.Lock()
	defer d.q.mu.Unlock()
	refs := d.unnoted
	d.unnoted = nil
	return refs
}

// setFull notes whether the disk has room. Where it has none, open batches leave.
func (d *disk) setFull(full bool) {
	d.q.mu.Lock()
	defer d.q.mu.Unlock()
	if d.q.onDisk.full = full; full {
		d.q.advanceLocked()
	}
}

// noteOutcomes implements keeper.
func (d *disk) noteOutcomes() {
	d.mu.Lock()
	defer d.unlock()
	d.noteDiskLocked()
}

// workLocked starts the disk's goroutine if there is work for it.
func (d *disk) workLocked() {
	if d.work == nil && d.hasWorkLocked() {
		d.work = make(chan struct{})
		go d.doWork(d.work)
	}
}

func (d *disk) hasWorkLocked() bool { return len(d.unnoted) > 0 || d.q.wantsBacklogLocked(d.nextSize) }

// wantsBacklogLocked reports whether memory has room for a good part of the
// backlog, and for its next message.
func (q *queue) wantsBacklogLocked(nextSize int) bool {
	count, bytes := q.held.count+q.reports.untold.count, q.held.bytes+q.reports.untold.bytes
	return q.onDisk.backlog.count > 0 && !q.ended && (count == 0 ||
		count <= q.cfg.maxQueueSize/4*3 && bytes <= int64(q.cfg.maxQueueBytes/4*3) && q.fitsLocked(q.held, nextSize))
}

func (d *disk) doWork(finished chan struct{}) {
	defer close(finished)
	for d.goesOn() {
		d.workOnce()
	}
}

// goesOn reports whether there is work. There being none, the goroutine is over.
func (d *disk) goesOn() bool {
	d.q.mu.Lock()
	defer d.q.mu.Unlock()
	if d.hasWorkLocked() {
		return true
	}
	d.work = nil
	return false
}

func (d *disk) workOnce() {
	d.mu.Lock()
	defer d.unlock()
	d.noteDiskLocked()
	if limit := d.readLimit(); limit > 0 {
		messages := d.readDiskLocked(limit)
		d.advanceDiskLocked(messages[:d.takeIn(messages)])
	}
}

// readLimit returns how many bytes of the backlog memory has room for, 0 if it
// is not to be read.
func (d *disk) readLimit() int64 {
	q := d.q
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.wantsBacklogLocked(d.nextSize) {
		return 0
	}
	average := q.onDisk.backlog.bytes/int64(q.onDisk.backlog.count) + spool.Overhead
	return min(int64(min(q.cfg.maxQueueSize-q.held.count, backlogChunk))*average, backlogChunk)
}

// readDiskLocked reads about limit bytes of the backlog. A file that cannot be
// read is given up.
func (d *disk) readDiskLocked(limit int64) (all []storedMessage) {
	messages, err := d.files.Read(limit)
	if err != nil {
		d.skip(d.files.SkipUnreadable(err))
	}
	for _, m := range messages {
		s := storedMessage{Message: m}
		if m.Endpoint == spool.Identify {
			s.person = personIn(m.JSON)
		}
		all = append(all, s)
	}
	return all
}

// A storedMessage has been read from disk.
type storedMessage struct {
	spool.Message
	person person // of an identify
}

// advanceDiskLocked notes that messages are in the queue now.
func (d *disk) advanceDiskLocked(messages []storedMessage) {
	for i := range messages {
		d.files.Advance(&messages[i].Message)
	}
}

// takeIn puts messages of the backlog into the lanes, as far as memory has
// room, and returns how many.
func (d *disk) takeIn(messages []storedMessage) (taken int) {
	d.q.mu.Lock()
	defer d.q.mu.Unlock()
	taken = d.takeInLocked(messages, true)
	d.q.advanceLocked()
	return taken
}

// takeInLocked puts messages of the backlog into the lanes, within the bounds
// of memory or not.
func (d *disk) takeInLocked(messages []storedMessage, bounded bool) (taken int) {
	q := d.q
	if q.ended || len(messages) == 0 {
		return 0
	}
	e := new(envelope)
	for i := range messages {
		m := &messages[i]
		if bounded && q.held.count > 0 && !q.fitsLocked(q.held, len(m.JSON)) {
			d.nextSize = len(m.JSON)
			q.onDisk.oldest = q.acceptedAt(&m.Message)
			return i
		}
		number := q.firstUnreadLocked()
		q.onDisk.backlog.sub(unreadOne(&m.Message))
		e.endpoint, e.json, e.person = endpoint(m.Endpoint), m.JSON, m.person
		if e.environment = append(e.environment[:0], m.Environment...); len(e.environment) == 0 {
			e.environment = append(e.environment, q.cfg.environment...)
		}
		e.acceptedAt = q.acceptedAt(&m.Message)
		q.onDisk.oldest = e.acceptedAt // what follows was accepted later
		q.placeLocked(e, number, m.Ref)
	}
	d.nextSize = 0
	return len(messages)
}

// firstUnreadLocked returns the number of the backlog's first message. The
// backlog is what was accepted last.
func (q *queue) firstUnreadLocked() uint64 { return q.number - uint64(q.onDisk.backlog.count) + 1 }

// skip takes out of the backlog what cannot be read now.
func (d *disk) skip(skipped spool.Skipped) {
	d.q.mu.Lock()
	defer d.q.mu.Unlock()
	d.skipLocked(skipped)
}

// skipLocked takes out of the backlog what cannot be read now. The next client
// may be able to, unless the file was removed.
func (d *disk) skipLocked(skipped spool.Skipped) {
	q := d.q
	first := q.firstUnreadLocked()
	q.onDisk.backlog.sub(unreadOf(skipped.Tally))
	if skipped.Lost {
		q.stats.Dropped += int64(skipped.Count)
	} else {
		q.onDisk.kept.add(skipped.Count, skipped.Bytes)
	}
	err := spoolError(skipped.Err)
	q.tellTroubleLocked(err)
	for _, f := range q.flushes {
		if f.frontier >= first {
			f.settle(int(min(uint64(skipped.Count), f.frontier-first+1)), err)
		}
	}
}

// tellTroubleLocked reports trouble with the spool's files.
func (q *queue) tellTroubleLocked(err error) {
	if q.cfg.onError == nil {
		q.warnLocked(warnSpool, err)
		return
	}
	q.tellLocked(report{trouble: err})
}

// leaveLocked implements keeper. The batch's messages stay on disk.
func (d *disk) leaveLocked(b *batch) { d.q.places.shelve(b) }

// end implements keeper.
func (d *disk) end(limit context.Context) {
	d.keepRest()
	d.q.endReports(limit)
	if work := d.currentWork(); work != nil {
		select {
		case <-work:
		case <-limit.Done():
		}
	}
	d.mu.Lock()
	defer d.unlock()
	d.files.Close()
}

func (d *disk) currentWork() <-chan struct{} {
	d.q.mu.Lock()
	defer d.q.mu.Unlock()
	return d.work
}

// keepRest ends this client's part in what has no outcome yet: the next one
// delivers it. Shutdown takes that for success, a Flush does not. What somebody
// has removed from the disk is lost.
func (d *disk) keepRest() {
	d.mu.Lock()
	defer d.unlock()
	d.noteDiskLocked()
	removed, trouble := d.files.Removed()
	d.keepRestOf(removed, trouble)
}

func (d *disk) keepRestOf(removed []spool.Skipped, trouble error) {
	q := d.q
	q.mu.Lock()
	defer q.mu.Unlock()
	if trouble != nil {
		q.tellTroubleLocked(spoolError(trouble))
	}
	for _, b := range q.places.allIdle() {
		if slices.ContainsFunc(b.refs[b.gone:], spool.Ref.Gone) {
			q.settleLocked(b, b.count(), q.leftoverLocked(b))
		}
	}
	for _, skipped := range removed {
		d.skipLocked(skipped)
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
	q.onDisk.kept.add(q.held.count+q.onDisk.backlog.count, q.held.bytes+q.onDisk.backlog.bytes)
	q.held, q.onDisk.backlog = tally{}, unread{}
	q.places.abandon()
}
