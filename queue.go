package altertable

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// The queue holds what was accepted and has no outcome yet. Its fields below
// mu are guarded by it; those above do not change after newQueue.
type queue struct {
	cfg       *config
	transport *transport
	stamps    *stamper
	spool     *spool    // nil without
	start     time.Time // its clock's zero: durations since then are monotonic

	requests context.Context // ends every request when Shutdown's time is over
	cancel   context.CancelFunc
	closing  chan struct{} // closed when Shutdown begins

	mu       sync.Mutex
	home     [3]lane           // of the client's environment, by endpoint
	lanes    map[laneKey]*lane // of others
	open     list.List         // by age; see the states of a batch
	ready    list.List         // the next to be sent first
	sleeping list.List         // by wakeAt
	flying   list.List         // in the order of their sending
	idle     byAge             // all but the flying ones: what DropOldest evicts
	failed   byAge             // of the idle ones those that failed: what MaxElapsed gives up
	blocked  list.List         // of *blockedCall: Track calls that wait for room, in order

	queued tally // accepted, without an outcome
	flown  tally // the part of it that requests carry
	full   bool  // a message found no room, or took the last: open batches leave
	stats  Stats
	seq    uint32 // of the message accepted last

	backlog   backlog       // accepted, and on disk alone
	nextSize  int           // of its next message, if that did not fit
	left      tally         // on disk, for the next client to deliver
	done      []ref         // have their outcome; to be noted on disk
	spoolWork chan struct{} // closed when the spool's goroutine ends; nil while there is none

	changed    bool   // advance has something to look at
	generation uint64 // see Flush
	flushes    []*flush
	shutdown   *shutdown // set when Shutdown begins
	ended      bool      // Shutdown's time is over: nothing is sent any more

	era       uint64 // counts the beginnings and ends of outages
	outage    outage
	successes uint64 // requests that delivered, but for those from before an outage
	failing   int    // batches that failed since the last success
	refusals  int    // requests refused in a row

	lastIdentify int64 // the client's own stamp on the newest identify accepted, or about that of an adopted one
	timer        *time.Timer
	timerAt      time.Duration // when it fires; -1 if it does not
	landed       chan struct{} // closed when nothing is flying any more; set by Shutdown

	reports reports
}

// tally counts messages and their JSON bytes, of which a disk may hold more
// than an int of 32 bits counts.
type tally struct {
	count int
	bytes int64
}

func (t *tally) add(count int, bytes int64) { t.count += count; t.bytes += bytes }
func (t *tally) sub(count int, bytes int64) { t.count -= count; t.bytes -= bytes }

type laneKey struct {
	endpoint    endpoint
	environment string
}

func newQueue(cfg *config, transport *transport, stamps *stamper) *queue {
	q := &queue{
		cfg:       cfg,
		transport: transport,
		stamps:    stamps,
		start:     time.Now(),
		closing:   make(chan struct{}),
		lanes:     make(map[laneKey]*lane),
		timerAt:   -1,
		idle:      byAge{place: func(b *batch) *int { return &b.idlePlace }},
		failed:    byAge{place: func(b *batch) *int { return &b.failPlace }},
	}
	q.requests, q.cancel = context.WithCancel(context.Background())
	for i := range q.home {
		q.home[i] = lane{endpoint: endpoint(i), environment: cfg.environment}
	}
	return q
}

// now reads the queue's clock.
func (q *queue) now() time.Duration { return time.Since(q.start) }

// accept takes the message in e into the queue, or says why not.
func (q *queue) accept(ctx context.Context, e *envelope) error {
	if q.spool != nil {
		return q.acceptSpooled(ctx, e)
	}
	mayWait := q.cfg.overflow == Block && ctx.Err() == nil
	q.mu.Lock()
	if q.shutdown != nil {
		q.stats.Rejected++
		q.mu.Unlock()
		return ErrClosed
	}
	q.inOrder(e)
	if q.blocked.Len() == 0 && q.makeRoom(len(e.json)) {
		e.acceptedAt = q.now()
		q.stats.Accepted++
		q.append(e, ref{})
		q.advanceIfChanged()
		q.mu.Unlock()
		return nil
	}
	if mayWait {
		call := &blockedCall{envelope: e, done: make(chan struct{})}
		place := q.blocked.PushBack(call)
		q.advance()
		q.mu.Unlock()
		return q.waitForRoom(ctx, call, place)
	}
	q.stats.Rejected++
	q.warn(warnQueueFull, nil)
	q.advanceIfChanged()
	q.mu.Unlock()
	if q.cfg.overflow == Block {
		return blockEnded(ctx)
	}
	return ErrQueueFull
}

// inOrder gives an identify a later stamp if another, stamped later, was
// accepted before it: if A is stamped, then B stamped and accepted, and then A
// accepted, A would arrive second with the older stamp and its traits be lost.
func (q *queue) inOrder(e *envelope) {
	if e.endpoint == identifyEndpoint && e.own && e.stamp <= q.lastIdentify {
		e.restamp(max(q.stamps.next(time.Now()), q.lastIdentify+1)) // a dead client's clock may have been ahead
	}
}

// noteStamp is for inOrder of those that come after e.
func (q *queue) noteStamp(e *envelope) {
	if e.endpoint == identifyEndpoint && e.own {
		q.lastIdentify = e.stamp
	}
}

// makeRoom reports whether a message of size bytes has room in the queue,
// after evicting others if that is the policy.
func (q *queue) makeRoom(size int) bool {
	if q.fits(q.queued, size) {
		return true
	}
	q.full, q.changed = true, true
	if q.cfg.overflow != DropOldest || !q.fits(q.flown, size) {
		return false
	}
	for !q.fits(q.queued, size) {
		if !q.mayEvict() {
			return false
		}
		q.settle(q.idle.first(), 1, outcome{kind: dropped, err: ErrQueueFull})
		q.full = true // the room is taken at once
	}
	return true
}

// fits reports whether one more message has room beside used and what waits for a callback.
func (q *queue) fits(used tally, size int) bool {
	held := q.reports.held
	return used.count+held.count < q.cfg.maxQueueSize &&
		used.bytes+held.bytes+int64(size) <= int64(q.cfg.maxQueueBytes)
}

// append puts a message for which there is room into its lane's open batch.
func (q *queue) append(e *envelope, r ref) {
	l := q.lane(e.endpoint, e.environment)
	b := l.open
	// Messages that were evicted count here: their content keeps them.
	if b != nil && len(b.content.json)+len("[],")+len(e.json) > q.cfg.maxBatchBytes {
		q.seal(b)
		b = nil
	}
	if b == nil {
		b = &batch{lane: l, content: newContent(max(l.sealedSize, len(e.json))), generation: q.generationOfNext()}
		l.open = b
		l.batches++
		b.place = q.open.PushBack(b)
		q.changed = true
	}
	q.seq++
	b.content.append(e.json, q.seq, e.acceptedAt)
	if r.segment != nil {
		b.content.onDisk = append(b.content.onDisk, r)
	}
	b.hi++
	if b.idlePlace == 0 {
		q.addIdle(b)
	}
	q.noteStamp(e)
	q.queued.add(1, int64(len(e.json)))
	if b.hi == q.cfg.maxBatchSize {
		q.seal(b)
	}
	if q.queued.count+q.reports.held.count >= q.cfg.maxQueueSize {
		q.full, q.changed = true, true
	}
}

func (q *queue) lane(ep endpoint, environment string) *lane {
	if environment == q.cfg.environment {
		return &q.home[ep]
	}
	key := laneKey{ep, environment}
	l := q.lanes[key]
	if l == nil {
		l = &lane{endpoint: ep, environment: environment}
		q.lanes[key] = l
	}
	return l
}

// leave takes a batch or a turn out of its lane. A lane without any is
// forgotten: environments may be many.
func (q *queue) leave(l *lane) {
	if l.batches--; l.batches == 0 {
		delete(q.lanes, laneKey{l.endpoint, l.environment})
	}
}

// seal closes an open batch and puts it where it waits for a request.
func (q *queue) seal(b *batch) {
	l := b.lane
	q.open.Remove(b.place)
	l.open = nil
	l.sealedSize = len(b.content.json) + len(b.content.json)/8
	q.changed = true
	if l.ordered() {
		q.lineUp(b)
	} else {
		b.state, b.place = ready, q.ready.PushBack(b)
	}
}

func (q *queue) sealAll() {
	for place := q.open.Front(); place != nil; place = q.open.Front() {
		q.seal(place.Value.(*batch))
	}
}

// lineUp puts b, or a synchronous call's turn, behind the identifies of its lane.
func (q *queue) lineUp(b *batch) {
	b.state, b.place = queued, b.lane.waiting.PushBack(b)
	q.callNext(b.lane)
}

// rejoin puts b, which yielded, at the head of its lane's line, behind older
// ones that did the same.
func (q *queue) rejoin(b *batch) {
	waiting := &b.lane.waiting
	place := waiting.Front()
	for place != nil && place.Value.(*batch).turn == nil && place.Value.(*batch).before(b) {
		place = place.Next()
	}
	b.state = queued
	if place == nil {
		b.place = waiting.PushBack(b)
	} else {
		b.place = waiting.InsertBefore(b, place)
	}
	q.callNext(b.lane)
}

// callNext makes the first batch that waits in an ordered lane its current one.
func (q *queue) callNext(l *lane) {
	front := l.waiting.Front()
	if l.current != nil || front == nil {
		return
	}
	b := l.waiting.Remove(front).(*batch)
	l.current = b
	q.changed = true
	if b.turn != nil {
		b.state, b.place = flying, nil
		close(b.turn)
		return
	}
	b.state, b.place = ready, q.ready.PushBack(b)
}

// passOn gives b's place in its family or its lane to the next one.
func (q *queue) passOn(b *batch) {
	l := b.lane
	if l.ordered() && l.current != b {
		return
	}
	if l.ordered() {
		l.current = nil
	}
	if piece := b.family.next(); piece != nil {
		q.toFront(piece)
	} else if l.ordered() {
		q.callNext(l)
	}
}

// toFront makes b, in its lane's place if that is ordered, the next to be sent.
func (q *queue) toFront(b *batch) {
	if b.lane.ordered() {
		b.lane.current = b
	}
	b.state, b.place = ready, q.ready.PushFront(b)
	q.changed = true
}

// withdraw takes b out of the list it is in.
func (q *queue) withdraw(b *batch) {
	if b.place == nil {
		return
	}
	switch b.state {
	case open:
		q.open.Remove(b.place)
		b.lane.open = nil
	case queued:
		b.lane.waiting.Remove(b.place)
	case ready:
		q.ready.Remove(b.place)
	case sleeping:
		q.sleeping.Remove(b.place)
	case flying:
		q.flying.Remove(b.place)
	}
	b.place = nil
}

// reject counts a message that was refused before it reached the queue.
func (q *queue) reject() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.Rejected++
}

func (q *queue) snapshot() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.stats
	s.Queued = int64(q.queued.count + q.backlog.count + q.left.count)
	s.QueuedBytes = q.queued.bytes + q.backlog.bytes + q.left.bytes
	return s
}
