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

// seat returns the open batch of l that a message of size bytes joins. Of an
// identify, who is its person, whose two ids may be held by two claims: people.go
// tells where it goes.
func (p *places) seat(l *lane, who person, size int, number uint64) *batch {
	if !l.ordered() {
		b := p.takesElseSeals(l.open, size, number)
		if b == nil {
			b = p.newBatch(l, nil)
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
	if b = p.takesElseSeals(b, size, number); b != nil {
		if joined != nil {
			joined.goAfter(holders...)
		}
		return b
	}
	b = p.newBatch(l, holders)
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

// free lets c be sent: it waits for no other claim any more.
func (p *places) free(c *claim) {
	b := c.batch
	switch {
	case b == nil:
		close(c.turn.come)
	case b.state == behind && !b.family.keeps(b):
		p.enterReady(b)
	case b.state == open:
		p.enlist(b)
		if b.lane.open == nil { // then it takes everybody's messages, as any other
			c.leaveLeader()
			b.lane.open = b
		}
	}
	p.moved = true
}

// beginTurn takes a place behind the identifies of these people for a synchronous
// call. What is ahead of it leaves without waiting for company.
func (p *places) beginTurn(l *lane, people []person, number uint64) *turn {
	l.batches++
	p.turns++
	t := &turn{lane: l, people: people, at: moment{number, p.turns}, come: make(chan struct{})}
	t.claim = l.addClaim(&claim{turn: t})
	p.goLast(l, t.claim)
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

// goLast puts c behind the last claims on its people, and makes it the last one.
func (p *places) goLast(l *lane, c *claim) {
	l.rank(c)
	for _, who := range c.people() {
		var two [2]*claim
		c.goAfter(l.holders(who, two[:0])...)
		l.hold(c, who)
	}
}

// endTurn gives up a synchronous call's place, whether its turn had come or not.
func (p *places) endTurn(t *turn) {
	t.lane.forgetGone(t.claim, t.people, nil)
	p.release(t.lane, t.claim)
	p.leaveLane(t.lane)
}

// An item is what setAside has taken out of the order: a message that no request
// has carried, or else a claim as a whole.
type item struct {
	at     moment
	claim  *claim  // nil if it is a message
	series *series // where the message is
	i      int     // its place there
}

// setAside takes out of the order all that waits for c, because c's batch is to
// be split. putBack puts it back: then each message waits only for the piece
// that names its person.
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

// putBack puts back what setAside took out.
func (p *places) putBack(l *lane, items []item) {
	for _, it := range items {
		if it.claim == nil {
			p.rejoin(l, it.series, it.i)
			continue
		}
		p.goLast(l, it.claim)
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

// dissolve takes b, which was never sent, out of all places, and returns its
// messages. They are put into other batches.
func (p *places) dissolve(b *batch) *series {
	messages := b.fitted(b.gone, len(b.marks))
	p.leaveIdle(b)
	p.withdraw(b)
	p.endProbe(b)
	if b.state == open {
		b.stopTaking()
		p.buffers.takeBack(b)
	}
	b.state, b.series, b.gone = settled, series{}, 0
	b.lane.people.leave(b.claim)
	b.lane.batches-- // the lane stays, for the messages
	return &messages
}

// rejoin puts message i of s into an open batch of its lane.
func (p *places) rejoin(l *lane, s *series, i int) {
	e := envelope{
		json:       s.joined(s.begin(i), s.end(i)),
		acceptedAt: s.marks[i].acceptedAt,
		person:     s.people[i],
		adopted:    s.adopted,
		done:       s.dones.at(i),
	}
	var ref spool.Ref
	if len(s.refs) > 0 {
		ref = s.refs[i]
	}
	p.put(l, &e, s.number(i), ref)
}

// mayGo reports whether no claim is ahead of b's.
func (b *batch) mayGo() bool { return b.claim == nil || len(b.claim.ahead) == 0 }
