package altertable

import (
	"time"

	"github.com/altertable-ai/altertable-go/internal/spool"
)

// backlogChunk is how much is read from disk at a time.
const backlogChunk = 256 << 10

// maxFailing is how long a file that cannot be read holds up the files behind it.
const maxFailing = time.Minute

// reading says when the backlog is read again after that has failed. The cause may
// pass: the process is out of file descriptors, or a volume is away. So reading is
// tried again, with the delays of the RetryPolicy.
type reading struct {
	again    time.Duration // not before; on the queue's clock
	schedule *schedule     // nil while it works
	since    time.Duration // when it began to fail
}

// wantsBacklogLocked reports whether memory has room for a good part of the
// backlog, and for its next message. What waits for a callback takes room, except
// while that does not return: it may be waiting for the backlog itself. Then
// memory takes one batch at a time.
func (d *disk) wantsBacklogLocked() bool {
	q := d.q
	if q.onDisk.backlog.count == 0 || q.ended {
		return false
	}
	held := q.held
	if q.reports.stuck(q.now()) {
		return held.count == 0 || d.fitsBackLocked(d.nextSize)
	}
	held.add(q.reports.untold.count, q.reports.untold.bytes)
	return held.count == 0 || held.count <= q.cfg.maxQueueSize/4*3 && held.bytes <= int64(q.cfg.maxQueueBytes/4*3) && d.fitsBackLocked(d.nextSize)
}

// fitsBackLocked reports whether memory has room for a message of the backlog.
func (d *disk) fitsBackLocked(size int) bool {
	q := d.q
	if q.reports.stuck(q.now()) {
		return q.held.count < min(q.cfg.maxBatchSize, q.cfg.maxQueueSize) &&
			q.held.bytes+int64(size) <= int64(min(q.cfg.maxBatchBytes, q.cfg.maxQueueBytes))
	}
	return q.fitsLocked(q.held, size)
}

// readsNowLocked reports whether the backlog is to be read, and can be.
func (d *disk) readsNowLocked() bool { return d.wantsBacklogLocked() && d.q.now() >= d.reading.again }

// readInDiskLocked reads some of the backlog into the lanes if memory has room.
func (d *disk) readInDiskLocked() {
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
	if !d.readsNowLocked() {
		return 0
	}
	average := q.onDisk.backlog.bytes/int64(q.onDisk.backlog.count) + spool.Overhead
	return min(int64(min(q.cfg.maxQueueSize-q.held.count, backlogChunk))*average, backlogChunk)
}

// readDiskLocked reads about limit bytes of the backlog.
func (d *disk) readDiskLocked(limit int64) (all []storedMessage) {
	messages, err := d.files.Read(limit)
	switch {
	case err == nil:
		d.readWell()
	case spool.IsLost(err):
		d.lose(d.files.SkipUnreadable(err))
	case d.readBadly(err) >= maxFailing:
		if last := d.files.NextUnread(); d.files.Postpone() {
			d.postponed(last, spoolError(err))
		}
	}
	for _, m := range messages {
		s := storedMessage{Message: m}
		if m.Endpoint == spool.Identify {
			s.person = personIn(m.JSON)
		}
		if !hasPlainEnvironment(m.JSON) { // it may have been a Raw
			s.Environment = environmentIn(m.JSON)
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

func (d *disk) readWell() {
	d.q.mu.Lock()
	defer d.q.mu.Unlock()
	d.reading, d.q.onDisk.err = reading{}, nil
}

// readBadly lets some time pass before the backlog is read again, and returns how
// long ago reading it began to fail.
func (d *disk) readBadly(err error) time.Duration {
	q := d.q
	q.mu.Lock()
	defer q.mu.Unlock()
	now, r := q.now(), &d.reading
	if r.schedule == nil {
		r.schedule, r.since = q.cfg.retry.newSchedule(), now
		q.tellTroubleLocked(spoolError(err))
	}
	q.onDisk.err = spoolError(err)
	r.again = now + r.schedule.NextBackOff()
	q.advanceLocked()
	return now - r.since
}

// postponed notes that the first messages of the backlog go last now, since their
// file cannot be read. A flush does not wait for them any longer: it returns err.
// Shutdown takes them for what is left on disk.
func (d *disk) postponed(last spool.Tally, err error) {
	q := d.q
	q.mu.Lock()
	defer q.mu.Unlock()
	d.reading = reading{}
	first := q.firstUnreadLocked()
	for _, f := range q.flushes {
		miss := err
		if q.shutdown != nil && f == q.shutdown.flush {
			miss = nil
		}
		q.missLocked(f, last.Count, miss)
		if f.frontier >= first { // the messages behind the file have lower numbers now
			f.frontier -= min(f.frontier-first+1, uint64(last.Count))
		}
	}
	q.advanceLocked()
}

// lose gives messages up that are not on disk any more, or damaged. What is behind
// them may be read.
func (d *disk) lose(skipped spool.Skipped) {
	d.q.mu.Lock()
	defer d.q.mu.Unlock()
	d.reading, d.q.onDisk.err = reading{}, nil
	d.loseLocked(skipped)
	d.q.advanceLocked()
}

func (d *disk) loseLocked(skipped spool.Skipped) {
	q := d.q
	err := spoolError(skipped.Err)
	for _, f := range q.flushes {
		q.missLocked(f, skipped.Count, err)
	}
	q.onDisk.backlog.sub(unreadOf(skipped.Tally))
	q.stats.Dropped += int64(skipped.Count)
	q.tellTroubleLocked(err)
	for _, lost := range d.dones.takeFile(skipped.File) {
		q.tellDonesLocked(dones{lost.done}, lost.error(err))
	}
}

// missLocked ends the wait of f for those of the first n messages of the backlog
// that it covers.
func (q *queue) missLocked(f *flush, n int, err error) {
	if first := q.firstUnreadLocked(); f.frontier >= first {
		f.settle(int(min(uint64(n), f.frontier-first+1)), err)
	}
}

// firstUnreadLocked returns the number of the backlog's first message. The
// backlog is what was accepted last.
func (q *queue) firstUnreadLocked() uint64 { return q.number - uint64(q.onDisk.backlog.count) + 1 }

// advanceDiskLocked notes that messages are in the queue now.
func (d *disk) advanceDiskLocked(messages []storedMessage) {
	if len(messages) == 0 {
		return
	}
	for i := range messages {
		d.files.Advance(&messages[i].Message)
	}
	d.noteOldest(d.oldestDiskLocked())
}

func (d *disk) noteOldest(oldest time.Duration) {
	d.q.mu.Lock()
	defer d.q.mu.Unlock()
	d.q.onDisk.oldest = oldest
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
		if bounded && q.held.count > 0 && !d.fitsBackLocked(len(m.JSON)) {
			d.nextSize = len(m.JSON)
			return i
		}
		number := q.firstUnreadLocked()
		q.onDisk.backlog.sub(unreadOne(&m.Message))
		e.endpoint, e.json, e.person, e.adopted = endpoint(m.Endpoint), m.JSON, m.person, m.Adopted
		if e.environment = append(e.environment[:0], m.Environment...); len(e.environment) == 0 {
			e.environment = append(e.environment, q.cfg.environment...)
		}
		e.acceptedAt = q.acceptedAt(&m.Message)
		e.done = d.dones.take(m.Ref)
		q.placeLocked(e, number, m.Ref)
	}
	d.nextSize = 0
	return len(messages)
}

// load implements keeper. It reads the messages of a report for which memory had no
// room.
func (d *disk) load(refs []spool.Ref) series {
	d.mu.Lock()
	defer d.unlock()
	messages, err := d.files.Load(refs)
	if err != nil {
		d.tellTroubles([]error{err})
	}
	var s series
	for i, m := range messages {
		s.add(m, uint64(i), 0)
	}
	return s
}
