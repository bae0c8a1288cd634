package altertable

import (
	"container/list"
	"time"

	"github.com/altertable-ai/altertable-go/internal/spool"
)

// state is where a batch is.
type state uint8

const (
	open     state = iota // taking messages
	behind                // sealed, and waits for a claim, or for another piece of its family
	gated                 // sealed, and waits for its environment: see access.go
	ready                 // may be sent
	sleeping              // failed, and waits on its own schedule
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
	maxInFlight int
	buffers     buffers

	traffic  [3]traffic // by endpoint
	asleep   list.List  // by wakeAt
	inFlight list.List  // in the order of their sending
	setBack  byNumber   // the idle batches that have failed: what MaxElapsed gives up
	carried  tally      // in flight
	launches uint64     // ever
	turns    uint64     // ever

	flushed uint64 // messages up to this number wait for no company, and get none of later ones
	moved   bool   // a batch has a new place since the queue looked last

	missing map[string]*missing // by environment
	lookAt  time.Duration       // when one of them needs a look; -1 if none does
}

func newPlaces(cfg *config) places {
	p := places{
		environment: cfg.environment,
		lanes:       make(map[laneKey]*lane),
		maxCount:    cfg.maxBatchSize,
		maxBytes:    cfg.maxBatchBytes,
		maxInFlight: cfg.maxInFlight,
		buffers:     buffers{most: cfg.maxQueueBytes / 16},
		setBack:     byNumber{place: func(b *batch) *int { return &b.backPlace }},
		missing:     make(map[string]*missing),
		lookAt:      -1,
	}
	for i := range p.home {
		p.home[i] = lane{endpoint: endpoint(i), environment: cfg.environment}
		p.traffic[i].idle.place = func(b *batch) *int { return &b.idlePlace }
		p.traffic[i].untried.place = p.traffic[i].idle.place
	}
	return p
}

// add puts a message into an open batch of its lane.
func (p *places) add(e *envelope, number uint64, ref spool.Ref) {
	p.put(p.lane(e.endpoint, e.environment), e, number, ref)
}

func (p *places) put(l *lane, e *envelope, number uint64, ref spool.Ref) {
	b := p.seat(l, e.person, len(e.json), number)
	if e.adopted && !b.adopted {
		p.leaveIdle(b) // it becomes untried
	}
	p.buffers.add(b, e, number, ref)
	if b.element == nil && b.mayGo() { // it is new
		p.enlist(b)
	}
	if b.claim != nil {
		l.hold(b.claim, e.person)
	}
	if b.idlePlace == 0 {
		p.enterIdle(b)
	}
	if len(b.marks) == p.maxCount {
		p.seal(b)
	}
}

// newBatch returns an open batch. If it is of identifies, it goes after the
// claims ahead.
func (p *places) newBatch(l *lane, ahead []*claim) *batch {
	b := &batch{lane: l}
	if l.ordered() {
		b.claim = l.addClaim(&claim{batch: b})
		b.claim.goAfter(ahead...)
	}
	if l.missing != nil {
		b.err = l.missing.err
	}
	l.batches++
	p.buffers.lend(b)
	return b
}

// takesElseSeals returns b, which is open or nil, if it can take a message of
// size bytes with this number, which is lower than b's newest one after a split.
// Otherwise it seals b and returns nil.
func (p *places) takesElseSeals(b *batch, size int, number uint64) *batch {
	if b == nil {
		return nil
	}
	if len(b.head)+len("[],")+size <= p.maxBytes && b.takes(number) &&
		number > b.series.number(len(b.marks)-1) && (number <= p.flushed || b.number() > p.flushed) {
		return b
	}
	p.seal(b)
	return nil
}

// seal closes an open batch and puts it where it waits for a request.
func (p *places) seal(b *batch) {
	p.withdraw(b)
	b.stopTaking()
	fit := b.fitted(b.gone, len(b.marks))
	p.buffers.takeBack(b)
	b.series, b.gone, b.state = fit, 0, behind
	p.moved = true
	if b.mayGo() {
		p.enterReady(b)
	}
}

// stopTaking lets no more messages into b.
func (b *batch) stopTaking() {
	if b.lane.open == b {
		b.lane.open = nil
	}
	if b.claim != nil {
		b.claim.leaveLeader()
	}
}

// nextOpen seals and returns the open batch of an endpoint that need not wait
// for company, nil if there is none: see hasOpen.
func (p *places) nextOpen(ep endpoint, upTo time.Duration) *batch {
	if !p.hasOpen(ep, upTo) {
		return nil
	}
	b := p.traffic[ep].opened.Front().Value.(*batch)
	p.seal(b)
	return b
}

// enterReady makes b, which is in no list, ready, unless its environment is missing.
func (p *places) enterReady(b *batch) {
	b.state = ready
	p.enlist(b)
}

// enlist puts b, which is open or ready, and in no list, where it can be sent
// from, or where it waits for its environment.
func (p *places) enlist(b *batch) {
	if m := b.lane.missing; m != nil && m.probe != b {
		p.stopAtGate(b)
		return
	}
	l := &p.of(b).opened
	if b.state == ready {
		l = p.readyList(b)
	}
	b.element = insert(l, b, (*batch).before)
	p.moved = true
}

// launch puts b, which is ready, in flight.
func (p *places) launch(b *batch) {
	p.withdraw(b)
	p.leaveIdle(b)
	b.state, b.element = flying, p.inFlight.PushBack(b)
	p.launches++
	t := p.of(b)
	t.inFlight++
	t.launched = p.launches
	if b.suspect, t.lastSuspect = b.alone > 0, b.alone > 0; b.suspect {
		t.suspectsInFlight++
	}
	p.carried.add(b.count(), int64(b.size(b.count())))
}

// sleep lets b, which is in no list, wait until wakeAt.
func (p *places) sleep(b *batch, wakeAt time.Duration) {
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
		p.withdraw(b)
		p.enterReady(b)
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

// settle takes the first n messages out of b, which has no place any more when
// none is left.
func (p *places) settle(b *batch, n int) {
	single := b.count() == 1
	if b.claim != nil {
		b.lane.forgetGone(b.claim, b.people[b.gone:b.gone+n], b.people[b.gone+n:])
	}
	if n < b.count() {
		b.dones.forget(b.gone, b.gone+n)
		b.gone += n
		p.buffers.shrink(b)
		p.idleWith(b).fix(b)
		p.setBack.fix(b)
		if b.gatePlace > 0 {
			b.lane.missing.waiting.fix(b)
		}
		if b.element != nil && (b.state == open || b.state == ready) {
			p.withdraw(b)
			p.enlist(b)
		}
		if !single && b.count() == 1 {
			p.noLongerLarge(b)
		}
		return
	}
	if !single {
		p.noLongerLarge(b)
	}
	p.leaveIdle(b)
	p.withdraw(b)
	p.endProbe(b)
	if b.state == open {
		b.stopTaking()
		p.buffers.takeBack(b)
	}
	wasNext := b.state != open && b.state != behind // of its family
	b.state, b.series, b.gone = settled, series{}, 0
	if b.claim != nil {
		p.release(b.lane, b.claim)
	}
	if wasNext {
		p.passOn(b)
	}
	p.leaveLane(b.lane)
}

// shelve keeps b, which is in no list, without sending it.
func (p *places) shelve(b *batch) {
	b.state = behind
	p.enterIdle(b)
}

// withdraw takes b out of the list it is in.
func (p *places) withdraw(b *batch) {
	if b.gatePlace > 0 {
		b.lane.missing.waiting.remove(b)
	}
	if b.element == nil {
		return
	}
	switch b.state {
	case open:
		p.of(b).opened.Remove(b.element)
	case ready:
		p.readyList(b).Remove(b.element)
	case sleeping:
		p.asleep.Remove(b.element)
	case flying:
		p.inFlight.Remove(b.element)
		p.of(b).inFlight--
		if b.suspect {
			p.of(b).suspectsInFlight--
		}
		p.carried.sub(b.count(), int64(b.size(b.count())))
	}
	b.element = nil
}

// insert puts b into a list that is in order, and looks for its place from both ends.
func insert(l *list.List, b *batch, less func(b, other *batch) bool) *list.Element {
	for first, last := l.Front(), l.Back(); last != nil; first, last = first.Next(), last.Prev() {
		if !less(b, last.Value.(*batch)) {
			return l.InsertAfter(b, last)
		}
		if less(b, first.Value.(*batch)) {
			return l.InsertBefore(b, first)
		}
	}
	return l.PushFront(b)
}
