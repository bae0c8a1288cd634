package altertable

import (
	"container/list"
	"time"
)

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
	people      index  // who has the last claim on whom; identifies only
	ranks       uint64 // of claims, ever
	deliveries  uint64 // of batches, ever
}

// ordered reports whether the lane's messages are in the order of their people.
func (l *lane) ordered() bool { return l.endpoint == identifyEndpoint }

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

// traffic is the batches of one endpoint that may be sent, and those that are.
type traffic struct {
	opened   list.List // by number, except those that wait for a claim
	fresh    list.List // ready, and never sent: by number
	due      list.List // ready, and sent before: by number
	loners   list.List // ready, and failed alone: by number
	idle     byNumber  // all except those in flight: what DropOldest evicts
	inFlight int
	suspects int    // of them, those that failed alone
	last     bool   // the last launch was of such a one
	launched uint64 // which of the client's launches was its last
	families int    // of batches that are being split
}

// of returns the traffic of b's endpoint.
func (p *places) of(b *batch) *traffic { return &p.traffic[b.lane.endpoint] }

// hasOpen reports whether an endpoint has an open batch that need not wait for
// company: its oldest message was accepted at or before the time since, or is
// flushed.
func (p *places) hasOpen(ep endpoint, since time.Duration) bool {
	place := p.traffic[ep].opened.Front()
	if place == nil {
		return false
	}
	b := place.Value.(*batch)
	return b.oldest() <= since || b.number() <= p.flushed
}

// oldestOpenAfter returns when the oldest message of an open batch was accepted,
// of those accepted after since.
func (p *places) oldestOpenAfter(ep endpoint, since time.Duration) (at time.Duration, ok bool) {
	for place := p.traffic[ep].opened.Front(); place != nil; place = place.Next() {
		if at := place.Value.(*batch).oldest(); at > since {
			return at, true
		}
	}
	return 0, false
}

func (p *places) readyList(b *batch) *list.List {
	switch {
	case b.alone > 0:
		return &p.of(b).loners
	case b.attempts > 0:
		return &p.of(b).due
	}
	return &p.of(b).fresh
}

// hasReady reports whether an endpoint has a batch that may be sent.
func (p *places) hasReady(ep endpoint) bool {
	t := &p.traffic[ep]
	return t.due.Len()+t.fresh.Len()+t.loners.Len() > 0
}

// waits reports whether a batch of the endpoint is ready, or open.
func (p *places) waits(ep endpoint) bool { return p.hasReady(ep) || p.traffic[ep].opened.Len() > 0 }

// next returns the batch of an endpoint to be sent first, nil if there is none:
// those that were sent before go first, the oldest of them, and then those that
// are open since the time since. Those that fail alone do not hold up the others.
func (p *places) next(ep endpoint, since time.Duration) *batch {
	t := &p.traffic[ep]
	var b *batch
	for _, l := range []*list.List{&t.due, &t.fresh} {
		if place := l.Front(); place != nil && b == nil {
			b = place.Value.(*batch)
		}
	}
	if place := t.loners.Front(); place != nil {
		loner := place.Value.(*batch)
		others := b != nil || p.hasOpen(ep, since)
		if !others || p.mayGoFirst(t) && (b == nil || b.attempts == 0 || loner.before(b)) {
			return loner
		}
	}
	if b == nil {
		b = p.nextOpen(ep, since)
	}
	return b
}

// mayGoFirst reports whether a batch that failed alone may go while others
// wait: such ones get a quarter of the requests, and not two of them in a row.
func (p *places) mayGoFirst(t *traffic) bool { return !t.last && t.suspects < max(1, p.maxInFlight/4) }

// newest returns an endpoint's newest batch that is ready and was never sent,
// nil if there is none.
func (p *places) newest(ep endpoint) *batch {
	if place := p.traffic[ep].fresh.Back(); place != nil {
		return place.Value.(*batch)
	}
	return nil
}

// oldestDue returns an endpoint's oldest ready batch that was sent before,
// another than the one with these setbacks if there is one; nil if there is none.
func (p *places) oldestDue(ep endpoint, except *setbacks) (b *batch) {
	for _, l := range []*list.List{&p.traffic[ep].due, &p.traffic[ep].loners} {
		for place := l.Front(); place != nil; place = place.Next() {
			if b = place.Value.(*batch); &b.setbacks != except {
				return b
			}
		}
	}
	return b
}

// oldestInFlight returns the batch of an endpoint whose request began first, nil
// if there is none.
func (p *places) oldestInFlight(ep endpoint) *batch {
	for place := p.inFlight.Front(); place != nil; place = place.Next() {
		if b := place.Value.(*batch); b.lane.endpoint == ep {
			return b
		}
	}
	return nil
}
