package altertable

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"time"
)

// With a spool, a message is on disk before it is in the queue. What memory has
// no room for is on disk alone: the backlog, in the order of acceptance. While
// there is one, all that comes joins it, and it is read into the lanes as room
// comes up.
//
// The spool's work, reading and noting outcomes, is done by one goroutine that
// lives while there is some. A message's outcome is noted after the callbacks
// were told of it, so that a crash in between repeats rather than loses it.

// backlogChunk is how much is read from disk at a time.
const backlogChunk = 256 << 10

// A backlog is messages that are on disk alone.
type backlog struct {
	tally
	identifies int
}

func backlogOf(ep endpoint, message []byte) backlog {
	b := backlog{tally: tally{1, int64(len(message))}}
	if ep == identifyEndpoint {
		b.identifies = 1
	}
	return b
}

func (b *backlog) add(other backlog) {
	b.tally.add(other.count, other.bytes)
	b.identifies += other.identifies
}

func (b *backlog) sub(other backlog) {
	b.tally.sub(other.count, other.bytes)
	b.identifies -= other.identifies
}

// openSpool opens the spool, and takes over what dead clients left.
func (q *queue) openSpool() error {
	s, troubles, err := openSpool(q.cfg)
	if err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.spool = s
	for _, segment := range s.segments {
		q.backlog.add(segment.unread)
		q.lastIdentify = max(q.lastIdentify, segment.lastIdentify)
	}
	q.stats.Accepted += int64(q.backlog.count)
	for _, trouble := range troubles {
		q.tellTrouble(trouble)
	}
	q.advance()
	return nil
}

// noteDone has it noted on disk that messages have their outcome.
func (q *queue) noteDone(refs []ref) {
	q.done = append(q.done, refs...)
	q.workOnSpool()
}

// noteOutcomes notes on disk which messages have their outcome by now, and
// reports whether that freed a file. The caller holds spool.mu.
func (q *queue) noteOutcomes() (freed bool) {
	q.mu.Lock()
	refs := q.done
	q.done = nil
	q.mu.Unlock()
	before := len(q.spool.segments)
	q.spool.markDone(refs)
	return len(q.spool.segments) < before
}

// cleanSpool makes sure that what was delivered so far has left the disk.
func (q *queue) cleanSpool() {
	if q.spool != nil {
		q.spool.mu.Lock()
		defer q.spool.mu.Unlock()
		q.noteOutcomes()
	}
}

// workOnSpool starts the spool's goroutine if there is work for it.
func (q *queue) workOnSpool() {
	if q.spool != nil && q.spoolWork == nil && q.hasSpoolWork() {
		q.spoolWork = make(chan struct{})
		go q.doSpoolWork(q.spoolWork)
	}
}

func (q *queue) hasSpoolWork() bool { return len(q.done) > 0 || q.wantsBacklog() }

// wantsBacklog reports whether memory has room for a good part of the backlog.
func (q *queue) wantsBacklog() bool {
	return q.backlog.count > 0 && !q.ended && (q.queued.count == 0 && q.reports.held.count == 0 ||
		q.queued.count+q.reports.held.count <= q.cfg.maxQueueSize/4*3 &&
			q.queued.bytes+q.reports.held.bytes <= int64(q.cfg.maxQueueBytes/4*3) &&
			q.fits(q.queued, q.nextSize))
}

func (q *queue) doSpoolWork(finished chan struct{}) {
	defer close(finished)
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.hasSpoolWork() {
		q.mu.Unlock()
		q.spool.mu.Lock()
		q.noteOutcomes()
		q.readBacklog()
		q.spool.mu.Unlock()
		q.mu.Lock()
	}
	q.spoolWork = nil
}

// readBacklog moves a part of the backlog into the lanes, if there is room. The
// caller holds spool.mu.
func (q *queue) readBacklog() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.wantsBacklog() {
		return
	}
	average := q.backlog.bytes/int64(q.backlog.count) + spoolOverhead
	limit := min(int64(min(q.cfg.maxQueueSize-q.queued.count, backlogChunk))*average, backlogChunk)
	q.mu.Unlock()
	messages, err := q.spool.read(limit)
	q.mu.Lock()
	q.takeIn(messages, err, true)
	q.advance()
}

// takeIn puts messages that were read into the lanes, within the bounds of
// memory or not. The caller holds spool.mu, too.
func (q *queue) takeIn(messages []readMessage, err error, bounded bool) {
	if q.ended || q.backlog.count == 0 {
		return
	}
	if err != nil {
		q.passOver(q.spool.passOver(), err)
		return
	}
	for _, m := range messages {
		q.nextSize = len(m.json)
		if bounded && q.queued.count > 0 && !q.fits(q.queued, q.nextSize) {
			return
		}
		q.load(m)
		q.spool.offset = m.end
		q.nextSize = 0
	}
}

// passOver gives up the messages of a segment that cannot be read now. The
// next client may be able to, unless the file was removed.
func (q *queue) passOver(s *segment, err error) {
	n, size := s.unread.count, s.unread.bytes
	q.backlog.sub(s.unread)
	s.unread = backlog{}
	if errors.Is(err, fs.ErrNotExist) {
		q.stats.Dropped += int64(n)
		q.spool.forget(s, n)
	} else {
		q.left.add(n, size)
	}
	q.tellTrouble(&SpoolError{"read", s.path, err})
	for _, f := range q.flushes {
		f.settle(f.generation, min(n, f.backlog), err)
	}
	q.countOff(n)
}

// countOff tells the flushes that n messages have left the backlog.
func (q *queue) countOff(n int) {
	for _, f := range q.flushes {
		if f.backlog > 0 {
			if f.backlog -= min(n, f.backlog); f.backlog == 0 {
				q.sealAll() // what follows is another generation's
			}
		}
	}
}

// load puts a message of the backlog into its lane's open batch.
func (q *queue) load(m readMessage) {
	q.backlog.sub(backlogOf(m.endpoint, m.json))
	m.ref.segment.unread.sub(backlogOf(m.endpoint, m.json))
	environment, err := m.environment()
	if err != nil || environment == "" {
		environment = q.cfg.environment
	}
	acceptedAt := min(time.UnixMicro(m.accepted).Sub(q.start), q.now())
	q.append(&envelope{endpoint: m.endpoint, environment: environment, json: m.json, acceptedAt: acceptedAt}, m.ref)
	q.countOff(1)
}

// generationOfNext returns the generation of a batch that is opened now.
func (q *queue) generationOfNext() uint64 {
	for _, f := range q.flushes {
		if f.backlog > 0 {
			return f.generation
		}
	}
	return q.generation
}

// awaitBacklog waits, if there are identifies in the backlog, until all that was
// accepted before has its outcome: the lanes do not know of them.
func (q *queue) awaitBacklog(ctx context.Context) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.backlog.identifies == 0 {
		return nil
	}
	f := q.startFlush()
	q.advance()
	q.mu.Unlock()
	err := f.wait(ctx)
	q.mu.Lock()
	_ = q.endFlush(f, err) // what was lost is told elsewhere
	return err
}

// tellTrouble reports trouble with the spool's files.
func (q *queue) tellTrouble(err error) {
	if q.cfg.onError == nil {
		q.warn(warnSpool, err)
		return
	}
	q.tell(report{trouble: err})
}

// shelve puts a batch that was flying when the client ended to what is left.
func (q *queue) shelve(b *batch) {
	b.state = queued
	q.addIdle(b)
}

// leaveOnDisk ends this client's part in what has no outcome yet: the next one
// delivers it. Shutdown takes that for success, a Flush does not. What somebody
// has removed from the disk is lost.
func (q *queue) leaveOnDisk() {
	q.spool.mu.Lock()
	defer q.spool.mu.Unlock()
	q.noteOutcomes()
	removed, trouble := q.spool.findRemoved()
	q.mu.Lock()
	defer q.mu.Unlock()
	if trouble != nil {
		q.tellTrouble(trouble)
	}
	for _, b := range slices.Clone(q.idle.batches) {
		if slices.ContainsFunc(b.content.onDisk[b.lo:b.hi], func(r ref) bool { return removed[r.segment] }) {
			q.settle(b, b.count(), q.leftover(b))
		}
	}
	for segment := range removed {
		if segment.unread.count > 0 {
			q.passOver(segment, fs.ErrNotExist)
		}
	}
	err := joinErrors(q.shutdown.ctxErr, q.firstFailure())
	if err == nil {
		err = ErrClosed
	}
	for _, f := range q.flushes {
		if f == q.shutdown.flush {
			f.settle(f.generation, f.remaining, nil)
		} else {
			f.settle(f.generation, f.remaining, err)
		}
	}
	q.left.add(q.queued.count+q.backlog.count, q.queued.bytes+q.backlog.bytes)
	q.queued, q.backlog = tally{}, backlog{}
	q.idle.batches, q.failed.batches = nil, nil
}

// awaitSpool waits until outcomes are noted on disk, or limit is done.
func (q *queue) awaitSpool(limit context.Context) {
	q.mu.Lock()
	work := q.spoolWork
	q.mu.Unlock()
	if work == nil {
		return
	}
	select {
	case <-work:
	case <-limit.Done():
	}
}

// A readMessage is a message of the backlog, and where it ends in its segment.
type readMessage struct {
	spooled
	ref ref
	end int64
}

// skipToEnd makes what is written next the first to be read.
func (s *spool) skipToEnd() {
	s.reading = len(s.segments) - 1
	s.offset = s.segments[s.reading].size
}

var errDamaged = errors.New("messages are damaged")

// read returns messages from where reading stands, without moving on within
// a segment: the caller does, as far as it has room. The caller holds mu.
func (s *spool) read(limit int64) (messages []readMessage, err error) {
	for s.reading < len(s.segments) {
		segment := s.segments[s.reading]
		if segment.unread.count == 0 {
			if segment.file != nil {
				break // it may get some
			}
			s.reading++
			s.offset = 0
			continue
		}
		if s.offset >= segment.size {
			return nil, errDamaged
		}
		text, err := segment.readLines(s.offset, limit)
		if err != nil {
			return nil, err
		}
		at := s.offset
		for line := range bytes.Lines(text) {
			at += int64(len(line))
			kind, rest, ok := parseLine(bytes.TrimSuffix(line, []byte("\n")))
			m, isMessage := parseSpooled(rest)
			if ok && kind == 'm' && isMessage && !segment.done.has(m.seq) {
				messages = append(messages, readMessage{m, ref{segment, m.seq}, at})
			}
		}
		if len(messages) > 0 {
			return messages, nil
		}
		s.offset = at
	}
	return nil, nil
}

// passOver moves on to the segment after the one that is read.
func (s *spool) passOver() *segment {
	segment := s.segments[s.reading]
	segment.seal() // what comes next is to be read
	s.reading++
	s.offset = 0
	return segment
}

// findRemoved returns the segments whose files somebody has removed.
func (s *spool) findRemoved() (removed map[*segment]bool, trouble error) {
	if s.live == 0 {
		return nil, nil
	}
	s.checked = time.Time{}
	trouble = s.checkInstance(time.Now())
	removed = map[*segment]bool{}
	for _, segment := range s.segments {
		if _, err := os.Stat(segment.path); errors.Is(err, fs.ErrNotExist) {
			removed[segment] = true
		}
	}
	return removed, trouble
}

// refsOf returns where the first n messages of b are on disk, nil without a spool.
func (b *batch) refsOf(n int) []ref {
	if len(b.content.onDisk) == 0 {
		return nil
	}
	return slices.Clone(b.content.onDisk[b.lo : b.lo+n])
}
