package altertable

import (
	"slices"

	"github.com/altertable-ai/altertable-go/internal/spool"
)

// A turn is the place of a synchronous call among the identifies of a lane.
type turn struct {
	lane   *lane
	claim  *claim
	people []person
	at     moment
	come   chan struct{} // closed when the call may send
}

// seat returns the open batch of l that a message of size bytes from who joins.
func (p *places) seat(l *lane, who person, size int, number uint64) *batch {
	if !l.ordered() {
		b := p.takes(l.open, size, number)
		if b == nil {
			b = p.open(l, nil)
			l.open = b
		}
		return b
	}
	var two [2]*claim
	holders := l.holders(who, two[:0])
	b := l.open
	joined := host(holders)
	switch {
	case joined != nil:
		b = joined.batch
	case len(holders) == 1:
		b = holders[0].followers
	case len(holders) == 2:
		b = nil
	}
	if b = p.takes(b, size, number); b != nil {
		if joined != nil {
			joined.goAfter(holders...)
		}
		return b
	}
	b = p.open(l, holders)
	switch len(holders) {
	case 0:
		l.open = b
	case 1:
		holders[0].followers, b.claim.leader = b, holders[0]
	}
	return b
}

// release ends c's claim. What waited for it goes after what c waited for, if
// that is not settled: c may have been evicted before its time came.
func (p *places) release(l *lane, c *claim) {
	ahead := slices.Clone(c.ahead)
	for _, b := range c.detach() {
		b.goAfter(ahead...)
		if len(b.ahead) == 0 {
			p.free(b)
		}
	}
	l.people.leave(c)
}

// free lets c be sent: nothing is ahead of it any more.
func (p *places) free(c *claim) {
	b := c.batch
	switch {
	case b == nil:
		close(c.turn.come)
	case b.state == behind && !b.family.keeps(b):
		p.enterReady(b)
	case b.state == open:
		p.enlist(b)
		if b.lane.open == nil {
			c.leave()
			b.lane.open = b
		}
	}
	p.moved = true
}

// lineUp takes a place behind the identifies of these people for a synchronous
// call. What is ahead of it leaves without waiting for company.
func (p *places) lineUp(l *lane, people []person, number uint64) *turn {
	l.batches++
	p.turns++
	t := &turn{lane: l, people: people, at: moment{number, p.turns}, come: make(chan struct{})}
	t.claim = l.claim(&claim{turn: t})
	p.stand(l, t.claim)
	for c := range t.claim.allAhead() {
		if c.isOpen() {
			p.seal(c.batch)
		}
	}
	if len(t.claim.ahead) == 0 {
		p.free(t.claim)
	}
	return t
}

// stand puts c behind all claims on its people.
func (p *places) stand(l *lane, c *claim) {
	l.rank(c)
	for _, who := range c.people() {
		var two [2]*claim
		c.goAfter(l.holders(who, two[:0])...)
		l.hold(c, who)
	}
}

// endTurn gives up a synchronous call's place, whether its turn had come or not.
func (p *places) endTurn(t *turn) {
	t.lane.drop(t.claim, t.people, nil)
	p.release(t.lane, t.claim)
	p.leave(t.lane)
}

// An item is what stands in the order: a message that no request has carried,
// or else a claim as a whole.
type item struct {
	at     moment
	claim  *claim  // nil if it is a message
	series *series // it is in this
	i      int
}

// setAside takes out of the order all that waits for c, because c's batch is to
// be split. Then each message need only wait for the piece that holds its person.
func (p *places) setAside(c *claim) []item {
	l := c.batch.lane
	waiting := c.allBehind()
	for _, w := range waiting {
		l.forget(w, w.people())
	}
	for _, other := range othersAhead(c, waiting) {
		for _, who := range other.people() {
			l.holdAgain(other, who)
		}
	}
	var items []item
	for _, w := range waiting {
		w.detach()
		if w.batch == nil || w.batch.attempts > 0 {
			items = append(items, item{at: w.at(), claim: w})
			continue
		}
		messages := p.dissolve(w.batch)
		for i := range messages.marks {
			items = append(items, item{moment{number: messages.number(i)}, nil, messages, i})
		}
	}
	slices.SortFunc(items, func(a, b item) int { return a.at.compare(b.at) })
	return items
}

// othersAhead returns c and the other claims for which those that wait for c
// wait, directly or not.
func othersAhead(c *claim, waiting []*claim) []*claim {
	known := map[*claim]bool{c: true}
	for _, w := range waiting {
		known[w] = true
	}
	others := []*claim{c}
	add := func(ahead []*claim) {
		for _, a := range ahead {
			if !known[a] {
				known[a] = true
				others = append(others, a)
			}
		}
	}
	for _, w := range waiting {
		add(w.ahead)
	}
	for i := 0; i < len(others); i++ {
		add(others[i].ahead)
	}
	return others
}

// lineUpAnew puts back what setAside took out.
func (p *places) lineUpAnew(l *lane, items []item) {
	for _, it := range items {
		if it.claim == nil {
			p.rejoin(l, it.series, it.i)
			continue
		}
		p.stand(l, it.claim)
		if len(it.claim.ahead) == 0 {
			p.free(it.claim)
		}
	}
}

// at returns the moment of the claim's first message, or of its call.
func (c *claim) at() moment {
	if c.batch == nil {
		return c.turn.at
	}
	return moment{number: c.batch.number()}
}

// dissolve takes b, which was never sent, out of all places, and returns its messages.
func (p *places) dissolve(b *batch) *series {
	messages := b.fitted(b.gone, len(b.marks))
	p.leaveIdle(b)
	p.withdraw(b)
	if b.state == open {
		b.shut()
		p.buffers.takeBack(b)
	}
	b.state, b.series, b.gone = settled, series{}, 0
	b.lane.people.leave(b.claim)
	b.lane.batches--
	return &messages
}

// rejoin puts message i of s into an open batch of its lane.
func (p *places) rejoin(l *lane, s *series, i int) {
	e := envelope{
		json:       s.joined(s.begin(i), s.end(i)),
		acceptedAt: s.marks[i].acceptedAt,
		person:     s.people[i],
	}
	var ref spool.Ref
	if len(s.refs) > 0 {
		ref = s.refs[i]
	}
	p.put(l, &e, s.number(i), ref)
}

// found makes a family of b, which is to be split if it has more than one
// message, unless too many batches of its endpoint are being split already.
func (p *places) found(b *batch) bool {
	if b.count() > 1 && p.of(b).families == maxFamilies {
		return false
	}
	b.family = &family{size: b.count()}
	if b.count() > 1 {
		b.family.large = 1
		p.of(b).families++
	}
	return true
}

// dwindle notes that b, which may be a piece, has at most one message left.
func (p *places) dwindle(b *batch) {
	if b.family == nil {
		return
	}
	if b.family.large--; b.family.large == 0 {
		p.of(b).families--
	}
}

// split moves the second half of b, which is in no list and of a family, into a
// new batch that is in no list either. Both begin with the setbacks s.
func (p *places) split(b *batch, s setbacks) (right *batch) {
	var aside []item
	if b.claim != nil {
		aside = p.setAside(b.claim)
	}
	half := b.gone + b.count()/2
	right = &batch{
		lane: b.lane, series: b.fitted(half, len(b.marks)), state: behind,
		attempts: b.attempts, firstSent: b.firstSent, family: b.family, setbacks: s,
	}
	b.series, b.gone = b.fitted(b.gone, half), 0
	b.setbacks = s
	b.lane.batches++
	for _, piece := range []*batch{b, right} {
		p.leaveIdle(piece)
		p.enterIdle(piece)
		if piece.count() > 1 {
			b.family.large++
		}
	}
	p.dwindle(b) // the whole
	if b.claim != nil {
		right.claim = b.lane.claim(&claim{batch: right})
		b.lane.drop(b.claim, right.people, b.people)
		p.stand(b.lane, right.claim)
		p.lineUpAnew(b.lane, aside)
	}
	return right
}

// mayGo reports whether no claim is ahead of b's.
func (b *batch) mayGo() bool { return b.claim == nil || len(b.claim.ahead) == 0 }

// passOn lets the next pieces of b's family go, up to one that may be sent now.
// The others go when those ahead of them are settled.
func (p *places) passOn(b *batch) {
	for piece := b.family.next(); piece != nil; piece = b.family.next() {
		if piece.mayGo() {
			p.enterReady(piece)
			return
		}
	}
}
