package altertable

import (
	"context"
	"math/rand/v2"
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
// former alone, and may hang. So mu is taken only by the calls that write a
// message, by the disk's goroutine, and by a callback's that needs a message
// again. Everybody else leaves work to the disk's goroutine and waits for it as
// long as its context allows.
//
// The disk's goroutine lives while there is work: to read, to note outcomes, to
// look after the files. A message's outcome is noted after the callbacks were
// told of it, so that a crash in between repeats rather than loses it.
type disk struct {
	q *queue

	mu    sync.Mutex
	files *spool.Spool

	// Guarded by queue.mu.
	storing  storing
	dones    storedDones
	unnoted  []spool.Ref   // have their outcome; to be noted on disk
	settled  uint64        // how many messages were put into unnoted, ever
	noted    uint64        // how many of these are noted on disk
	progress chan struct{} // closed when the next ones are; nil if nobody waits
	nextSize int           // of the backlog's next message, if that did not fit
	reading  reading       // after a failure
	tendAt   time.Duration // when the files are to be looked after
	ending   ending        // of Shutdown
	work     chan struct{} // closed when the disk's goroutine ends; nil while there is none
}

// onDisk counts the messages that are on disk alone.
type onDisk struct {
	backlog unread        // to be read
	oldest  time.Duration // no message of it was accepted before
	kept    tally         // for the next client to deliver
	full    bool          // the disk had no room for the last message
	err     error         // why the backlog cannot be read now
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

// openSpool opens the spool, and takes over what dead clients left.
func (q *queue) openSpool() error {
	files, err := q.cfg.spool.open(q.cfg)
	if err != nil {
		return err
	}
	d := &disk{q: q, files: files}
	d.mu.Lock()
	defer d.unlock()
	d.begin(files.Unread(), d.oldestDiskLocked(), files.LastIdentify(), files.Left())
	return nil
}

func (d *disk) begin(adopted spool.Tally, oldest time.Duration, lastIdentify time.Time, left spool.Left) {
	q := d.q
	q.mu.Lock()
	defer q.mu.Unlock()
	q.keeper = d
	d.tendAt = tendEvery()
	d.adoptLocked(adopted, oldest, lastIdentify)
	if left.Files > 0 {
		q.warnOfLeftLocked(left)
	}
	q.advanceLocked()
}

// adoptLocked takes messages over that dead clients left: they go last.
func (d *disk) adoptLocked(adopted spool.Tally, oldest time.Duration, lastIdentify time.Time) {
	q := d.q
	q.onDisk.backlog.add(unreadOf(adopted))
	q.onDisk.oldest = oldest
	q.number += uint64(adopted.Count)
	q.stats.Accepted += int64(adopted.Count)
	q.lastIdentify = max(q.lastIdentify, lastIdentify.UnixMicro())
}

// acceptedAt returns when a message on disk was accepted, on the queue's clock. Of
// an adopted one only the wall clock's time is known, which may have been wrong.
// None was accepted in the future.
func (q *queue) acceptedAt(m *spool.Message) time.Duration {
	if !m.Adopted {
		return m.At
	}
	return q.now() - max(0, time.Since(m.Accepted))
}

// unlock unlocks mu, and tells of what was met with the files meanwhile. Stats
// reads the number of bytes without it.
func (d *disk) unlock() {
	troubles := d.files.Troubles()
	d.q.spoolBytes.Store(d.files.Bytes())
	d.mu.Unlock()
	if len(troubles) > 0 {
		d.tellTroubles(troubles)
	}
}

func (d *disk) tellTroubles(troubles []error) {
	q := d.q
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, trouble := range troubles {
		q.tellTroubleLocked(spoolError(trouble))
	}
	q.advanceLocked()
}

// tellTroubleLocked reports trouble with the spool's files.
func (q *queue) tellTroubleLocked(err error) {
	if len(q.cfg.onError) == 0 {
		q.warnLocked(warnSpool, err)
		return
	}
	q.tellLocked(report{trouble: err})
}

// settledLocked implements keeper. The disk's goroutine notes that the messages have
// their outcome.
func (d *disk) settledLocked(refs []spool.Ref) {
	d.unnoted = append(d.unnoted, refs...)
	d.settled += uint64(len(refs))
	d.workLocked()
}

// noteDiskLocked notes on disk which messages have their outcome by now, and
// reports whether that freed a file.
func (d *disk) noteDiskLocked() (freed bool) {
	refs := d.takeUnnoted()
	if len(refs) == 0 {
		return false
	}
	freed = d.files.Done(refs)
	d.notedRefs(len(refs), freed)
	return freed
}

func (d *disk) takeUnnoted() []spool.Ref {
	d.q.mu.Lock()
	defer d.q.mu.Unlock()
	refs := d.unnoted
	d.unnoted = nil
	return refs
}

func (d *disk) notedRefs(n int, freed bool) {
	d.q.mu.Lock()
	defer d.q.mu.Unlock()
	d.noted += uint64(n)
	d.progressLocked()
	if freed {
		d.setFullLocked(false)
	}
}

// progressLocked wakes those who wait until outcomes are noted.
func (d *disk) progressLocked() {
	if d.progress != nil {
		close(d.progress)
		d.progress = nil
	}
}

// noteOutcomes implements keeper.
func (d *disk) noteOutcomes(ctx context.Context) {
	target := d.settledSoFar()
	for progress := d.notedUpTo(target); progress != nil; progress = d.notedUpTo(target) {
		select {
		case <-progress:
		case <-ctx.Done():
			return
		}
	}
}

func (d *disk) settledSoFar() uint64 {
	d.q.mu.Lock()
	defer d.q.mu.Unlock()
	return d.settled
}

// notedUpTo returns a channel that is closed when more outcomes are noted, nil if
// the first target ones are, or none will be any more.
func (d *disk) notedUpTo(target uint64) <-chan struct{} {
	d.q.mu.Lock()
	defer d.q.mu.Unlock()
	if d.noted >= target || d.ending.closed {
		return nil
	}
	if d.progress == nil {
		d.progress = make(chan struct{})
	}
	return d.progress
}

// setFullLocked notes whether the disk is full. If it is, open batches leave, so that
// room comes up.
func (d *disk) setFullLocked(full bool) {
	if d.q.onDisk.full = full; full {
		d.q.advanceLocked()
	}
}

// workLocked implements keeper. It starts the disk's goroutine if there is work for it.
func (d *disk) workLocked() {
	if d.work == nil && d.hasWorkLocked() {
		d.work = make(chan struct{})
		go d.doWork(d.work)
	}
}

func (d *disk) hasWorkLocked() bool {
	return len(d.unnoted) > 0 && !d.ending.closed || d.readsNowLocked() || d.tendsNowLocked() || d.ending.hasWork()
}

// dueLocked implements keeper. It leaves out what is due by now: the disk's goroutine
// is at it.
func (d *disk) dueLocked(now time.Duration) time.Duration {
	next := time.Duration(-1)
	if d.q.cfg.writesOnly() {
		return next
	}
	at := func(t time.Duration) {
		if t > now && (next < 0 || t < next) {
			next = t
		}
	}
	at(d.tendAt)
	if d.wantsBacklogLocked() {
		at(d.reading.again)
	}
	if r := &d.q.reports; d.q.onDisk.backlog.count > 0 && r.running {
		at(r.since + callbackPatience) // from then on its reports do not keep the backlog from being read
	}
	return next
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
	d.tendDiskLocked()
	d.readInDiskLocked()
	d.endDiskLocked()
}

// tendEvery returns the time until the files are looked after next: about a
// minute, so that several processes do not do it at once. Tests replace it.
var tendEvery = func() time.Duration { return 45*time.Second + rand.N(30*time.Second) }

func (d *disk) tendsNowLocked() bool {
	return !d.q.ended && !d.q.cfg.writesOnly() && d.q.now() >= d.tendAt
}

// tendDiskLocked looks after the files if it is time, and takes over what clients
// that died since have left.
func (d *disk) tendDiskLocked() {
	if !d.tendsNow() {
		return
	}
	adopted := d.files.Tend()
	d.tended(adopted, d.oldestDiskLocked(), d.files.LastIdentify())
}

func (d *disk) tendsNow() bool {
	d.q.mu.Lock()
	defer d.q.mu.Unlock()
	return d.tendsNowLocked()
}

func (d *disk) tended(adopted spool.Tally, oldest time.Duration, lastIdentify time.Time) {
	q := d.q
	q.mu.Lock()
	defer q.mu.Unlock()
	d.tendAt = q.now() + tendEvery()
	d.adoptLocked(adopted, oldest, lastIdentify)
	q.advanceLocked()
}

// oldestDiskLocked returns when the oldest message of the backlog was accepted.
func (d *disk) oldestDiskLocked() time.Duration { return d.files.Oldest(d.q.acceptedAt) }
