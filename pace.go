package altertable

import (
	"math"
	"time"
)

// pace finds the rate of requests that the server's limit lets through, and
// keeps to it. It belongs to the queue and is guarded by its mu. Times are on
// the queue's clock.
//
// Before the first 429 there is no limit and no delay. From then on requests
// begin at intervals, and every 429 tells two bounds of the limit:
//
//   - It is at most about the rate at which the request began.
//   - It is at least the goodput since the 429 before. At both moments the
//     server had nothing saved up, so that what passed in between is what was
//     added in between. Only the first 429 comes after a burst of unknown size.
//
// A 429 sets the rate to the lower bound, or just below it if the two are
// close together. Successes raise it, by little at first. If the bounds are far
// apart, the rate climbs to half way between them at once, since straight
// after a 429 no burst hides the limit: a rate that is too high shows within a
// few requests. If they contradict each other the limit has changed, and is
// searched for as in the beginning, with a rate that grows with its own size.
//
// If the rate sinks to a quarter, and the 429s come before it has grown again,
// they have nothing to do with it: one backend of several may be overloaded. Then
// the limit is searched for as well.
//
// A 429 without a success since the last one means that the limit is shut: one
// request at a time then probes, with the growing waits of the RetryPolicy.
type pace struct {
	policy   RetryPolicy
	patience time.Duration // with a probe; a RoundTripper may never return
	limited  bool          // a 429 has been seen
	rate     float64       // requests per second
	at       time.Duration // no request begins before

	goodput goodput
	cut     time.Duration // when a 429 changed the rate last: answers to requests that began before are old news
	news    int           // successes of those that began after
	waited  time.Duration // when a request last had to wait for the pace

	searching bool          // the limit's size is unknown
	low       float64       // the rate after the cut, or where the search began
	level     float64       // the rate after climb raises
	proven    float64       // level when a 429 came last because the rate had grown
	stretch   float64       // how many more raises it takes to grow by the share growth
	raises    int           // since the cut
	debt      int           // successes that must come before more 429s are risked
	calm      time.Duration // the rate stays at level until then

	schedule *schedule     // of waits while the limit is shut; nil while it is not
	probing  bool          // a request is under way to see whether it still is
	patient  time.Duration // nobody waits for it any longer than until then

	borrowed bool // a request that did not wait for its turn put off the next one

	closed [3]closedEndpoint
}

// A closedEndpoint is one whose requests are answered 429. The limit is its own
// if requests to others pass meanwhile, and then it has an outage of its own.
type closedEndpoint struct {
	on         bool // no request to it has passed since the first 429
	since      time.Duration
	othersPass bool // a request that began later did, to another endpoint
}

const (
	searchFrom = 2.0      // requests per second: the first wait after a 429 is half a second as well
	slowest    = 1.0 / 30 // requests per second: an interval is no longer than MaxInterval's default

	// Searching adds low to the rate with every success, but goes no faster than 5
	// times the goodput: a server that saved up much would answer many requests
	// in flight with 429 before the first such answer arrives.
	searchFactor = 5

	// Bounds are close together up to the ratio closeBounds. The rate then begins
	// below the lower one, by a margin for what is not measured, half a request
	// among 30.
	closeBounds = 1.4
	margin      = 0.985

	// A limit that is the same is reached again after about stretch raises, which
	// costs one 429 or more: 100 successes for each keep them at 1 %. If there is
	// none, the rate is 1.1 times level after 16 + 1.2 x stretch raises, and 10
	// times after 16 + 3.6 x stretch.
	climb        = 16 // raises from low to level
	growth       = 0.055
	farStretch   = 60   // if the bounds are far apart
	price        = 100  // successes that one 429 costs
	mostSearched = 500  // debt for a search: more would keep what it found for too long if that is wrong
	mostDebt     = 5000 // successes

	// A Retry-After costs a pause besides a request. The rate stays at level for
	// calmFactor times as long, so that pauses take no more than 4 % of the time.
	// Long ones may take more: it stays so no longer than mostCalm.
	calmFactor = 25
	mostCalm   = 10 * time.Minute

	grown = 1.02 // a 429 at this multiple of level is taken for the limit

	lateness    = 5 * time.Millisecond // of timers; it does not lower the rate
	forgetAfter = 10 * time.Minute     // without a request that had to wait
)

// A permit is what a request knew of the pace when it began.
type permit struct {
	began  time.Duration
	rate   float64
	waited bool // it began as soon as the pace let it, or nearly so
	probe  bool
}

// lets reports whether a request may begin.
func (p *pace) lets(now time.Duration) bool {
	return !p.limited || now >= p.at && (!p.probing || now >= p.patient)
}

// next returns when it may, if no answer comes first. It is false if it may now.
func (p *pace) next(now time.Duration) (at time.Duration, ok bool) {
	at = p.at
	if p.probing {
		at = max(at, p.patient)
	}
	return at, p.limited && now < at
}

// shut reports whether the limit lets nothing through: see pace.
func (p *pace) shut() bool { return p.schedule != nil }

// attemptNow ends the wait for the next request.
func (p *pace) attemptNow(now time.Duration) { p.at = min(p.at, now) }

// begins notes that a request begins, whether or not the pace let it.
func (p *pace) begins(now time.Duration) permit {
	idle := now - p.at
	waited := p.limited && idle < p.interval()
	if p.limited && !waited && now-p.waited > forgetAfter {
		*p = pace{policy: p.policy, patience: p.patience, closed: p.closed}
	}
	if !p.limited {
		return permit{began: now}
	}
	if waited {
		p.waited = now
	}
	p.goodput.idle += max(0, idle-lateness)
	// Synchronous calls do not wait for their turn. They may put off the queue's
	// next request once: however many there are, it gets half of the pace.
	early := now < p.at
	if !early || !p.borrowed {
		p.at = max(p.at, now-lateness) + p.interval()
	}
	p.borrowed = early
	p.probing, p.patient = p.shut(), now+p.patience
	return permit{began: now, rate: p.rate, waited: waited, probe: p.probing}
}

// interval is the time between the beginnings of two requests.
func (p *pace) interval() time.Duration { return time.Duration(float64(time.Second) / p.rate) }

// ends notes what came of a request, err as post returned it. An answer that
// speaks of the request itself means that the limit let it through; failures
// say nothing of the limit. It reports whether a 429 is the endpoint's own.
func (p *pace) ends(t permit, ep endpoint, err error, now time.Duration) (ofEndpoint bool) {
	if t.probe {
		p.probing = false
	}
	switch judge(err) {
	case retryable:
	case limited:
		if p.closes(t, ep, now) {
			return true
		}
		p.refuses(t, min(err.(*APIError).RetryAfter, maxRetryAfter), now)
	default:
		p.opens(t, ep)
		p.passes(t, now)
	}
	return false
}

// closes notes a 429, and reports whether only the endpoint has that limit.
func (p *pace) closes(t permit, ep endpoint, now time.Duration) bool {
	c := &p.closed[ep]
	if !c.on {
		*c = closedEndpoint{on: true, since: now}
	}
	return c.othersPass && t.began > c.since
}

// opens notes that a request to an endpoint passed.
func (p *pace) opens(t permit, ep endpoint) {
	for i := range p.closed {
		c := &p.closed[i]
		c.othersPass = c.othersPass || c.on && t.began > c.since
	}
	p.closed[ep] = closedEndpoint{}
}

// passes notes a success. It raises the rate only if the request had to wait for
// the pace, so that the rate stays below twice what is used of it.
func (p *pace) passes(t permit, now time.Duration) {
	p.goodput.passes(t.began, p.limited)
	if !p.limited || t.began <= p.cut {
		return
	}
	p.news++
	if p.shut() {
		p.resume(t.began)
	} else if t.waited {
		p.debt = max(0, p.debt-1)
		p.raise(now)
	}
}

// resume opens the limit that was shut, after the success of a request that began
// at that time.
func (p *pace) resume(began time.Duration) {
	p.schedule, p.raises = nil, 0
	p.low = max(p.rate, p.goodput.until(began))
	if !p.searching {
		p.low = min(p.low, p.level)
		p.stayCalm(began, began-p.goodput.from)
	}
	p.rate = p.low
	p.at = max(p.at, began+p.interval())
}

// raise raises the rate after a success.
func (p *pace) raise(now time.Duration) {
	if !p.searching && p.raises >= climb && now < p.calm {
		return
	}
	p.raises++
	switch {
	case p.searching:
		p.rate = max(p.rate, min(p.rate+p.low, searchFactor*p.goodput.until(now)))
	case p.raises <= climb:
		p.rate += (p.level - p.low) / climb
	default:
		p.rate = p.level * (1 + growth*math.Pow(float64(p.raises-climb)/p.stretch, 4))
	}
}

// refuses notes a 429. One to a request that began before the last cut says
// nothing new of the rate: it only adds to debt, and its Retry-After is obeyed.
func (p *pace) refuses(t permit, retryAfter, now time.Duration) {
	first := !p.limited
	if first {
		p.limited, p.searching, p.rate, p.waited = true, true, searchFrom, now
		p.goodput.over = t.began - p.goodput.from
		p.goodput.restart(t.began)
	}
	p.at = max(p.at, now+retryAfter)
	limit := mostDebt
	if p.searching {
		limit = mostSearched
	}
	p.debt = max(p.debt, min(p.debt+price, limit))
	if !first && t.began <= p.cut {
		return
	}
	p.cut = now
	if p.news == 0 {
		p.wait(now)
	} else {
		p.lower(t, now)
	}
	p.news = 0
}

// wait makes the next request wait, since the limit is shut.
func (p *pace) wait(now time.Duration) {
	if p.schedule == nil {
		p.schedule = p.policy.newSchedule()
	}
	wait := p.schedule.NextBackOff()
	if !p.searching {
		p.rate = max(p.rate/2, slowest)
		wait = max(wait, p.interval())
	}
	p.at = max(p.at, now+wait)
}

// lower sets the rate after the 429 to a request, with successes since the last one.
func (p *pace) lower(t permit, now time.Duration) {
	most := max(t.rate, slowest)
	least := max(slowest, min(most, p.goodput.until(t.began)))
	if p.kept() && least < p.level {
		least = math.Sqrt(min(most, p.level) * most)
	}
	p.goodput.restart(t.began)
	grew := p.searching || most > grown*p.level
	p.raises = 0
	p.stayCalm(now, p.at-now)
	p.searching = !p.searching && least < most/4
	switch {
	case p.searching:
		p.low = max(least, searchFrom)
	case least < most/closeBounds:
		p.low, p.level, p.stretch = least, math.Sqrt(least*most), farStretch
	default:
		p.low, p.level, p.stretch = margin*least, margin*least, float64(max(price, p.debt))
	}
	p.rate = p.low
	switch {
	case p.searching:
	case grew:
		p.proven = p.level
	case p.level < p.proven/4:
		p.searching, p.low, p.rate, p.debt = true, searchFrom, searchFrom, min(p.debt, mostSearched)
	}
	p.at = max(p.at, now+p.interval())
}

// kept reports whether the server let through what the rate was up to level. If
// the goodput is less, there was time in which it had nothing to let through, a
// pause or the end of a fixed window, and it says little.
func (p *pace) kept() bool {
	return !p.searching && p.stretch > farStretch && p.raises > climb
}

// stayCalm keeps the rate from rising above level after a pause.
func (p *pace) stayCalm(now, pause time.Duration) {
	p.calm = max(p.calm, now+min(calmFactor*pause, mostCalm))
}

// goodput measures what passes per second from one 429 to the next.
type goodput struct {
	from   time.Duration // when the request began that was answered 429, or the first one of a second
	idle   time.Duration // of this, how long there was nothing to send
	passed int           // requests that began after it and passed
	recent [64]time.Duration
	burst  int           // requests that passed before the first 429, in at most about a second
	over   time.Duration // how long that took
}

// restart begins to measure anew.
func (g *goodput) restart(from time.Duration) { g.from, g.idle, g.passed = from, 0, 0 }

// passes counts a request that passed.
func (g *goodput) passes(began time.Duration, limited bool) {
	switch {
	case limited && began > g.from:
		g.recent[g.passed%len(g.recent)] = began
		g.passed++
	case !limited && began-g.from > time.Second:
		*g = goodput{from: began, burst: 1}
	case g.passed == 0:
		g.burst++
	}
}

// until returns the goodput until end, or less. Where the rate grew, the server may
// have let less through in the beginning than it could have. So the most recent
// requests are also measured by themselves, less what it may have saved up.
func (g *goodput) until(end time.Duration) float64 {
	best := float64(g.passed) / max(time.Nanosecond, end-g.from-g.idle).Seconds()
	saved := max(1, g.burst-int(best*g.over.Seconds()))
	for n := saved + 1; n <= min(g.passed, len(g.recent)); n++ {
		last, first := g.recent[(g.passed-1)%len(g.recent)], g.recent[(g.passed-n)%len(g.recent)]
		if last > first {
			best = max(best, float64(n-saved)/(last-first).Seconds())
		}
	}
	return best
}
