package altertable

import "time"

// health tells whose fault failures are, and lets only that wait: a batch, if
// others of its endpoint are delivered; an endpoint, if other endpoints deliver;
// and else the client as a whole, until the server is back. It belongs to the
// queue and is guarded by its mu.
//
// An endpoint or a client that waits sends one probe at a time, until one is
// answered. A batch that fails again, although others of its endpoint have been
// delivered since, is likely to be at fault itself: it sleeps on a schedule of its
// own, and the others go on.
type health struct {
	policy    RetryPolicy
	patience  time.Duration // with a probe; a RoundTripper may never return
	common    outage        // of the client as a whole: nothing is delivered
	endpoints [3]endpointHealth
	refusals  int // requests in a row that were answered 400, 413 or 422
}

// endpointHealth is what one endpoint's requests came to.
type endpointHealth struct {
	outage           // the endpoint's own
	delivers  bool   // it has delivered since an outage of it last began
	successes uint64 // requests that delivered, except those of which isCurrent is false
	failing   int    // batches that failed since the last success
}

// An outage is the time in which an endpoint, or the client, waits between probes.
type outage struct {
	on       bool
	probing  bool          // a probe is under way
	patient  time.Duration // nobody waits for it any longer than until then
	era      uint64        // counts its beginnings and ends
	until    time.Duration // no probe before; on the queue's clock
	asked    time.Duration // no probe before, because of a Retry-After
	schedule *schedule
	last     *setbacks // of the batch that failed last: another is sent as the next probe
	err      error     // its error
}

// setbacks are the failures of one batch.
type setbacks struct {
	failures  int       // that may pass, in a row
	alone     int       // of these, how many came after other batches had been delivered since the failure before
	successes uint64    // of its endpoint, at the last failure
	schedule  *schedule // its own; nil before the first one
	err       error     // of the last one, or of a refusal
}

// A ticket is what a request knew of the client's state when it began.
type ticket struct {
	endpoint    endpoint
	era         uint64 // of the common outage
	endpointEra uint64
	probe       bool   // it is to find out whether an outage is over
	permit      permit // see pace
}

// lets reports whether a request to the endpoint may begin.
func (h *health) lets(ep endpoint, now time.Duration) bool {
	o := h.outageOf(ep)
	return !o.on || now >= o.until && (!o.probing || now >= o.patient)
}

// next returns when the next probe may begin, if no answer comes first.
func (o *outage) next() time.Duration {
	if o.probing {
		return max(o.until, o.patient)
	}
	return o.until
}

// begins notes that a request begins.
func (h *health) begins(ep endpoint, now time.Duration) ticket {
	e := &h.endpoints[ep]
	e.probing, e.patient = e.on, now+h.patience
	h.common.probing, h.common.patient = h.common.on, now+h.patience
	return ticket{endpoint: ep, era: h.common.era, endpointEra: e.era, probe: h.common.on || e.on}
}

// isCurrent reports whether neither an outage began nor one ended since t's
// request began. What is older says nothing about now.
func (h *health) isCurrent(t ticket) bool {
	return t.era == h.common.era && t.endpointEra == h.endpoints[t.endpoint].era
}

// ends notes what came of a request. An answer to a probe that shows that the
// server works, be it a refusal, ends the outage.
func (h *health) ends(t ticket, v verdict) {
	e := &h.endpoints[t.endpoint]
	current := h.isCurrent(t)
	if t.era == h.common.era && h.common.answered(v) {
		h.probeAll()
	}
	if t.endpointEra == e.era {
		e.answered(v)
	}
	if v != success {
		return
	}
	h.refusals = 0
	if current {
		e.delivers = true
		e.successes++
		e.failing = 0
	}
}

// answered notes what came of a request that began in this era of the outage. It
// reports whether the outage is over.
func (o *outage) answered(v verdict) (over bool) {
	if !o.on {
		return false
	}
	o.probing = false
	if over = v != retryable; over {
		*o = outage{era: o.era + 1}
	}
	return over
}

// probeAll lets the endpoints that failed find out at once whether they work
// again, now that the server does. A Retry-After is still obeyed.
func (h *health) probeAll() {
	for ep := range h.endpoints {
		h.endpoints[ep].until = h.endpoints[ep].asked
	}
}

// A fall is what the failure of a batch leads to.
type fall struct {
	alone  bool          // the batch is likely to be at fault itself
	sleeps bool          // it waits on its own, and not for the end of an outage
	until  time.Duration // if it sleeps: when it may go again
}

// maxSuspects is how many batches of an endpoint may fail again with no success
// in between. If more fail, that is an outage.
const maxSuspects = 8

// fell notes that a request that carried a batch with these setbacks failed with err.
func (h *health) fell(s *setbacks, t ticket, err error, now time.Duration) (f fall) {
	e := &h.endpoints[t.endpoint]
	othersDelivered := s.failures > 0 && e.successes != s.successes
	if othersDelivered {
		s.alone++
	}
	if s.failures == 0 || othersDelivered {
		e.failing++
	}
	f.alone = s.alone > 0 && (othersDelivered || e.failing <= maxSuspects)
	f.until = h.noteFailure(s, t.endpoint, err, now)
	if h.isCurrent(t) && (t.probe || !f.alone) {
		h.begin(s, t.endpoint, now)
	} else {
		// Its request began before the outage did, or before it ended: that is
		// no news of the server, but it does not go again without a delay.
		f.sleeps = true
	}
	f.sleeps = f.sleeps || f.alone
	f.until = max(f.until, h.outageOf(t.endpoint).until)
	return f
}

// outageOf returns the outage that an endpoint waits for, if one is on.
func (h *health) outageOf(ep endpoint) *outage {
	if h.common.on {
		return &h.common
	}
	return &h.endpoints[ep].outage
}

// noteFailure notes a failure in s, and returns when the batch may go again.
func (h *health) noteFailure(s *setbacks, ep endpoint, err error, now time.Duration) time.Duration {
	s.err = brief(err)
	s.failures++
	s.successes = h.endpoints[ep].successes
	if s.schedule == nil {
		s.schedule = h.policy.newSchedule()
	}
	return now + nextDelay(s.schedule, err)
}

// begin starts or prolongs an outage after a batch with these setbacks failed:
// of the endpoint, and, if no other one delivers, of the client.
func (h *health) begin(s *setbacks, ep endpoint, now time.Duration) {
	e := &h.endpoints[ep]
	e.begin(h.policy, s, now)
	e.delivers = false
	for other := range h.endpoints {
		if h.endpoints[other].delivers && !h.common.on {
			return
		}
	}
	h.common.begin(h.policy, s, now)
}

func (o *outage) begin(policy RetryPolicy, s *setbacks, now time.Duration) {
	if !o.on {
		*o = outage{on: true, era: o.era + 1, schedule: policy.newSchedule()}
	}
	o.probing = false
	o.until, o.asked = now+nextDelay(o.schedule, s.err), now+askedDelay(s.err)
	o.last, o.err = s, s.err
}

// attemptNow makes the next probe of all outages due.
func (h *health) attemptNow(now time.Duration) {
	h.common.until = min(h.common.until, now)
	for ep := range h.endpoints {
		h.endpoints[ep].until = min(h.endpoints[ep].until, now)
	}
}
