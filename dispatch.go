package altertable

import (
	"math"
	"time"
)

// advanceLocked does all that is due: it gives up what is too old, lets blocked
// calls in, sends what may be sent, and sets the timer for what comes next.
// Whoever changes the queue's state calls it before unlocking.
func (q *queue) advanceLocked() {
	if q.ended {
		return
	}
	now := q.now()
	q.tellDueLocked(now)
	q.expireLocked(now)
	q.letInLocked()
	if q.fitsLocked(q.held, q.wanted) {
		q.wanted = 0
	}
	q.places.wake(now)
	for q.maySendLocked(now) {
		b := q.nextLocked(now)
		if b == nil {
			break
		}
		q.launchLocked(b)
	}
	q.rejectStuckLocked()
	q.keeper.workLocked()
	q.setTimerLocked(now)
	q.places.moved = false
}

func (q *queue) maySendLocked(now time.Duration) bool {
	return q.places.inFlight.Len() < q.cfg.maxInFlight && q.health.lets(now)
}

// nextLocked returns the batch to be sent next, nil if there is none.
func (q *queue) nextLocked(now time.Duration) *batch {
	if q.health.outage.on {
		return q.nextProbeLocked(now)
	}
	if b := q.places.nextReady(); b != nil {
		return b
	}
	return q.places.nextOpen(q.companySinceLocked(now))
}

// companySinceLocked returns the time since when messages have waited long enough for company.
func (q *queue) companySinceLocked(now time.Duration) time.Duration {
	if q.isFullLocked() {
		return math.MaxInt64
	}
	return now - q.cfg.flushInterval
}

// nextProbeLocked returns a batch that was never sent, since those that failed
// may be at fault themselves, and so may their neighbors: it takes the newest. If
// all have failed, it is another than the one that failed last.
func (q *queue) nextProbeLocked(now time.Duration) *batch {
	if b := q.places.newest(); b != nil {
		return b
	}
	if b := q.places.nextOpen(q.companySinceLocked(now)); b != nil {
		return b
	}
	return q.places.oldestDue(q.health.outage.last)
}

// launchLocked hands b to a request.
func (q *queue) launchLocked(b *batch) {
	q.places.launch(b)
	q.stats.beginRequest(b.failures > 0)
	q.askLevelLocked()
	b.sentAt = q.now()
	if b.attempts == 0 {
		b.firstSent = b.sentAt
	}
	b.attempts++
	t := q.health.begins()
	ep, carries := b.lane.endpoint, b.payload()
	go func() {
		var response *Response
		var err error = &NetworkError{errNoAnswer} // stands if a RoundTripper ends the goroutine
		defer func() { q.finish(b, t, response, err) }()
		response, err = q.transport.post(q.requests, ep, false, carries)
	}()
}

// finish judges the answer to the request that carried b.
func (q *queue) finish(b *batch, t ticket, response *Response, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.answeredLocked(b, response, err)
	if b.state != flying {
		return // Shutdown's time was over, and it did not wait for this request
	}
	q.places.withdraw(b)
	meaning := judge(err)
	on := q.health.outage.on
	q.health.ends(t, meaning)
	if on && !q.health.outage.on {
		q.outageEndedLocked("", q.now()-q.warnings.outages[0].since, q.queuedOfLocked(""))
	}
	switch {
	case meaning == success:
		b.family.accepted()
		q.settleLocked(b, b.count(), outcome{kind: delivered, taskID: response.TaskID})
	case meaning == unsendable:
		q.settleLocked(b, b.count(), outcome{kind: failed, err: err})
	case meaning == refusable && (b.count() == 1 || !q.ended):
		q.refuseLocked(b, err)
	case q.ended:
		q.keeper.leaveLocked(b)
	default:
		q.retryLocked(b, t, err)
	}
	if q.landed != nil && q.places.inFlight.Len() == 0 {
		close(q.landed)
		q.landed = nil
	}
	q.advanceLocked()
}

// answeredLocked counts the answer to the request that carried b.
func (q *queue) answeredLocked(b *batch, response *Response, err error) {
	q.stats.endRequest(err)
	if b.state == flying {
		q.debugRequestLocked(b, response, err)
	}
}

// retryLocked keeps b for another attempt after the failure err.
func (q *queue) retryLocked(b *batch, t ticket, err error) {
	f := q.health.fell(&b.setbacks, t, err, q.now())
	q.debugRetryLocked(b, f.until-q.now())
	if f.outage {
		q.outageBeganLocked("", err)
	}
	q.places.enterIdle(b)
	if f.sleeps {
		q.places.sleep(b, f.until, f.alone && (!b.lane.ordered() || b.alone >= yieldsAfter))
	} else {
		q.places.enterReady(b)
	}
}

// expireLocked gives up the messages that are older than MaxElapsed and have
// failed, or wait for the end of an outage.
func (q *queue) expireLocked(now time.Duration) {
	for b := q.oldestInTroubleLocked(); b != nil; b = q.oldestInTroubleLocked() {
		n := 0
		for n < b.count() && b.marks[b.gone+n].acceptedAt+q.cfg.retry.MaxElapsed <= now {
			n++
		}
		if n == 0 {
			return
		}
		q.settleLocked(b, n, outcome{kind: failed, err: q.reasonToWaitLocked(b)})
	}
}

// oldestInTroubleLocked returns the batch that MaxElapsed gives up next, nil if there is none.
func (q *queue) oldestInTroubleLocked() *batch {
	if q.health.outage.on {
		return q.places.idle.first()
	}
	return q.places.setBack.first()
}

// reasonToWaitLocked returns the error for whose end b waits, nil if there is none.
func (q *queue) reasonToWaitLocked(b *batch) error {
	if b.err != nil {
		return b.err
	}
	return q.health.outage.err
}

// setTimerLocked arranges for advanceLocked to be called when something falls
// due that no other event brings.
func (q *queue) setTimerLocked(now time.Duration) {
	next := q.nextDueLocked(now)
	switch {
	case next == q.timerAt:
	case next < 0:
		q.timer.Stop()
	case q.timer == nil:
		q.timer = time.AfterFunc(next-now, q.onTimer)
	default:
		q.timer.Reset(next - now)
	}
	q.timerAt = next
}

// nextDueLocked returns when that is, -1 if there is no such thing.
func (q *queue) nextDueLocked(now time.Duration) time.Duration {
	next := time.Duration(-1)
	at := func(t time.Duration) {
		if t = max(t, 0); next < 0 || t < next { // an adopted message is older than the clock
			next = t
		}
	}
	if q.warnings.due >= 0 {
		at(q.warnings.due)
	}
	if wake, ok := q.places.nextWake(); ok {
		at(wake)
	}
	if b := q.oldestInTroubleLocked(); b != nil {
		at(b.oldest() + q.cfg.retry.MaxElapsed)
	}
	if o := &q.health.outage; o.on && !o.probing && now < o.until && q.places.waits() {
		at(o.until)
	}
	if q.maySendLocked(now) { // else an answer or the outage's next probe comes first
		if accepted, ok := q.places.oldestOpenAfter(now - q.cfg.flushInterval); ok {
			at(accepted + q.cfg.flushInterval)
		}
	}
	if q.blocked.Len() > 0 && q.onlyReportsLeftLocked() {
		at(q.reports.since + callbackPatience)
	}
	return next
}

func (q *queue) onTimer() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.timerAt = -1
	q.advanceLocked()
}
