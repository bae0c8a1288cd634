package altertable

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"time"

	"github.com/altertable-ai/altertable-go/internal/spool"
)

// A Delivery is the outcome of a batch, or of a part of a batch that was split,
// expired or evicted. Every accepted message is in exactly one Delivery, except that
// with a spool one that is lost with its file is in none, and one that is left on
// disk is in another client's.
type Delivery struct {
	Endpoint    string // "track", "identify" or "alias"
	Environment string
	Count       int           // messages
	Bytes       int           // length of a body that holds them
	Attempts    int           // requests that carried them; 0 if none did
	Duration    time.Duration // from the first request's start to the outcome, waits included
	TaskID      string        // the platform's, if it named one
	Err         error         // nil if delivered; else a *DeliveryError

	messages *atomic.Pointer[series] // nil after the callback
}

// Payloads returns the batch's messages, one JSON object each, oldest first.
// Call it during the callback; afterwards it returns nil. They hold personal data.
func (d Delivery) Payloads() []json.RawMessage {
	if d.messages == nil {
		return nil
	}
	if s := d.messages.Load(); s != nil {
		return s.payloads()
	}
	return nil
}

// callbackPatience is how long Flush, Shutdown and a blocked call wait for a
// callback that does not return: it may be their caller.
const callbackPatience = 250 * time.Millisecond

// Evicted messages whose report no callback has taken yet may exceed the
// queue's bounds by this much, or by a sixteenth of its bytes if that is less:
// the room they leave is used at once.
const (
	maxEvicted      = 10_000
	maxEvictedBytes = 4 << 20
	minEvictedBytes = 64 << 10 // in the smallest queue
)

func newReports(cfg *config) reports {
	return reports{mostEvicted: int64(min(maxEvictedBytes, max(minEvictedBytes, cfg.maxQueueBytes/16)))}
}

// A report is one thing that the callbacks' goroutine has to do. Exactly one of
// the first four fields is set, and says what, or there are dones alone.
type report struct {
	delivery *Delivery   // to tell
	line     *line       // to log
	askLevel bool        // ask the logger for its level
	trouble  error       // with a spool, to tell
	dones    dones       // to tell after the delivery, by its messages
	err      error       // of the delivery, or else for all dones
	refs     []spool.Ref // have their outcome when this is told
	onDisk   bool        // the delivery's messages are on disk alone
	evicted  bool        // the delivery is of evicted messages
	tally                // of the delivery in memory
	step     int         // of the calls that telling it takes
}

// reports are what the callbacks have not been told yet. One goroutine at a
// time takes them, in order; it ends when there is none. It belongs to the
// queue and is guarded by its mu.
type reports struct {
	coming      []report
	untold      tally // of coming and the one being told: takes room in the queue
	evicted     tally // likewise, but beside the queue's bounds
	mostEvicted int64 // bytes
	running     bool
	since       time.Duration // when the callback that runs was called, or its goroutine started
	made, told  uint64        // reports, ever
	progress    chan struct{} // closed when the next callback returns; nil if nobody waits
	pending     int           // dones that were not told yet, wherever their messages are
}

// add takes r in, and reports whether the goroutine must be started.
func (r *reports) add(next report, now time.Duration) (start bool) {
	r.tallyOf(&next).add(next.count, next.bytes)
	r.coming = append(r.coming, next)
	r.made++
	if r.running {
		return false
	}
	r.running, r.since = true, now // the goroutine may be slow to begin
	return true
}

// take returns the next report to tell. There being none, the goroutine ends.
func (r *reports) take(now time.Duration) (next report, ok bool) {
	if len(r.coming) == 0 {
		r.coming, r.running = nil, false
		return report{}, false
	}
	next = r.coming[0]
	r.coming[0] = report{}
	r.coming = r.coming[1:]
	r.since = now
	return next, true
}

// noteTold notes that the callbacks have been told.
func (r *reports) noteTold(last *report) {
	r.tallyOf(last).sub(last.count, last.bytes)
	r.told++
	r.progressed()
}

// progressed wakes those who wait for reports to be told.
func (r *reports) progressed() {
	if r.progress != nil {
		close(r.progress)
		r.progress = nil
	}
}

func (r *reports) tallyOf(one *report) *tally {
	if one.evicted {
		return &r.evicted
	}
	return &r.untold
}

// upTo returns a channel that is closed when the next report is told, nil if
// the first target reports have been.
func (r *reports) upTo(target uint64) <-chan struct{} {
	if r.told >= target {
		return nil
	}
	if r.progress == nil {
		r.progress = make(chan struct{})
	}
	return r.progress
}

// stuck reports whether the callback that runs has not returned for so long that
// nobody waits for it any more.
func (r *reports) stuck(now time.Duration) bool {
	return r.running && now >= r.since+callbackPatience
}

// leaveOnDisk reports whether the messages of the next report, which are on disk as
// well, are not held in memory for it: the callback that runs is stuck, and the
// reports that wait for it take most of the queue's room.
func (r *reports) leaveOnDisk(count, size int, cfg *config, now time.Duration) bool {
	return r.stuck(now) &&
		(r.untold.count+count > cfg.maxQueueSize/4*3 || r.untold.bytes+int64(size) > int64(cfg.maxQueueBytes/4*3))
}

// mayEvict reports whether the room that an evicted message leaves may be used
// before a callback has taken its report. It may not while a callback is stuck.
func (r *reports) mayEvict(now time.Duration) bool {
	return r.evicted.count == 0 || r.evicted.count < maxEvicted && r.evicted.bytes < r.mostEvicted && !r.stuck(now)
}

// reportLocked makes the outcome of the first n messages of b known to the callbacks.
func (q *queue) reportLocked(b *batch, n int, o outcome) {
	if o.err != nil {
		q.warnOfLossLocked(b, n, o)
	}
	refs := b.firstRefs(n)
	waiting := b.dones.part(b.gone, b.gone+n)
	r := report{dones: waiting, refs: refs}
	switch heard := len(q.cfg.onDelivery) > 0 || len(q.cfg.onError) > 0 && o.err != nil; {
	case heard:
		q.reportDelivery(&r, b, n, o)
	case len(waiting) == 0:
		q.keeper.settledLocked(refs)
		return
	case o.err == nil:
		r.count = waiting.count()
	default:
		q.reportWaitedFor(&r, b, n, o)
	}
	if o.kind == delivered && !r.onDisk && len(waiting) == 0 {
		r.refs = nil
		q.keeper.settledLocked(refs)
	}
	q.tellLocked(r)
}

// reportDelivery makes r tell the outcome of the first n messages of b.
func (q *queue) reportDelivery(r *report, b *batch, n int, o outcome) {
	size := b.size(n)
	r.delivery = q.newDelivery(b, n, size, o)
	r.err, r.evicted, r.tally = r.delivery.Err, o.kind == dropped && !q.ended, tally{n, int64(size)}
	if r.onDisk = !r.evicted && len(r.refs) > 0 && q.reports.leaveOnDisk(n, size, q.cfg, q.now()); r.onDisk {
		r.tally = tally{}
		return
	}
	messages := b.first(n)
	r.delivery.messages.Store(&messages)
}

// reportWaitedFor makes r tell the loss of the first n messages of b to those who
// wait for one: nobody else hears of it.
func (q *queue) reportWaitedFor(r *report, b *batch, n int, o outcome) {
	kept := b.waitedFor(n)
	size := len(kept.head) - (len(kept.marks) - 1)
	r.delivery = q.newDelivery(b, len(kept.marks), size, o)
	r.delivery.messages.Store(&kept)
	r.dones, r.err, r.evicted, r.tally = kept.dones, r.delivery.Err, o.kind == dropped && !q.ended, tally{len(kept.marks), int64(size)}
}

// newDelivery returns the outcome of n messages of b, of size bytes, without them.
func (q *queue) newDelivery(b *batch, n, size int, o outcome) *Delivery {
	d := &Delivery{
		Endpoint:    b.lane.endpoint.String(),
		Environment: b.lane.environment,
		Count:       n,
		Bytes:       size + (n - 1) + len("[]"),
		Attempts:    b.attempts,
		TaskID:      o.taskID,
		messages:    new(atomic.Pointer[series]),
	}
	if b.attempts > 0 {
		d.Duration = q.now() - b.firstSent
	}
	if o.err != nil {
		d.Err = deliveryError(b, n, o.err)
	}
	return d
}

func deliveryError(b *batch, n int, err error) *DeliveryError {
	return &DeliveryError{
		Endpoint:    b.lane.endpoint.String(),
		Environment: b.lane.environment,
		Count:       n,
		Attempts:    b.attempts,
		Err:         err,
	}
}

// tellLocked hands r to the callbacks' goroutine, and starts it if there is none.
func (q *queue) tellLocked(r report) {
	if q.reports.add(r, q.now()) {
		go q.tellAll()
	}
}

// tellAll is the callbacks' goroutine.
func (q *queue) tellAll() {
	for {
		r, ok := q.takeReport()
		if !ok {
			return
		}
		q.tell(&r)
	}
}

func (q *queue) takeReport() (report, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.reports.take(q.now())
}

// tell calls the user's code for r, whatever that does. If that ends the
// goroutine (runtime.Goexit), another one goes on behind that call.
func (q *queue) tell(r *report) {
	returned := false
	defer func() {
		if !returned {
			go q.tellRest(r)
		}
	}()
	for q.tellStep(r) {
	}
	returned = true
	q.noteTold(r)
}

func (q *queue) tellRest(r *report) {
	q.tell(r)
	q.tellAll()
}

// tellStep makes the next call of r, if there is one left.
func (q *queue) tellStep(r *report) bool {
	step := r.step
	r.step++
	switch {
	case r.line != nil || r.askLevel:
		q.tellLogger(r, step)
		return step == 0
	case r.trouble != nil:
		return q.tellTrouble(r, step)
	case r.delivery == nil:
		return q.tellDone(r, step)
	case step == 0:
		q.loadMessages(r)
		return true
	}
	step--
	if step < len(q.cfg.onDelivery) {
		q.callBack(func() { q.cfg.onDelivery[step](*r.delivery) })
		return true
	}
	step -= len(q.cfg.onDelivery)
	if r.err != nil {
		if step < len(q.cfg.onError) {
			q.callBack(func() { q.cfg.onError[step](r.err) })
			return true
		}
		step -= len(q.cfg.onError)
	}
	r.delivery.messages.Store(nil)
	return q.tellDone(r, step)
}

func (q *queue) tellLogger(r *report, step int) {
	switch {
	case step > 0:
	case r.line != nil:
		guardLog(func() { r.line.log(q.logger()) })
	default:
		q.askLevel()
	}
}

func (q *queue) tellTrouble(r *report, step int) bool {
	if step < len(q.cfg.onError) {
		q.callBack(func() { q.cfg.onError[step](r.trouble) })
		return true
	}
	return false
}

// loadMessages makes r's messages ready to be told.
func (q *queue) loadMessages(r *report) {
	if r.onDisk {
		messages := q.keeper.load(r.refs)
		r.delivery.messages.Store(&messages)
		q.noteDelivered(r)
	}
	if lost, ok := r.err.(*DeliveryError); ok {
		lost.payloads = r.delivery.Payloads()
	}
}

// noteDelivered has it noted on disk that r's messages were delivered. It need not
// wait for the callbacks, since nothing is lost if these are not told.
func (q *queue) noteDelivered(r *report) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.noteDeliveredLocked(r)
}

func (q *queue) noteDeliveredLocked(r *report) {
	if r.onDisk && r.err == nil && len(r.dones) == 0 {
		q.keeper.settledLocked(r.refs)
		r.refs = nil
	}
}

func (q *queue) noteTold(r *report) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.reports.noteTold(r)
	switch {
	case r.line != nil:
		*r.line.untold--
		q.warnings.schedule()
	case r.askLevel:
		q.warnings.askAt = q.now() + askLevelEvery
	}
	q.keeper.settledLocked(r.refs)
	q.advanceLocked()
}

// callBack calls f, a callback. The next one has its own time to return.
func (q *queue) callBack(f func()) {
	defer q.noteReturn() // also if it ends the goroutine
	q.guard(f)
}

func (q *queue) noteReturn() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.reports.since = q.now()
	q.reports.progressed()
}

// guard calls f, which may panic.
func (q *queue) guard(f func()) {
	defer func() {
		if recover() != nil {
			q.warn(warnCallback, nil)
		}
	}()
	f()
}

// guardLog calls f, a log handler's code. A panic there is not logged.
func guardLog(f func()) {
	defer func() { _ = recover() }()
	f()
}

// awaitReports waits until all reports made so far have been told, a callback
// does not return, or limit is done. It reports whether they were told.
func (q *queue) awaitReports(limit context.Context) bool {
	target := q.reportsMade()
	for {
		progress := q.reportsUpTo(target)
		if progress == nil {
			return true
		}
		select {
		case <-progress:
		case <-time.After(callbackPatience):
			return false
		case <-limit.Done():
			return false
		}
	}
}

func (q *queue) reportsMade() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.reports.made
}

// reportsUpTo is reports.upTo under the lock.
func (q *queue) reportsUpTo(target uint64) <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.reports.upTo(target)
}
