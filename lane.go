package altertable

import "container/list"

type laneKey struct {
	endpoint    endpoint
	environment string
}

// A lane is the messages of one endpoint and one environment: they may share a
// batch.
type lane struct {
	endpoint    endpoint
	environment string
	batches     int    // not settled, turns included
	open        *batch // takes the next message; nil if there is none

	// Identifies are delivered in order. The first in line is the one batch that
	// may be ready, sleeping or in flight, or the turn of a synchronous call;
	// line holds those behind it. A batch that yielded sleeps outside.
	first any // *batch or *turn; nil if there is none
	line  list.List
}

func (l *lane) ordered() bool { return l.endpoint == identifyEndpoint }

// A turn is the place of a synchronous call in the line of its lane.
type turn struct {
	lane    *lane
	element *list.Element // in the lane's line; nil once it has come
	come    chan struct{} // closed when the call may send
}

// lane returns the lane of an endpoint and an environment.
func (p *places) lane(ep endpoint, environment []byte) *lane {
	if string(environment) == p.environment {
		return &p.home[ep]
	}
	l := p.lanes[laneKey{ep, string(environment)}]
	if l == nil {
		l = &lane{endpoint: ep, environment: string(environment)}
		p.lanes[laneKey{ep, l.environment}] = l
	}
	return l
}

// leave takes a batch or a turn out of its lane. A lane without any is
// forgotten: environments may be many.
func (p *places) leave(l *lane) {
	if l.batches--; l.batches == 0 {
		delete(p.lanes, laneKey{l.endpoint, l.environment})
	}
}

// callNext makes the first one in an ordered lane's line the one that may be sent.
func (p *places) callNext(l *lane) {
	front := l.line.Front()
	if l.first != nil || front == nil {
		return
	}
	l.first = l.line.Remove(front)
	p.moved = true
	switch next := l.first.(type) {
	case *batch:
		p.enterReady(next)
	case *turn:
		next.element = nil
		close(next.come)
	}
}

// rejoin puts b, which yielded, at the head of its lane's line, behind older
// ones that did the same. Turns are younger than what yielded.
func (p *places) rejoin(b *batch) {
	line := &b.lane.line
	place := line.Front()
	for place != nil {
		if other, ok := place.Value.(*batch); !ok || !other.before(b) {
			break
		}
		place = place.Next()
	}
	b.state = behind
	if place == nil {
		b.element = line.PushBack(b)
	} else {
		b.element = line.InsertBefore(b, place)
	}
	p.callNext(b.lane)
}

// passOn gives b's place in its family or its lane to the next one.
func (p *places) passOn(b *batch) {
	l := b.lane
	if l.ordered() && l.first != b {
		return
	}
	if l.ordered() {
		l.first = nil
	}
	if piece := b.family.next(); piece != nil {
		p.takeOver(piece)
	} else if l.ordered() {
		p.callNext(l)
	}
}

// takeOver makes b, in its lane's place if that is ordered, ready.
func (p *places) takeOver(b *batch) {
	if b.lane.ordered() {
		b.lane.first = b
	}
	p.enterReady(b)
}

// lineUp takes a place behind the identifies of a lane for a synchronous call.
func (p *places) lineUp(l *lane) *turn {
	if l.open != nil {
		p.seal(l.open)
	}
	l.batches++
	t := &turn{lane: l, come: make(chan struct{})}
	t.element = l.line.PushBack(t)
	p.callNext(l)
	return t
}

// endTurn gives up a synchronous call's place, whether its turn had come or not.
func (p *places) endTurn(t *turn) {
	l := t.lane
	if t.element != nil {
		l.line.Remove(t.element)
	}
	if l.first == any(t) {
		l.first = nil
		p.callNext(l)
	}
	p.leave(l)
}
