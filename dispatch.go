package altertable

import (
	"container/heap"
	"time"
)

// A flight is what a request knew of the client's state when it began.
type flight struct {
	era   uint64
	probe bool // it is to find out whether an outage is over
}

func (q *queue) advanceIfChanged() {
	if q.changed {
		q.advance()
	}
}

// advance does all that is due: it gives up what is too old, lets blocked calls
// in, sends what may be sent, and sets the timer for what comes next. Whoever
// changes the queue's state calls it before unlocking.
func (q *queue) advance() {
	q.changed = false
	if q.ended {
		return
	}
	now := q.now()
	q.expire(now)
	q.admit()
	q.wake(now)
	for q.maySend(now) {
		b := q.nextToSend(now)
		if b == nil {
			break
		}
		q.launch(b)
	}
	q.rejectStuck()
	q.workOnSpool()
	q.setTimer(now)
}

func (q *queue) maySend(now time.Duration) bool {
	if q.flying.Len() >= q.cfg.maxInFlight {
		return false
	}
	return !q.outage.on || !q.outage.probing && now >= q.outage.until
}

// nextToSend takes a batch out of ready, or, if there is none, an open one that
// is due.
func (q *queue) nextToSend(now time.Duration) *batch {
	if q.outage.on {
		return q.nextProbe(now)
	}
	if place := q.ready.Front(); place != nil {
		return place.Value.(*batch)
	}
	return q.nextDue(now)
}

// nextDue seals and returns an open batch that has waited long enough.
func (q *queue) nextDue(now time.Duration) *batch {
	for place := q.open.Front(); place != nil; place = place.Next() {
		b := place.Value.(*batch)
		if !q.full && b.dueAt(q.cfg.flushInterval) > now {
			break
		}
		if b.lane.current == nil { // else it may as well take more messages
			q.seal(b)
			return b
		}
	}
	return nil
}

// nextProbe returns a batch that has not failed, since those that did may be at
// fault themselves, and so may their neighbors: it takes the newest. If all
// have failed, it is another than the one that failed last.
func (q *queue) nextProbe(now time.Duration) *batch {
	for place := q.ready.Back(); place != nil; place = place.Prev() {
		if b := place.Value.(*batch); b.failures == 0 {
			return b
		}
	}
	if b := q.nextDue(now); b != nil {
		return b
	}
	var failed *batch
	for place := q.ready.Front(); place != nil; place = place.Next() {
		if failed = place.Value.(*batch); failed != q.outage.failed {
			break
		}
	}
	return failed
}

// launch hands b to a request.
func (q *queue) launch(b *batch) {
	q.withdraw(b)
	q.removeIdle(b)
	b.state, b.place = flying, q.flying.PushBack(b)
	q.flown.add(b.count(), int64(b.size(b.lo, b.hi)))
	q.stats.Requests++
	if b.failures > 0 {
		q.stats.Retries++
	}
	if b.attempts == 0 {
		b.firstSent = q.now()
	}
	b.attempts++
	q.outage.probing = q.outage.on
	f := flight{era: q.era, probe: q.outage.on}
	body := newBody(b.content, b.lo, b.hi, true)
	go func() {
		var response *Response
		var err error = &NetworkError{errNoAnswer} // stands if a RoundTripper ends the goroutine
		defer func() { q.finish(b, f, response, err) }()
		response, err = q.transport.post(q.requests, b.lane.endpoint, false, body)
	}()
}

// addIdle enters b, which no request carries, among those that may be evicted
// or grow too old.
func (q *queue) addIdle(b *batch) {
	heap.Push(&q.idle, b)
	if b.err != nil {
		heap.Push(&q.failed, b)
	}
}

// removeIdle takes b out of those.
func (q *queue) removeIdle(b *batch) {
	q.idle.remove(b)
	q.failed.remove(b)
}

// finish judges the answer to the request that carried b.
func (q *queue) finish(b *batch, f flight, response *Response, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if b.state != flying {
		return // Shutdown's time was over, and it did not wait for this request
	}
	q.withdraw(b)
	q.flown.sub(b.count(), int64(b.size(b.lo, b.hi)))
	if f.probe && q.outage.on {
		q.outage.probing = false
	}
	meaning := judge(err)
	current := f.era == q.era
	if meaning != retryable {
		q.reached(f)
	}
	switch {
	case meaning == success:
		if current {
			q.successes++
			q.failing = 0
		}
		q.refusals = 0
		if b.family != nil {
			b.family.refusals = 0
		}
		q.settle(b, b.count(), outcome{kind: delivered, taskID: response.TaskID})
	case q.ended && q.spool != nil && (meaning == retryable || meaning == refusable):
		q.shelve(b)
	case meaning == retryable && q.ended:
		q.settle(b, b.count(), q.leftover(b))
	case meaning == retryable:
		q.retry(b, f, err)
	case meaning == refusable && !q.ended:
		q.refuse(b, err)
	default:
		q.settle(b, b.count(), outcome{kind: failed, err: err})
	}
	if q.landed != nil && q.flying.Len() == 0 {
		close(q.landed)
		q.landed = nil
	}
	q.advance()
}

// reached notes that the server answered for itself. A probe's answer ends the
// outage; those of requests that began before it say nothing about now.
func (q *queue) reached(f flight) {
	if f.probe && q.outage.on {
		q.outage = outage{}
		q.era++
	}
}

// retry keeps b for another attempt after the failure err.
func (q *queue) retry(b *batch, f flight, err error) {
	now := q.now()
	suspect := q.suspect(b)
	b.err = brief(err)
	b.failures++
	b.successes = q.successes
	if b.schedule == nil {
		b.schedule = q.cfg.retry.newSchedule()
	}
	delay := nextDelay(b.schedule, err)
	q.addIdle(b)
	if f.probe || !suspect && f.era == q.era {
		if !q.outage.on {
			q.era++
			q.warn(warnOutage, err)
		}
		q.outage.begin(q.cfg.retry, now, b)
		if !suspect {
			b.state, b.place = ready, q.ready.PushBack(b)
			return
		}
	}
	// A suspect, or its request began before the outage did, or before it ended:
	// its failure is no news of the server, but it does not go again without a delay.
	if suspect && (!b.lane.ordered() || b.alone >= 2) {
		q.passOn(b)
	}
	q.sleep(b, max(now+delay, q.outage.until))
}

// maxSuspects batches may fail again and again, with no success in between,
// before that is taken for an outage.
const maxSuspects = 8

// suspect reports whether b, which failed, is likely to be at fault itself:
// others have succeeded since it failed last, or had done so between earlier
// failures, and there are few such batches.
func (q *queue) suspect(b *batch) bool {
	if b.failures > 0 && q.successes == b.successes {
		return b.alone > 0 && q.failing <= maxSuspects
	}
	q.failing++
	if b.failures > 0 {
		b.alone++
	}
	return b.alone > 0
}

// sleep lets b wait until wakeAt.
func (q *queue) sleep(b *batch, wakeAt time.Duration) {
	b.state, b.wakeAt = sleeping, wakeAt
	for place := q.sleeping.Back(); place != nil; place = place.Prev() {
		if place.Value.(*batch).wakeAt <= wakeAt {
			b.place = q.sleeping.InsertAfter(b, place)
			return
		}
	}
	b.place = q.sleeping.PushFront(b)
}

// wake makes the sleeping batches ready whose time has come.
func (q *queue) wake(now time.Duration) {
	for place := q.sleeping.Front(); place != nil; place = q.sleeping.Front() {
		b := place.Value.(*batch)
		if b.wakeAt > now {
			return
		}
		q.sleeping.Remove(place)
		if b.lane.ordered() && b.lane.current != b { // it yielded
			q.rejoin(b)
		} else {
			b.state, b.place = ready, q.ready.PushBack(b)
		}
	}
}

// expire gives up the messages that are older than MaxElapsed and have failed,
// or wait for the end of an outage.
func (q *queue) expire(now time.Duration) {
	for b := q.oldestInTrouble(); b != nil; b = q.oldestInTrouble() {
		n := 0
		for n < b.count() && b.content.marks[b.lo+n].acceptedAt+q.cfg.retry.MaxElapsed <= now {
			n++
		}
		if n == 0 {
			return
		}
		q.settle(b, n, outcome{kind: failed, err: q.reasonToWait(b)})
	}
}

// oldestInTrouble returns the batch that MaxElapsed gives up next, nil if there is none.
func (q *queue) oldestInTrouble() *batch {
	if q.outage.on {
		return q.idle.first()
	}
	return q.failed.first()
}

// reasonToWait returns the error for whose end b waits, nil if there is none.
func (q *queue) reasonToWait(b *batch) error {
	if b.err != nil {
		return b.err
	}
	return q.outage.err
}

// setTimer arranges for advance to be called when something falls due that no
// other event brings.
func (q *queue) setTimer(now time.Duration) {
	next := time.Duration(-1)
	at := func(t time.Duration) {
		if t = max(t, 0); next < 0 || t < next { // an adopted message is older than the clock
			next = t
		}
	}
	if place := q.sleeping.Front(); place != nil {
		at(place.Value.(*batch).wakeAt)
	}
	if b := q.oldestInTrouble(); b != nil {
		at(b.oldest() + q.cfg.retry.MaxElapsed)
	}
	if q.outage.on && !q.outage.probing && now < q.outage.until && (q.ready.Len() > 0 || q.open.Len() > 0) {
		at(q.outage.until)
	}
	if q.maySend(now) { // else an answer or the outage's next probe comes first
		for place := q.open.Front(); place != nil; place = place.Next() {
			if due := place.Value.(*batch).dueAt(q.cfg.flushInterval); due > now {
				at(due)
				break
			}
		}
	}
	if q.blocked.Len() > 0 && q.onlyReportsLeft() {
		at(q.reports.since + callbackPatience)
	}
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

func (q *queue) onTimer() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.timerAt = -1
	q.advance()
}
