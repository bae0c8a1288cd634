package altertable

import "time"

// health tells whose fault failures are: the server's, for which the client
// waits as a whole, or a batch's own. It belongs to the queue and is guarded by its mu.
//
// Backoff has two levels. When a request fails, the client as a whole waits,
// and then sends one probe at a time until one succeeds. But a batch that
// fails again, although others have been delivered since, is likely to be at
// fault itself: it sleeps on a schedule of its own, and the others go on.
type health struct {
	policy    RetryPolicy
	outage    outage
	era       uint64 // counts the beginnings and ends of outages
	successes uint64 // requests that delivered, except for those from before an outage
	failing   int    // batches that failed since the last success
	refusals  int    // requests refused in a row
}

// An outage is the client's common backoff.
type outage struct {
	on       bool
	probing  bool          // one request is under way to see whether it is over
	until    time.Duration // no probe before; on the queue's clock
	schedule *schedule
	last     *setbacks // of the batch that failed last: another is sent as the next probe
	err      error     // its error
}

// setbacks are the failures of one batch.
type setbacks struct {
	failures  int       // retryable ones in a row
	alone     int       // of these, those before which others had been delivered since the one before
	successes uint64    // health.successes at the last of them
	schedule  *schedule // its own; nil before the first one
	err       error     // of the last one, or of a refusal
}

// A ticket is what a request knew of the client's state when it began.
type ticket struct {
	era   uint64
	probe bool // it is to find out whether an outage is over
}

// lets reports whether a request may begin.
func (h *health) lets(now time.Duration) bool {
	return !h.outage.on || !h.outage.probing && now >= h.outage.until
}

// begins notes that a request begins.
func (h *health) begins() ticket {
	h.outage.probing = h.outage.on
	return ticket{era: h.era, probe: h.outage.on}
}

// ends notes what came of a request. An answer to a probe ends the outage. Those
// to requests that began before it say nothing about now.
func (h *health) ends(t ticket, v verdict) {
	current := t.era == h.era
	probe := t.probe && h.outage.on
	if probe {
		h.outage.probing = false
	}
	if probe && v != retryable {
		h.outage = outage{}
		h.era++
	}
	if v != success {
		return
	}
	h.refusals = 0
	if current {
		h.successes++
		h.failing = 0
	}
}

// A fall is what the failure of a batch leads to.
type fall struct {
	outage bool          // one begins
	alone  bool          // the batch is likely to be at fault itself
	sleeps bool          // it waits on its own, and not for the end of the outage
	until  time.Duration // if it does
}

// maxSuspects batches may fail again and again, with no success in between,
// before that is taken for an outage.
const maxSuspects = 8

// fell notes that a request that carried a batch with these setbacks failed with err.
func (h *health) fell(s *setbacks, t ticket, err error, now time.Duration) (f fall) {
	othersFared := s.failures > 0 && h.successes != s.successes
	if othersFared {
		s.alone++
	}
	if s.failures == 0 || othersFared {
		h.failing++
	}
	f.alone = s.alone > 0 && (othersFared || h.failing <= maxSuspects)
	s.err = brief(err)
	s.failures++
	s.successes = h.successes
	if s.schedule == nil {
		s.schedule = h.policy.newSchedule()
	}
	f.until = now + nextDelay(s.schedule, err)
	if t.probe || !f.alone && t.era == h.era {
		f.outage = !h.outage.on
		h.begin(s, now)
	} else {
		// Its request began before the outage did, or before it ended: that is
		// no news of the server, but it does not go again without a delay.
		f.sleeps = true
	}
	f.sleeps = f.sleeps || f.alone
	f.until = max(f.until, h.outage.until)
	return f
}

// begin starts or prolongs the outage after a batch with these setbacks failed.
func (h *health) begin(s *setbacks, now time.Duration) {
	if !h.outage.on {
		h.era++
		h.outage = outage{on: true, schedule: h.policy.newSchedule()}
	}
	h.outage.probing = false
	h.outage.until = now + nextDelay(h.outage.schedule, s.err)
	h.outage.last, h.outage.err = s, s.err
}

// attemptNow ends the wait for the next probe.
func (h *health) attemptNow(now time.Duration) { h.outage.until = min(h.outage.until, now) }

// yieldsAfter is how often an identify's batch fails alone before it lets the
// others of its environment go first.
const yieldsAfter = 2
