package altertable

import (
	"bytes"
	"container/heap"
	"context"
	"errors"
	"io"
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

// openSpool opens the spool, and takes over what dead clients left.
func (q *queue) openSpool() error {
	s, left, troubles, err := openSpool(q.cfg)
	if err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.spool, q.backlog = s, left
	q.stats.Accepted += int64(left.count)
	for _, trouble := range troubles {
		q.tellTrouble(trouble)
	}
	q.advance()
	return nil
}

// acceptSpooled is accept for a client with a spool.
func (q *queue) acceptSpooled(ctx context.Context, e *envelope) error {
	for evicted := false; ; evicted = true {
		q.spool.mu.Lock()
		room := q.spool.room
		err := q.spoolOne(e)
		q.spool.mu.Unlock()
		switch {
		case err == nil || errors.Is(err, ErrClosed):
			return err
		case !errors.Is(err, errSpoolFull):
			q.reject()
			return err
		case q.cfg.overflow == Block && contextErr(ctx) == nil:
			if err := q.waitForDisk(ctx, room); err != nil {
				q.reject()
				return err
			}
		case q.cfg.overflow == DropOldest && !evicted:
			q.evictFromDisk()
		default:
			return q.refuseFull(ctx)
		}
	}
}

// refuseFull counts a refused message and returns the call's error.
func (q *queue) refuseFull(ctx context.Context) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.Rejected++
	q.warn(warnQueueFull, nil)
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
		q.backlog.add(1, len(e.json))
		q.noteStamp(e)
		q.full, q.changed = true, true
	} else {
		q.append(e, r)
		q.spool.skipToEnd()
	}
	q.advanceIfChanged()
	return nil
}

// waitForDisk waits until something has left the disk.
func (q *queue) waitForDisk(ctx context.Context, room <-chan struct{}) error {
	select {
	case <-room:
		return nil
	case <-q.closing:
		return ErrClosed
	case <-orBackground(ctx).Done():
		return blockEnded(ctx)
	}
}

// evictFromDisk gives up the oldest messages that no request carries, about
// as many as make a file that can be deleted.
func (q *queue) evictFromDisk() {
	q.mu.Lock()
	begin := q.queued.bytes
	for q.idle.Len() > 0 && begin-q.queued.bytes < 2*int(q.spool.segmentSize) && !q.reports.evictedFull() {
		q.settle(q.idle.first(), 1, outcome{kind: dropped, err: ErrQueueFull})
	}
	refs := q.takeDone()
	q.advance()
	q.mu.Unlock()
	q.spool.mu.Lock()
	q.spool.markDone(refs)
	q.spool.mu.Unlock()
}

// noteDone has it noted on disk that messages have their outcome.
func (q *queue) noteDone(refs []ref) {
	q.done = append(q.done, refs...)
	q.workOnSpool()
}

func (q *queue) takeDone() []ref {
	refs := q.done
	q.done = nil
	return refs
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
			q.queued.bytes+q.reports.held.bytes <= q.cfg.maxQueueBytes/4*3)
}

func (q *queue) doSpoolWork(finished chan struct{}) {
	defer close(finished)
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.hasSpoolWork() {
		refs, read := q.takeDone(), q.wantsBacklog()
		q.mu.Unlock()
		q.spool.mu.Lock()
		q.spool.markDone(refs)
		if read {
			q.readBacklog()
		}
		q.spool.mu.Unlock()
		q.mu.Lock()
	}
	q.spoolWork = nil
}

// readBacklog moves a part of the backlog into the lanes. The caller holds spool.mu.
func (q *queue) readBacklog() {
	messages, err := q.spool.read(backlogChunk)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ended {
		return
	}
	defer q.advance()
	if err != nil || len(messages) == 0 {
		// What cannot be read now may be read by the next client.
		q.left.add(q.backlog.count, q.backlog.bytes)
		q.backlog = tally{}
		q.tellTrouble(&SpoolError{"read", q.spool.house, err})
		return
	}
	for _, m := range messages {
		if q.queued.count > 0 && !q.fits(q.queued, len(m.json)) {
			return
		}
		q.load(m)
		q.spool.offset = m.end
	}
}

// load puts a message of the backlog into its lane's open batch.
func (q *queue) load(m readMessage) {
	q.backlog.sub(1, len(m.json))
	environment, err := m.environment()
	if err != nil || environment == "" {
		environment = q.cfg.environment
	}
	acceptedAt := min(time.UnixMicro(m.accepted).Sub(q.start), q.now())
	q.append(&envelope{endpoint: m.endpoint, environment: environment, json: m.json, acceptedAt: acceptedAt}, m.ref)
	for _, f := range q.flushes {
		if f.backlog > 0 {
			if f.backlog--; f.backlog == 0 {
				q.sealAll() // what follows is another generation's
			}
		}
	}
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

// awaitBacklog waits, if there is a backlog, until all that was accepted before
// has its outcome: the lanes do not know of the identifies in it.
func (q *queue) awaitBacklog(ctx context.Context) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.backlog.count == 0 {
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
	heap.Push(&q.idle, b)
}

// leaveOnDisk ends this client's part in what has no outcome yet: the next one
// delivers it. Shutdown takes that for success, a Flush does not.
func (q *queue) leaveOnDisk() {
	q.mu.Lock()
	defer q.mu.Unlock()
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
	q.queued, q.backlog, q.idle = tally{}, tally{}, nil
}

// awaitSpool waits until outcomes are noted on disk, or limit is done.
func (q *queue) awaitSpool(limit interface{ Done() <-chan struct{} }) {
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

// read returns messages from where reading stands, without moving on within
// a segment: the caller does, as far as it has room. The caller holds mu.
func (s *spool) read(limit int64) (messages []readMessage, err error) {
	for s.reading < len(s.segments) {
		segment := s.segments[s.reading]
		if s.offset >= segment.size {
			if s.reading == len(s.segments)-1 {
				return nil, io.ErrUnexpectedEOF
			}
			s.reading++
			s.offset = 0
			continue
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
			if !ok || kind != 'm' || !isMessage || segment.done[m.seq] {
				continue
			}
			messages = append(messages, readMessage{m, ref{segment, m.seq}, at})
		}
		if len(messages) > 0 {
			return messages, nil
		}
		s.offset = at
	}
	return nil, io.ErrUnexpectedEOF
}

// readLines returns whole lines from offset on, one at least.
func (s *segment) readLines(offset, limit int64) ([]byte, error) {
	for ; ; limit *= 2 {
		text := make([]byte, min(limit, s.size-offset))
		if _, err := s.file.ReadAt(text, offset); err != nil {
			return nil, err
		}
		if end := bytes.LastIndexByte(text, '\n'); end >= 0 {
			return text[:end+1], nil
		}
		if offset+limit >= s.size || limit > maxSegmentLine {
			return text, nil // a torn line, which its checksum gives away
		}
	}
}

// refsOf returns where the first n messages of b are on disk, nil without a spool.
func (b *batch) refsOf(n int) []ref {
	if len(b.content.onDisk) == 0 {
		return nil
	}
	return slices.Clone(b.content.onDisk[b.lo : b.lo+n])
}
