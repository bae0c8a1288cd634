package altertable

import (
	"container/list"
	"fmt"
	"slices"
)

// inconsistency says what is wrong with the queue's state, "" if nothing is.
func (q *queue) inconsistency() string {
	q.mu.Lock()
	defer q.mu.Unlock()
	c := &checker{q: q, all: map[*batch]string{}}
	c.check()
	return c.problem
}

type checker struct {
	q       *queue
	all     map[*batch]string // where it is
	problem string
}

func (c *checker) complain(ok bool, format string, args ...any) {
	if !ok && c.problem == "" {
		c.problem = fmt.Sprintf(format, args...)
	}
}

func (c *checker) in(l *list.List, where string, state state, sorted bool, less func(a, b *batch) bool) (n int) {
	var last *batch
	for e := l.Front(); e != nil; e = e.Next() {
		b := e.Value.(*batch)
		c.complain(c.all[b] == "", "batch in %s and %s", c.all[b], where)
		c.all[b] = where
		c.complain(b.state == state, "batch in %s has state %d", where, b.state)
		c.complain(b.element == e, "batch in %s: element", where)
		c.complain(b.count() > 0, "batch in %s is empty", where)
		if sorted && last != nil {
			c.complain(!less(b, last), "%s is not sorted", where)
		}
		last = b
		n++
	}
	return n
}

func (c *checker) isHeap(h *byNumber, name string) {
	for i := 1; i < h.Len(); i++ {
		c.complain(!h.Less(i, (i-1)/2), "%s is no heap", name)
	}
}

func (c *checker) check() {
	p := &c.q.places
	c.checkDones()
	byWake := func(a, b *batch) bool { return a.wakeAt < b.wakeAt }
	for ep := range p.traffic {
		t := &p.traffic[ep]
		before := (*batch).before
		c.in(&t.opened, "opened", open, true, before)
		c.in(&t.fresh, "fresh", ready, true, before)
		c.in(&t.due, "due", ready, true, before)
		c.in(&t.suspects, "suspects", ready, true, before)
	}
	c.in(&p.asleep, "asleep", sleeping, true, byWake)
	c.in(&p.inFlight, "flight", flying, false, nil)
	c.checkGates()
	c.isHeap(&p.setBack, "setBack")
	for ep := range p.traffic {
		c.isHeap(&p.traffic[ep].idle, "idle")
		c.isHeap(&p.traffic[ep].untried, "untried")
		for _, b := range slices.Concat(p.traffic[ep].idle.batches, p.traffic[ep].untried.batches) {
			c.complain(p.idleWith(b).batches[b.idlePlace-1] == b, "idlePlace")
			c.complain(int(b.lane.endpoint) == ep, "endpoint")
			c.complain(b.lane.missing == nil || b.err != nil, "batch of a missing environment has no error")
			switch c.all[b] {
			case "flight":
				c.complain(false, "in flight and idle")
			case "":
				c.complain(b.state == behind || b.state == open, "idle batch of state %d is nowhere", b.state)
				c.complain(b.element == nil, "element")
				c.all[b] = "behind"
				waits := b.claim != nil && len(b.claim.ahead) > 0
				c.complain(waits || c.q.ended || b.state == behind && b.family.keeps(b), "batch (state %d) waits for nothing", b.state)
			}
		}
	}
	var held, carried tally
	var inFlight, suspects [3]int
	lanes := map[*lane]int{}
	unused := 0
	families := map[*family]int{}
	active := map[*family]bool{}
	famEp := map[*family]endpoint{}
	claims := map[*lane]map[*claim]bool{}
	for b, where := range c.all {
		n := tally{b.count(), int64(b.size(b.count()))}
		held.add(n.count, n.bytes)
		lanes[b.lane]++
		if b.state == open {
			unused += b.unused()
		}
		c.complain((b.idlePlace == 0) == (where == "flight"), "idle: %s", where)
		c.complain((b.backPlace > 0) == (b.err != nil && where != "flight" && p.idleWith(b) == &p.of(b).idle), "setBack: %s %v %d", where, b.err, b.backPlace)
		if where == "flight" {
			carried.add(n.count, n.bytes)
			inFlight[b.lane.endpoint]++
			if b.suspect {
				suspects[b.lane.endpoint]++
			}
		}
		if b.family != nil {
			famEp[b.family] = b.lane.endpoint
			if b.count() > 1 {
				families[b.family]++
			} else {
				families[b.family] += 0
			}
			if !b.family.keeps(b) {
				active[b.family] = true
			}
		}
		if where == "fresh" || where == "due" || where == "suspects" {
			t := p.of(b)
			want := map[string]*list.List{"fresh": &t.fresh, "due": &t.due, "suspects": &t.suspects}[where]
			c.complain(p.readyList(b) == want, "in the wrong list: %s", where)
		}
		c.complain((b.claim != nil) == b.lane.ordered(), "claim")
		for i := 1; i < len(b.marks); i++ {
			c.complain(b.series.number(i-1) < b.series.number(i), "numbers do not ascend")
		}
		if b.claim != nil {
			if claims[b.lane] == nil {
				claims[b.lane] = map[*claim]bool{}
			}
			claims[b.lane][b.claim] = true
			c.complain(len(b.people) == len(b.marks), "people")
			c.complain(b.claim.batch == b, "claim's batch")
			if where != "behind" {
				c.complain(len(b.claim.ahead) == 0, "in %s with claims ahead", where)
			}
		}
	}
	if !c.q.ended {
		c.complain(held == c.q.held, "held %v, want %v", c.q.held, held)
	}
	c.complain(carried == p.carried, "carried %v, want %v", p.carried, carried)
	count := [3]int{}
	for f, large := range families {
		c.complain(f.large == large, "family.large %d, want %d", f.large, large)
		if large > 0 {
			count[famEp[f]]++
		}
		for _, b := range f.rest {
			c.complain(b.state == settled || active[f], "family's rest waits for nobody")
		}
	}
	for ep := range p.traffic {
		c.complain(p.traffic[ep].inFlight == inFlight[ep], "inFlight")
		c.complain(p.traffic[ep].suspectsInFlight == suspects[ep], "suspects")
		c.complain(p.traffic[ep].families == count[ep], "families %d want %d", p.traffic[ep].families, count[ep])
	}
	c.complain(c.q.ended || p.buffers.unused == unused, "unused %d want %d", p.buffers.unused, unused)
	// claims: find turns through the index numbers
	laneSet := map[*lane]bool{}
	for i := range p.home {
		laneSet[&p.home[i]] = true
	}
	for _, l := range p.lanes {
		laneSet[l] = true
		c.complain(l.batches > 0, "empty lane")
	}
	for l := range lanes {
		c.complain(laneSet[l], "unknown lane")
	}
	for l := range laneSet {
		c.complain(l.missing == p.missing[l.environment], "lane.missing")
		turns := 0
		n := 0
		for i, cl := range l.people.claims {
			if cl == nil {
				continue
			}
			n++
			c.complain(int(cl.number) == i, "number")
			if cl.batch == nil {
				turns++
				if claims[l] == nil {
					claims[l] = map[*claim]bool{}
				}
				claims[l][cl] = true
			} else {
				c.complain(claims[l][cl], "claim of a batch that is nowhere")
			}
		}
		c.complain(len(claims[l]) == n, "claims: %d, %d", len(claims[l]), n)
		c.complain(l.batches == lanes[l]+turns, "lane.batches %d, want %d + %d", l.batches, lanes[l], turns)
		if l.open != nil {
			c.complain(c.all[l.open] == "opened" || c.all[l.open] == "gated" && l.open.state == open, "lane.open is %q", c.all[l.open])
		}
		if l.ordered() {
			c.checkOrder(l, claims[l])
		}
	}
	c.checkProgress()
}

// checkGates checks where the batches of missing environments are, and that
// somebody looks after them.
func (c *checker) checkGates() {
	p := &c.q.places
	c.complain(c.q.cfg.spool != nil || len(p.missing) == 0 && c.q.access.key == nil, "a gate without a spool")
	if key := c.q.access.key; key != nil && key.probe != nil {
		c.complain(c.q.ended || key.probe.state == flying, "the key's probe has state %d", key.probe.state)
	}
	for b, where := range c.all {
		if m := b.lane.missing; where != "flight" && where != "asleep" && m != nil {
			c.complain(m.probe == b, "in %s, though its environment is missing", where)
		}
	}
	for environment, m := range p.missing {
		c.complain(m.environment == environment, "missing.environment")
		c.isHeap(&m.waiting, "waiting")
		for i, b := range m.waiting.batches {
			c.complain(c.all[b] == "", "batch in %s and gated", c.all[b])
			c.all[b] = "gated"
			c.complain(b.state == gated || b.state == open, "gated batch of state %d", b.state)
			c.complain(b.element == nil && b.gatePlace == i+1 && b.lane.missing == m && b != m.probe, "gated batch: state %d, at %d of %d, %v, %v, %v", b.state, b.gatePlace, i+1, b.element == nil, b.lane.missing == m, b != m.probe)
		}
		due := m.until
		if m.probe != nil {
			due = max(due, m.patient)
			c.complain(m.probe.state != settled && m.probe.state != gated && m.probe.lane.missing == m, "probe of state %d", m.probe.state)
		}
		if m.probe != nil || m.waiting.Len() > 0 || !p.isInUse(environment) {
			c.complain(c.q.ended || p.lookAt >= 0 && p.lookAt <= max(due, 0), "nobody looks after a gate: %v, %v", p.lookAt, due)
		}
	}
	for _, f := range c.q.flushes {
		c.complain(f.remaining >= 0 && f.lost >= 0, "flush: %d remain, %d lost", f.remaining, f.lost)
		c.complain(f.over || f.remaining > 0, "flush without end")
	}
}

func (c *checker) checkOrder(l *lane, claims map[*claim]bool) {
	last := map[uint32][]*claim{}
	for cl := range claims {
		for _, a := range cl.ahead {
			c.complain(claims[a], "ahead is settled")
			c.complain(a.rank < cl.rank, "rank")
			c.complain(slices.Contains(a.behind, cl), "asymmetric")
		}
		for _, b := range cl.behind {
			c.complain(claims[b], "behind is settled")
			c.complain(slices.Contains(b.ahead, cl), "asymmetric")
		}
		if cl.batch == nil {
			come := false
			select {
			case <-cl.turn.come:
				come = true
			default:
			}
			c.complain(come == (len(cl.ahead) == 0), "turn: come %v, ahead %d", come, len(cl.ahead))
		}
		if cl.followers != nil {
			c.complain(cl.followers.state == open && cl.followers.claim.leader == cl, "followers")
		}
		if cl.leader != nil {
			c.complain(cl.leader.followers == cl.batch, "leader")
		}
		seen := map[uint32]bool{}
		for _, who := range cl.people() {
			for _, h := range who {
				if h != 0 && !seen[h] {
					seen[h] = true
					last[h] = append(last[h], cl)
				}
			}
		}
	}
	if !c.q.ended {
		c.complain(l.people.used == len(last), "index.used %d want %d", l.people.used, len(last))
	}
	for h, all := range last {
		slices.SortFunc(all, func(a, b *claim) int { return a.last(h).compare(b.last(h)) })
		c.complain(l.people.find(h) == all[len(all)-1], "index names the wrong claim")
		for i := 1; i < len(all); i++ {
			found := false
			for a := range all[i].allAhead() {
				found = found || a == all[i-1]
			}
			c.complain(found, "a later claim on a person does not wait for the earlier one: first %v %v",
				all[i-1].at(), all[i].at())
		}
	}
}

func (c *checker) checkProgress() {
	q := c.q
	some := false
	for _, where := range c.all {
		some = some || where != "behind"
	}
	if q.ended || q.places.inFlight.Len() > 0 || !some {
		return
	}
	c.complain(q.timerAt >= 0 || q.pace.probing, "nothing in flight, and no timer")
	c.complain(!q.pace.probing || q.stats.InFlight > 0, "pace waits for nobody")
	c.complain(!q.health.common.probing, "common waits for a probe that is not there")
	for ep := range q.health.endpoints {
		c.complain(!q.health.endpoints[ep].probing, "endpoint waits for a probe that is not there")
	}
}
