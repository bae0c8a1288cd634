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
	batches     int    // not settled; synchronous calls' turns count too
	open        *batch // takes the next message; nil if there is none
	people      index  // the last claim on each person; identifies only
	ranks       uint64 // given to claims, ever
	deliveries  uint64 // batches delivered, ever

	missing *missing      // nil while the environment is not known to be missing
	opened  time.Duration // when it last turned out that it is not
}

// ordered reports whether the lane keeps the order of each person's messages.
func (l *lane) ordered() bool { return l.endpoint == identifyEndpoint }

// lane returns the lane of an endpoint and an environment.
func (p *places) lane(ep endpoint, environment []byte) *lane {
	if string(environment) == p.environment {
		return &p.home[ep]
	}
	l := p.lanes[laneKey{ep, string(environment)}]
	if l == nil {
		l = &lane{endpoint: ep, environment: string(environment)}
		l.missing = p.missing[l.environment]
		p.lanes[laneKey{ep, l.environment}] = l
	}
	return l
}

// leaveLane takes a batch or a turn out of its lane. A lane without any is
// forgotten: environments may be many.
func (p *places) leaveLane(l *lane) {
	if l.batches--; l.batches == 0 {
		delete(p.lanes, laneKey{l.endpoint, l.environment})
		if l.missing != nil {
			p.lookFrom(l.missing.until)
		}
	}
}

// traffic is the batches of one endpoint, by what may be sent next. A suspect is a
// batch that failed alone: again, after others of its endpoint had been delivered.
type traffic struct {
	opened           list.List // by number, except those that wait for a claim
	fresh            list.List // ready, and never sent: by number
	due              list.List // ready, and sent before: by number
	suspects         list.List // ready, and failed alone: by number
	idle             byNumber  // all except those in flight and the untried: what DropOldest evicts
	untried          byNumber  // likewise, with adopted messages, and never sent: MaxElapsed does not give them up
	inFlight         int
	suspectsInFlight int
	lastSuspect      bool   // the last launch was of a suspect
	launched         uint64 // which of the client's launches was its last
	families         int    // batches that are being split
}

// of returns the traffic of b's endpoint.
func (p *places) of(b *batch) *traffic { return &p.traffic[b.lane.endpoint] }

// hasOpen reports whether an endpoint has an open batch that need not wait for
// company: its oldest message was accepted up to then, or is flushed.
func (p *places) hasOpen(ep endpoint, upTo time.Duration) bool {
	place := p.traffic[ep].opened.Front()
	if place == nil {
		return false
	}
	b := place.Value.(*batch)
	return b.oldest() <= upTo || b.number() <= p.flushed
}

// oldestOpenAfter returns when the first open batch began of those that began
// later than upTo: when its oldest message was accepted.
func (p *places) oldestOpenAfter(ep endpoint, upTo time.Duration) (at time.Duration, ok bool) {
	for place := p.traffic[ep].opened.Front(); place != nil; place = place.Next() {
		if at := place.Value.(*batch).oldest(); at > upTo {
			return at, true
		}
	}
	return 0, false
}

// readyList returns the list in which b is while it is ready.
func (p *places) readyList(b *batch) *list.List {
	switch {
	case b.alone > 0:
		return &p.of(b).suspects
	case b.attempts > 0:
		return &p.of(b).due
	}
	return &p.of(b).fresh
}

// hasReady reports whether an endpoint has a batch that may be sent.
func (p *places) hasReady(ep endpoint) bool {
	t := &p.traffic[ep]
	return t.due.Len()+t.fresh.Len()+t.suspects.Len() > 0
}

// waits reports whether a batch of the endpoint is ready, or open.
func (p *places) waits(ep endpoint) bool { return p.hasReady(ep) || p.traffic[ep].opened.Len() > 0 }

// next returns the batch of an endpoint to be sent next, nil if there is none.
// Those that were sent before go first, the oldest of them, then the new ones,
// and then open ones: see hasOpen. Suspects do not hold up the others.
func (p *places) next(ep endpoint, upTo time.Duration) *batch {
	t := &p.traffic[ep]
	var b *batch
	for _, l := range []*list.List{&t.due, &t.fresh} {
		if place := l.Front(); place != nil && b == nil {
			b = place.Value.(*batch)
		}
	}
	if place := t.suspects.Front(); place != nil {
		suspect := place.Value.(*batch)
		others := b != nil || p.hasOpen(ep, upTo)
		if !others || p.mayGoFirst(t) && (b == nil || b.attempts == 0 || suspect.before(b)) {
			return suspect
		}
	}
	if b == nil {
		b = p.nextOpen(ep, upTo)
	}
	return b
}

// mayGoFirst reports whether a suspect may go while other batches wait: suspects
// get a quarter of the requests, and not two of them in a row.
func (p *places) mayGoFirst(t *traffic) bool {
	return !t.lastSuspect && t.suspectsInFlight < max(1, p.maxInFlight/4)
}

// newest returns an endpoint's newest batch that is ready and was never sent,
// nil if there is none.
func (p *places) newest(ep endpoint) *batch {
	if place := p.traffic[ep].fresh.Back(); place != nil {
		return place.Value.(*batch)
	}
	return nil
}

// oldestDue returns an endpoint's oldest ready batch that was sent before, nil if
// there is none. It prefers others to the one with the setbacks except.
func (p *places) oldestDue(ep endpoint, except *setbacks) (b *batch) {
	for _, l := range []*list.List{&p.traffic[ep].due, &p.traffic[ep].suspects} {
		for place := l.Front(); place != nil; place = place.Next() {
			if b = place.Value.(*batch); &b.setbacks != except {
				return b
			}
		}
	}
	return b
}

// oldestInFlight returns the batch of an endpoint whose request, of those under
// way, began first; nil if there is none.
func (p *places) oldestInFlight(ep endpoint) *batch {
	for place := p.inFlight.Front(); place != nil; place = place.Next() {
		if b := place.Value.(*batch); b.lane.endpoint == ep {
			return b
		}
	}
	return nil
}
