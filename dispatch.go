package altertable

import (
	"math"
	"time"
)

// advanceLocked does all that is due: it logs what was held back, gives up what
// is too old, lets blocked calls in, sends what may be sent, and sets the timer
// for what comes next. Whoever changes the queue's state calls it before
// unlocking.
func (q *queue) advanceLocked() {
	if q.ended {
		return
	}
	now := q.now()
	q.logDueLocked(now)
	q.expireLocked(now)
	q.letInLocked()
	if q.fitsLocked(q.held, q.wanted) {
		q.wanted = 0
	}
	q.places.wake(now)
	q.probeMissingLocked(now)
	for {
		b := q.nextLocked(now)
		if b == nil {
			break
		}
		q.launchLocked(b)
	}
	q.rejectStuckLocked()
	q.keeper.workLocked()
	q.endDeniedLocked()
	q.setTimerLocked(now)
	q.places.moved = false
}

// nextLocked returns the batch to be sent next, nil if there is none.
func (q *queue) nextLocked(now time.Duration) *batch {
	if q.places.inFlight.Len() >= q.cfg.maxInFlight || !q.pace.lets(now) || !q.access.lets(now) {
		return nil
	}
	ep, ok := q.nextEndpointLocked(now)
	switch {
	case !ok:
		return nil
	case q.health.outageOf(ep).on:
		return q.nextProbeLocked(ep, now)
	}
	return q.places.next(ep, q.companyUpToLocked(now))
}

// nextEndpointLocked returns the endpoint that sends next: of those that have
// something to send, the one with the fewest requests in flight, and of several
// such the one that has waited longest. While others have something to send too,
// none gets more than half of MaxInFlight. It returns false if none may send.
func (q *queue) nextEndpointLocked(now time.Duration) (next endpoint, ok bool) {
	waiting := 0
	for ep := range endpoint(len(q.places.traffic)) {
		if !q.maySendLocked(ep, now) {
			continue
		}
		waiting++
		if !ok || q.goesBeforeLocked(ep, next) {
			next, ok = ep, true
		}
	}
	half := (q.cfg.maxInFlight + 1) / 2
	return next, ok && (q.places.traffic[next].inFlight < half || waiting == 1 && !q.keepsRoomLocked(next, now))
}

// slowAnswer is the age of its oldest request from which on an endpoint is slow.
// It may hang, and must not take all requests before its requests time out.
const slowAnswer = time.Second

// keepsRoomLocked reports whether the endpoint, which is slow, leaves half of
// MaxInFlight to others that are in use but have nothing to send at the moment.
func (q *queue) keepsRoomLocked(ep endpoint, now time.Duration) bool {
	oldest := q.places.oldestInFlight(ep)
	if oldest == nil || now < oldest.sentAt+slowAnswer {
		return false
	}
	for other := range endpoint(len(q.places.traffic)) {
		if t := &q.places.traffic[other]; other != ep && t.inFlight+t.opened.Len() > 0 {
			return true
		}
	}
	return false
}

// maySendLocked reports whether the endpoint has something to send, and may.
func (q *queue) maySendLocked(ep endpoint, now time.Duration) bool {
	return q.health.lets(ep, now) && (q.places.hasReady(ep) || q.places.hasOpen(ep, q.companyUpToLocked(now)))
}

// goesBeforeLocked reports whether ep sends before other. While the client waits
// as a whole, the better probe goes first.
func (q *queue) goesBeforeLocked(ep, other endpoint) bool {
	if q.health.common.on {
		if a, b := q.isHopefulLocked(ep), q.isHopefulLocked(other); a != b {
			return a
		}
	}
	a, b := &q.places.traffic[ep], &q.places.traffic[other]
	if a.inFlight != b.inFlight {
		return a.inFlight < b.inFlight
	}
	return a.launched < b.launched
}

// isHopefulLocked reports whether the endpoint makes a good probe: it has not
// failed, or at least has something that has not.
func (q *queue) isHopefulLocked(ep endpoint) bool {
	return !q.health.endpoints[ep].on || q.places.newest(ep) != nil
}

// companyUpToLocked returns the time of acceptance up to which messages have
// waited long enough for company.
func (q *queue) companyUpToLocked(now time.Duration) time.Duration {
	if q.isFullLocked() {
		return math.MaxInt64
	}
	return now - q.cfg.flushInterval
}

// nextProbeLocked returns the batch that finds out whether an outage is over, nil
// if there is none. Batches that failed may be at fault themselves, and so may
// those accepted next to them. So it takes the newest of those that were never
// sent. If all have failed, it is another than the one that failed last.
func (q *queue) nextProbeLocked(ep endpoint, now time.Duration) *batch {
	if b := q.places.newest(ep); b != nil {
		return b
	}
	if b := q.places.nextOpen(ep, q.companyUpToLocked(now)); b != nil {
		return b
	}
	return q.places.oldestDue(ep, q.health.outageOf(ep).last)
}

// launchLocked hands b to a request.
func (q *queue) launchLocked(b *batch) {
	q.places.launch(b)
	q.warnOfPlainHTTPLocked()
	q.stats.beginRequest(b.repeats)
	q.askLevelLocked()
	b.repeats, b.sentAt = false, q.now()
	if b.attempts == 0 {
		b.firstSent = b.sentAt
		b.blame.deliveries = b.lane.deliveries
	}
	b.attempts++
	ep, carries := b.lane.endpoint, b.payload()
	q.access.begins(b)
	t := q.health.begins(ep, b.sentAt)
	t.permit = q.pace.begins(b.sentAt)
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
	v := judge(err)
	if q.pace.ends(t.permit, t.endpoint, err, q.now()) {
		v = retryable
	}
	d := q.cfg.denialOf(v, err)
	q.health.ends(t, v)
	q.noteAccessLocked(b, v, d, err)
	q.logOutagesLocked()
	switch {
	case v == success:
		b.lane.deliveries++
		b.family.accepted()
		q.settleLocked(b, b.count(), outcome{kind: delivered, taskID: response.TaskID})
	case d != notDenied:
		q.awaitAccessLocked(b, d, err)
	case v == unsendable:
		q.settleLocked(b, b.count(), outcome{kind: failed, err: err})
	case v == refusable && (b.count() == 1 || !q.ended):
		q.splitRefusedLocked(b, err)
	case q.ended:
		q.keeper.leaveLocked(b)
	case v == misdirected:
		q.sendElsewhereLocked(b, err)
	case v == limited:
		q.waitForPaceLocked(b, err)
	default:
		q.retryLocked(b, t, err)
	}
	q.logOutagesLocked()
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

// sendElsewhereLocked has b sent once more, at once, after a 421: its connection
// led to another server than the API's, and a new one may lead to that.
func (q *queue) sendElsewhereLocked(b *batch, err error) {
	if b.misdirected {
		q.settleLocked(b, b.count(), outcome{kind: failed, err: err})
		return
	}
	b.misdirected = true
	q.againLocked(b, err)
}

// waitForPaceLocked makes b ready again: it met the rate limit, which is not its
// fault. When it goes, pace says.
func (q *queue) waitForPaceLocked(b *batch, err error) {
	q.warnOfBatchLocked(warnLimited, b, b.count(), err)
	q.againLocked(b, err)
}

// againLocked makes b, which failed with err, ready.
func (q *queue) againLocked(b *batch, err error) {
	b.repeats, b.err = true, brief(err)
	q.places.enterIdle(b)
	q.places.enterReady(b)
}

// retryLocked keeps b for another attempt after the failure err, whole or in halves.
func (q *queue) retryLocked(b *batch, t ticket, err error) {
	q.warnOfStrangerLocked(b, err)
	f := q.health.fell(&b.setbacks, t, err, q.now())
	q.debugRetryLocked(b, f.until-q.now())
	b.blame.note(b.lane.deliveries)
	b.repeats, b.misdirected = true, false
	q.places.enterIdle(b)
	switch {
	case !q.health.outageOf(t.endpoint).on && b.isToBlame() && q.places.startFamily(b):
		q.splitFailingLocked(b, f.until)
	case f.sleeps:
		q.places.sleep(b, f.until)
		if f.alone {
			q.places.passOn(b)
		}
	default:
		q.places.enterReady(b)
	}
}

// expireLocked gives up the messages that are older than MaxElapsed, if they have
// failed, wait for the end of an outage, or were denied.
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
	if q.health.common.on || q.access.key != nil {
		return q.places.oldestTried()
	}
	oldest := q.places.setBack.first()
	for ep := range q.places.traffic {
		if b := q.places.traffic[ep].idle.first(); q.health.endpoints[ep].on && b != nil && (oldest == nil || b.before(oldest)) {
			oldest = b
		}
	}
	return oldest
}

// reasonToWaitLocked returns the error because of which b waits, the key's, its own
// or that of an outage, nil if there is none.
func (q *queue) reasonToWaitLocked(b *batch) error {
	if q.access.key != nil {
		return q.access.key.err
	}
	if b.err != nil {
		return b.err
	}
	return q.health.outageOf(b.lane.endpoint).err
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

// nextDueLocked returns when something falls due, -1 if nothing does.
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
	if q.places.lookAt >= 0 {
		at(q.places.lookAt)
	}
	for ep := range endpoint(len(q.places.traffic)) {
		if next, ok := q.access.next(now); ok && q.places.waits(ep) {
			at(next)
		}
		if o := q.health.outageOf(ep); o.on && q.places.waits(ep) {
			if next := o.next(); now < next {
				at(next)
			}
		}
		if !q.access.lets(now) || !q.health.lets(ep, now) || q.places.inFlight.Len() == q.cfg.maxInFlight {
			continue // an answer or the outage's next probe comes first
		}
		if next, ok := q.pace.next(now); ok && q.places.waits(ep) {
			at(next)
			continue
		}
		if accepted, ok := q.places.oldestOpenAfter(ep, now-q.cfg.flushInterval); ok {
			at(accepted + q.cfg.flushInterval)
		}
	}
	if q.blocked.Len() > 0 && q.onlyReportsLeftLocked() {
		at(q.reports.since + callbackPatience)
	}
	if due := q.keeper.dueLocked(now); due >= 0 {
		at(due)
	}
	return next
}

// onTimer runs when the timer fires.
func (q *queue) onTimer() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.timerAt = -1
	q.advanceLocked()
}
