package altertable

import (
	"container/heap"
	"time"
)

// With a spool, messages survive a mistake that somebody can mend: a key that was
// revoked before the new one was there, an environment that nobody has created
// yet. What the server denies for such a reason keeps its place and stays on disk.
// One request every MaxInterval finds out whether the server takes it by now.
//
// A refused key shuts the gate of the whole client. A missing environment shuts a
// gate in front of its own lanes, and the others go on. Only the answer to a
// gate's probe opens it or keeps it shut: a request that began earlier says
// nothing about now.
//
// A gate's probe is a batch like any other. Order, outages and the rate limit
// hold for it as well. It is not to blame for the denial, and is not split for it.

// access tells whether the server takes the client's key, and when it is asked
// again. It belongs to the queue and is guarded by its mu.
type access struct {
	interval time.Duration // between two probes of a gate
	patience time.Duration // with a probe; a RoundTripper may never return
	key      *gate         // nil while the key is good
	opened   time.Duration // when the key's gate was opened last
	closing  bool          // Shutdown has begun
}

// A gate is there while the server denies what is behind it.
type gate struct {
	until   time.Duration // no probe before; on the queue's clock
	probe   *batch        // finds out whether the gate may be opened; nil if none does
	patient time.Duration // nobody waits for it any longer than until then
	err     error         // the denial
	final   bool          // the denial is the answer to Shutdown's attempt
}

// denial says what an answer denied.
type denial uint8

const (
	notDenied denial = iota
	keyDenied
	environmentDenied
)

// denialOf returns what the error of a request denied, v being its verdict. Where
// messages are in memory alone, a denial is a final answer like any other.
func (cfg *config) denialOf(v verdict, err error) denial {
	api, ok := err.(*APIError)
	switch {
	case cfg.spool == nil || !ok || v != unsendable:
		return notDenied
	case api.Is(ErrEnvironmentNotFound):
		return environmentDenied
	case api.Is(ErrUnauthorized):
		return keyDenied
	}
	return notDenied
}

// deny notes the denial err of the request that carried b.
func (a *access) deny(g *gate, b *batch, err error, now time.Duration) {
	g.err, g.probe, g.until = brief(err), nil, now+max(a.interval, askedDelay(err))
	switch {
	case !a.closing:
	case !b.last:
		g.until = now // Shutdown's attempt is still to come
	default:
		g.final = true
	}
}

// lets reports whether a request may begin, as far as the key is concerned.
func (a *access) lets(now time.Duration) bool {
	return a.key == nil || now >= a.key.until && (a.key.probe == nil || now >= a.key.patient)
}

// next returns when a request may, if no answer comes first. It is false if it
// may now.
func (a *access) next(now time.Duration) (at time.Duration, ok bool) {
	if a.lets(now) {
		return 0, false
	}
	if a.key.probe == nil {
		return a.key.until, true
	}
	return max(a.key.until, a.key.patient), true
}

// begins notes that a request begins that carries b.
func (a *access) begins(b *batch) {
	b.last = a.closing
	if a.key != nil {
		a.key.probe, a.key.patient = b, b.sentAt+a.patience
	}
	if m := b.lane.missing; m != nil && m.probe == b {
		m.patient = b.sentAt + a.patience
	}
}

// ends notes what the answer to the request that carried b says of the key.
func (a *access) ends(b *batch, v verdict, d denial, err error, now time.Duration) {
	switch {
	case a.key == nil:
		if d == keyDenied && b.sentAt >= a.opened {
			a.key = new(gate)
			a.deny(a.key, b, err, now)
		}
	case a.key.probe != b:
	case d == keyDenied:
		a.deny(a.key, b, err, now)
	case v == success, v == refusable, v == unsendable:
		a.key, a.opened = nil, now
	default: // whoever answered does not know the key
		a.key.probe = nil
	}
}

// attemptNow makes the next probe due, since Shutdown begins.
func (a *access) attemptNow(now time.Duration) {
	a.closing = true
	if a.key != nil {
		a.key.until = min(a.key.until, now)
	}
}

// A missing is an environment that the server does not know, and the batches that
// wait for it: those that could be sent otherwise. It belongs to places.
type missing struct {
	gate
	environment string
	waiting     byNumber
}

// lanesOf returns the lanes of an environment.
func (p *places) lanesOf(environment string) (all []*lane) {
	for ep := range p.home {
		if environment == p.environment {
			all = append(all, &p.home[ep])
		} else if l := p.lanes[laneKey{endpoint(ep), environment}]; l != nil {
			all = append(all, l)
		}
	}
	return all
}

// isInUse reports whether the environment has batches, or turns of synchronous calls.
func (p *places) isInUse(environment string) bool {
	for _, l := range p.lanesOf(environment) {
		if l.batches > 0 {
			return true
		}
	}
	return false
}

// shut puts a gate in front of an environment's lanes.
func (p *places) shut(environment string, g gate) {
	m := &missing{gate: g, environment: environment, waiting: byNumber{place: func(b *batch) *int { return &b.gatePlace }}}
	p.missing[environment] = m
	for _, l := range p.lanesOf(environment) {
		l.missing = m
	}
	for _, b := range p.idleOf(m) {
		p.setBack.remove(b)
		b.err = m.err
		p.enterSetBack(b)
		if b.element != nil && b.state != sleeping {
			p.withdraw(b)
			p.enlist(b)
		}
	}
	p.lookFrom(m.until)
}

// idleOf returns the batches of a missing environment that no request carries.
func (p *places) idleOf(m *missing) (all []*batch) {
	for _, b := range p.allIdle() {
		if b.lane.missing == m {
			all = append(all, b)
		}
	}
	return all
}

// stopAtGate lets b, which could be sent otherwise, wait for its environment.
func (p *places) stopAtGate(b *batch) {
	m := b.lane.missing
	if b.gatePlace > 0 {
		return // it is open, and waits there already
	}
	if b.state != open {
		b.state = gated
	}
	heap.Push(&m.waiting, b)
	if m.probe == nil {
		p.lookFrom(m.until)
	}
}

// letThrough puts b, which waits for its environment, where it can be sent from.
func (p *places) letThrough(b *batch) {
	p.withdraw(b)
	if b.state == open {
		p.enlist(b)
	} else {
		p.enterReady(b)
	}
}

// reopen takes the gate away: the environment exists, or nothing waits for it. A
// batch that was never sent has not failed itself, and is as it was before.
func (p *places) reopen(m *missing, now time.Duration) {
	idle := p.idleOf(m)
	delete(p.missing, m.environment)
	for _, l := range p.lanesOf(m.environment) {
		l.missing, l.opened = nil, now
	}
	for _, b := range idle {
		if b.attempts == 0 {
			p.setBack.remove(b)
			b.err = nil
		}
	}
	for b := m.waiting.first(); b != nil; b = m.waiting.first() {
		m.waiting.remove(b)
		p.letThrough(b)
	}
}

// choose makes another batch the probe of m. It prefers an endpoint that works,
// then a batch that is sealed, then the one that failed least, then the oldest.
func (p *places) choose(m *missing, fails func(endpoint) bool, patient time.Duration) {
	if last := m.probe; last != nil {
		m.probe = nil
		if last.element != nil && (last.state == open || last.state == ready) {
			p.withdraw(last)
			p.enlist(last)
		}
	}
	var best *batch
	for _, b := range m.waiting.batches {
		if best == nil || isBetterProbe(b, best, fails) {
			best = b
		}
	}
	if best != nil {
		m.probe, m.patient = best, patient
		p.letThrough(best)
	}
}

func isBetterProbe(b, other *batch, fails func(endpoint) bool) bool {
	if x, y := fails(b.lane.endpoint), fails(other.lane.endpoint); x != y {
		return y
	}
	if x, y := b.state == open, other.state == open; x != y {
		return y
	}
	if b.failures != other.failures {
		return b.failures < other.failures
	}
	return b.before(other)
}

// lookFrom has probeMissingLocked look at the gates from then on.
func (p *places) lookFrom(at time.Duration) {
	if at = max(at, 0); p.lookAt < 0 || at < p.lookAt {
		p.lookAt = at
	}
}

// attemptNow makes the next probe of all missing environments due.
func (p *places) attemptNow(now time.Duration) {
	for _, m := range p.missing {
		m.until = min(m.until, now)
		p.lookFrom(now)
	}
}

// endProbe notes that b, which goes away, is no probe any more.
func (p *places) endProbe(b *batch) {
	if m := b.lane.missing; m != nil && m.probe == b {
		m.probe = nil
		p.lookFrom(m.until)
	}
}

// probeMissingLocked chooses probes for the missing environments that are due, and
// forgets those for which nothing waits.
func (q *queue) probeMissingLocked(now time.Duration) {
	p := &q.places
	if p.lookAt < 0 || now < p.lookAt {
		return
	}
	p.lookAt = -1
	fails := func(ep endpoint) bool { return q.health.endpoints[ep].on }
	for _, m := range p.missing {
		switch {
		case now < m.until:
			p.lookFrom(m.until)
			continue
		case !p.isInUse(m.environment):
			p.reopen(m, now)
			continue
		case m.probe == nil || now >= m.patient:
			p.choose(m, fails, now+q.access.patience)
		}
		if m.probe != nil {
			p.lookFrom(m.patient)
		}
	}
}

// noteAccessLocked notes what the answer to the request that carried b says of the
// key and of b's environment.
func (q *queue) noteAccessLocked(b *batch, v verdict, d denial, err error) {
	now := q.now()
	q.access.ends(b, v, d, err, now)
	m := b.lane.missing
	switch {
	case m == nil:
		if d == environmentDenied && b.sentAt >= b.lane.opened {
			var g gate
			q.access.deny(&g, b, err, now)
			q.places.shut(b.lane.environment, g)
		}
	case m.probe != b:
	case d == environmentDenied:
		q.access.deny(&m.gate, b, err, now)
		q.places.lookFrom(m.until)
	case v == success:
		q.places.reopen(m, now)
	case v == retryable: // it may be at fault itself: another goes next
		m.probe = nil
		q.places.lookFrom(m.until)
	}
}

// awaitAccessLocked keeps b, which was denied with err, in its place until its gate
// opens.
func (q *queue) awaitAccessLocked(b *batch, d denial, err error) {
	kind, g := warnKeyWaits, q.access.key
	if d == environmentDenied {
		kind, g = warnEnvironmentWaits, b.lane.gate()
	}
	q.warnOfBatchLocked(kind, b, b.count(), err)
	if q.ended {
		q.keeper.leaveLocked(b)
		return
	}
	b.repeats, b.misdirected, b.err = true, false, brief(err)
	q.places.enterIdle(b)
	if g == nil { // it was opened after the request began: that is old news
		wait := max(q.cfg.retry.InitialInterval, askedDelay(err))
		if q.access.closing {
			wait = 0
		}
		q.debugRetryLocked(b, wait)
		q.places.sleep(b, q.now()+wait)
		return
	}
	q.debugRetryLocked(b, g.until-q.now())
	q.places.enterReady(b)
}

// gate returns the gate in front of the lane, nil if there is none.
func (l *lane) gate() *gate {
	if l.missing == nil {
		return nil
	}
	return &l.missing.gate
}
