package altertable

import (
	"container/heap"
	"container/list"
	"time"

	"github.com/altertable-ai/altertable-go/internal/spool"
)

// state is where a batch is.
type state uint8

const (
	open     state = iota // taking messages
	behind                // in the line of its lane, or in its family, behind another
	ready                 // may be sent
	sleeping              // failed, and waits for its own next attempt
	flying                // carried by a request
	settled               // every message has its outcome
)

// places is where every batch is: in exactly one place at a time. Nothing else
// moves a batch. It belongs to the queue and is guarded by its mu.
type places struct {
	environment string  // the client's
	home        [3]lane // of that environment, by endpoint
	lanes       map[laneKey]*lane
	maxCount    int // of a batch's messages
	maxBytes    int // of its request's body
	buffers     buffers

	opened   list.List // by number
	fresh    list.List // ready, and never sent: by number
	due      list.List // ready, and sent before: by number
	asleep   list.List // by wakeAt
	inFlight list.List // in the order of their sending
	idle     byNumber  // all except those in flight: what DropOldest evicts
	setBack  byNumber  // those of the idle ones that have failed: what MaxElapsed gives up
	carried  tally     // in flight

	flushed uint64 // messages up to this number wait for no company, and get none of later ones
	moved   bool   // a batch has a new place since the queue looked last
}

func newPlaces(cfg *config) places {
	p := places{
		environment: cfg.environment,
		lanes:       make(map[laneKey]*lane),
		maxCount:    cfg.maxBatchSize,
		maxBytes:    cfg.maxBatchBytes,
		buffers:     buffers{most: cfg.maxQueueBytes / 16},
		idle:        byNumber{place: func(b *batch) *int { return &b.idlePlace }},
		setBack:     byNumber{place: func(b *batch) *int { return &b.backPlace }},
	}
	for i := range p.home {
		p.home[i] = lane{endpoint: endpoint(i), environment: cfg.environment}
	}
	return p
}

// add puts a message into the open batch of its lane.
func (p *places) add(e *envelope, number uint64, ref spool.Ref) {
	l := p.lane(e.endpoint, e.environment)
	b := l.open
	if b != nil && !p.hasSeat(b, len(e.json), number) {
		p.seal(b)
		b = nil
	}
	if b == nil {
		b = &batch{lane: l}
		l.open = b
		l.batches++
		b.element = p.opened.PushBack(b)
		p.buffers.lend(b)
		p.moved = true
	}
	p.buffers.add(b, e, number, ref)
	if b.idlePlace == 0 {
		p.enterIdle(b)
	}
	if len(b.marks) == p.maxCount {
		p.seal(b)
	}
}

// hasSeat reports whether b, which is open, has a place for a message of size
// bytes with this number.
func (p *places) hasSeat(b *batch, size int, number uint64) bool {
	return len(b.head)+len("[],")+size <= p.maxBytes && b.takes(number) &&
		(number <= p.flushed || b.number() > p.flushed)
}

// seal closes an open batch and puts it where it waits for a request.
func (p *places) seal(b *batch) {
	p.opened.Remove(b.element)
	b.lane.open = nil
	fit := b.fitted(b.gone, len(b.marks))
	p.buffers.takeBack(b)
	b.series, b.gone = fit, 0
	p.moved = true
	if b.lane.ordered() {
		b.state, b.element = behind, b.lane.line.PushBack(b)
		p.callNext(b.lane)
	} else {
		p.enterReady(b)
	}
}

// nextOpen seals and returns an open batch that need not wait for company: its
// oldest message was accepted at or before the time since, or is flushed. It
// returns nil if there is none.
func (p *places) nextOpen(since time.Duration) *batch {
	for place := p.opened.Front(); place != nil; place = place.Next() {
		b := place.Value.(*batch)
		if b.oldest() > since && b.number() > p.flushed {
			break
		}
		if b.lane.first == nil { // else it may as well take more messages
			p.seal(b)
			return b
		}
	}
	return nil
}

// oldestOpenAfter returns when the oldest message of an open batch was accepted,
// of those accepted after since.
func (p *places) oldestOpenAfter(since time.Duration) (at time.Duration, ok bool) {
	for place := p.opened.Front(); place != nil; place = place.Next() {
		if at := place.Value.(*batch).oldest(); at > since {
			return at, true
		}
	}
	return 0, false
}

// enterReady makes b, which is in no list, ready.
func (p *places) enterReady(b *batch) {
	b.state = ready
	b.element = insert(p.readyList(b), b, (*batch).before)
	p.moved = true
}

func (p *places) readyList(b *batch) *list.List {
	if b.attempts > 0 {
		return &p.due
	}
	return &p.fresh
}

// nextReady returns the batch to be sent first, nil if there is none: those that
// were sent before go first, and the oldest of them.
func (p *places) nextReady() *batch {
	for _, l := range []*list.List{&p.due, &p.fresh} {
		if place := l.Front(); place != nil {
			return place.Value.(*batch)
		}
	}
	return nil
}

// newest returns the newest batch that is ready and was never sent, nil if there is none.
func (p *places) newest() *batch {
	if place := p.fresh.Back(); place != nil {
		return place.Value.(*batch)
	}
	return nil
}

// oldestDue returns the oldest ready batch that was sent before, another than
// the one with these setbacks if there is one; nil if there is none.
func (p *places) oldestDue(except *setbacks) (b *batch) {
	for place := p.due.Front(); place != nil; place = place.Next() {
		if b = place.Value.(*batch); &b.setbacks != except {
			break
		}
	}
	return b
}

// launch puts b, which is ready, in flight.
func (p *places) launch(b *batch) {
	p.withdraw(b)
	p.leaveIdle(b)
	b.state, b.element = flying, p.inFlight.PushBack(b)
	p.carried.add(b.count(), int64(b.size(b.count())))
}

// sleep lets b, which is in no list, wait until wakeAt. If it yields, it leaves
// its place in its family or its lane to the next one.
func (p *places) sleep(b *batch, wakeAt time.Duration, yields bool) {
	if yields {
		p.passOn(b)
	}
	b.state, b.wakeAt = sleeping, wakeAt
	b.element = insert(&p.asleep, b, func(b, other *batch) bool { return b.wakeAt < other.wakeAt })
}

// wake makes the sleeping batches ready whose time has come.
func (p *places) wake(now time.Duration) {
	for place := p.asleep.Front(); place != nil; place = p.asleep.Front() {
		b := place.Value.(*batch)
		if b.wakeAt > now {
			return
		}
		p.asleep.Remove(place)
		if b.lane.ordered() && b.lane.first != any(b) { // it yielded
			p.rejoin(b)
		} else {
			p.enterReady(b)
		}
	}
}

// wakeAll makes all sleeping batches due.
func (p *places) wakeAll(now time.Duration) {
	for place := p.asleep.Front(); place != nil; place = place.Next() {
		place.Value.(*batch).wakeAt = now
	}
}

// nextWake returns when the next sleeping batch is due.
func (p *places) nextWake() (at time.Duration, ok bool) {
	if place := p.asleep.Front(); place != nil {
		return place.Value.(*batch).wakeAt, true
	}
	return 0, false
}

// waits reports whether a batch is ready, or open.
func (p *places) waits() bool { return p.fresh.Len()+p.due.Len()+p.opened.Len() > 0 }

// settle takes the first n messages out of b, which has no place any more when
// none is left.
func (p *places) settle(b *batch, n int) {
	if n < b.count() {
		b.gone += n
		p.buffers.shrink(b)
		p.idle.fix(b)
		p.setBack.fix(b)
		return
	}
	p.leaveIdle(b)
	p.withdraw(b)
	if b.state == open {
		b.lane.open = nil
		p.buffers.takeBack(b)
	}
	began := b.state != open && b.state != behind
	b.state, b.series, b.gone = settled, series{}, 0
	if began {
		p.passOn(b)
	}
	p.leave(b.lane)
}

// split moves the second half of b, which is in no list, into a new batch of
// its family. b is ready afterwards, and the new batch goes after it.
func (p *places) split(b *batch) {
	half := b.gone + b.count()/2
	right := &batch{
		lane: b.lane, series: b.fitted(half, len(b.marks)), state: behind,
		attempts: b.attempts, firstSent: b.firstSent, family: b.family,
	}
	b.series, b.gone = b.fitted(b.gone, half), 0
	right.err = b.err
	b.setbacks = setbacks{err: b.err}
	b.lane.batches++
	p.enterIdle(right)
	p.enterIdle(b)
	b.family.rest = append(b.family.rest, right)
	p.takeOver(b)
}

// shelve puts b, which is in no list, where nothing is sent from.
func (p *places) shelve(b *batch) {
	b.state = behind
	p.enterIdle(b)
}

// abandon forgets the batches that no request carries.
func (p *places) abandon() { p.idle.batches, p.setBack.batches = nil, nil }

// withdraw takes b out of the list it is in.
func (p *places) withdraw(b *batch) {
	if b.element == nil {
		return
	}
	switch b.state {
	case open:
		p.opened.Remove(b.element)
	case behind:
		b.lane.line.Remove(b.element)
	case ready:
		p.readyList(b).Remove(b.element)
	case sleeping:
		p.asleep.Remove(b.element)
	case flying:
		p.inFlight.Remove(b.element)
		p.carried.sub(b.count(), int64(b.size(b.count())))
	}
	b.element = nil
}

// enterIdle enters b among those that may be evicted or grow too old.
func (p *places) enterIdle(b *batch) {
	heap.Push(&p.idle, b)
	if b.err != nil {
		heap.Push(&p.setBack, b)
	}
}

func (p *places) leaveIdle(b *batch) {
	p.idle.remove(b)
	p.setBack.remove(b)
}

// insert puts b into a list that is in order, and looks for its place from the end.
func insert(l *list.List, b *batch, less func(b, other *batch) bool) *list.Element {
	for place := l.Back(); place != nil; place = place.Prev() {
		if !less(b, place.Value.(*batch)) {
			return l.InsertAfter(b, place)
		}
	}
	return l.PushFront(b)
}

// byNumber is a heap of batches, the one with the oldest message first.
type byNumber struct {
	batches []*batch
	place   func(*batch) *int // where a batch notes its place, counted from 1; 0 if it is not in here
}

func (h *byNumber) Len() int           { return len(h.batches) }
func (h *byNumber) Less(i, j int) bool { return h.batches[i].before(h.batches[j]) }
func (h *byNumber) Swap(i, j int) {
	h.batches[i], h.batches[j] = h.batches[j], h.batches[i]
	*h.place(h.batches[i]), *h.place(h.batches[j]) = i+1, j+1
}

func (h *byNumber) Push(x any) {
	b := x.(*batch)
	h.batches = append(h.batches, b)
	*h.place(b) = len(h.batches)
}

func (h *byNumber) Pop() any {
	last := len(h.batches) - 1
	b := h.batches[last]
	h.batches[last] = nil
	h.batches = h.batches[:last]
	*h.place(b) = 0
	return b
}

// first returns the batch with the oldest message, nil if there is none.
func (h *byNumber) first() *batch {
	if len(h.batches) == 0 {
		return nil
	}
	return h.batches[0]
}

// remove takes b out, if it is in here.
func (h *byNumber) remove(b *batch) {
	if place := *h.place(b); place > 0 {
		heap.Remove(h, place-1)
	}
}

// fix finds b's place anew after its oldest message has left, if it is in here.
func (h *byNumber) fix(b *batch) {
	if place := *h.place(b); place > 0 {
		heap.Fix(h, place-1)
	}
}
