package altertable

import (
	"context"
	"encoding/json"
	"sync"
	"time"
)

// A Delivery is the outcome of a batch, or of a part of one that was split,
// expired or evicted apart: every accepted message is in exactly one.
type Delivery struct {
	Endpoint    string // "track", "identify" or "alias"
	Environment string
	Count       int           // messages
	Bytes       int           // length of a body that holds them
	Attempts    int           // requests that carried them; 0 if none did
	Duration    time.Duration // from the first request's start to the outcome, waits included
	TaskID      string        // the platform's, if it named one
	Err         error         // nil if delivered; else a *DeliveryError

	view *view
}

// Payloads returns the batch's messages, one JSON object each, oldest first.
// Call it during the callback; afterwards it returns nil. They hold personal data.
func (d Delivery) Payloads() []json.RawMessage {
	if d.view == nil {
		return nil
	}
	return d.view.payloads()
}

// A view lends a content to a callback.
type view struct {
	mu      sync.Mutex
	content *content // nil after the callback
	series  series   // the content's at the outcome: one that evicted messages leave may grow
	lo, hi  int
}

func (v *view) payloads() []json.RawMessage {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.content == nil {
		return nil
	}
	v.content.keep()
	return v.series.payloads(v.lo, v.hi)
}

func (v *view) close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.content.release()
	v.content, v.series = nil, series{}
}

// callbackPatience is how long Flush, Shutdown and a blocked Track wait for a
// callback that does not return: it may be their caller.
const callbackPatience = 250 * time.Millisecond

// Evicted messages whose report no callback has taken yet may exceed the
// queue's bounds by this much: the room they leave is used at once.
const (
	maxEvicted      = 10_000
	maxEvictedBytes = 4 << 20
)

// A report is what one turn of the callbacks' goroutine has to tell.
type report struct {
	delivery *Delivery
	warning  *warning
	trouble  error // with a spool
	refs     []ref // have their outcome when this is told
	evicted  bool
	tally
}

// reports are what the callbacks have not been told yet. One goroutine at a
// time takes them, in order; it ends when there is none. Guarded by queue.mu.
type reports struct {
	due         []report
	held        tally // of due and the one being told: takes room in the queue
	evicted     tally // likewise, but beside the queue's bounds
	running     bool
	since       time.Duration // when the callback that runs was called, or its goroutine started
	made, told  uint64        // ever
	progress    chan struct{} // closed at the next told; nil if nobody waits
	lastWarning [warnKinds]time.Duration
}

// mayEvict reports whether the room that an evicted message leaves may be used
// before a callback has taken its report. It may not while a callback is stuck.
func (q *queue) mayEvict() bool {
	r := &q.reports
	return r.evicted.count == 0 || r.evicted.count < maxEvicted && r.evicted.bytes < maxEvictedBytes && !q.callbackIsStuck()
}

// callbackIsStuck reports whether the callback that runs has not returned for so
// long that nobody waits for it any more.
func (q *queue) callbackIsStuck() bool {
	return q.reports.running && q.now() >= q.reports.since+callbackPatience
}

func (r *report) addTo(reports *reports, sign int) {
	t := &reports.held
	if r.evicted {
		t = &reports.evicted
	}
	t.add(sign*r.count, int64(sign)*r.bytes)
}

// report makes the outcome of the first n messages of b known to the
// callbacks. It reports whether there is one to tell.
func (q *queue) report(b *batch, n, size int, o outcome, refs []ref) bool {
	if o.err != nil {
		q.warnOf(b, n, o)
	}
	if q.cfg.onDelivery == nil && (q.cfg.onError == nil || o.err == nil) {
		return false
	}
	d := &Delivery{
		Endpoint:    b.lane.endpoint.String(),
		Environment: b.lane.environment,
		Count:       n,
		Bytes:       size + (n - 1) + len("[]"),
		Attempts:    b.attempts,
		TaskID:      o.taskID,
		view:        &view{content: b.content, series: b.content.series, lo: b.lo, hi: b.lo + n},
	}
	b.content.retain()
	if b.attempts > 0 {
		d.Duration = q.now() - b.firstSent
	}
	if o.err != nil {
		d.Err = deliveryError(b, n, o.err)
	}
	r := report{delivery: d, evicted: o.kind == dropped && !q.ended, tally: tally{n, int64(size)}}
	if o.kind == failed {
		r.refs = refs
	}
	q.tell(r)
	return true
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

// tell hands r to the callbacks' goroutine, and starts it if there is none.
func (q *queue) tell(r report) {
	r.addTo(&q.reports, +1)
	q.reports.due = append(q.reports.due, r)
	q.reports.made++
	if !q.reports.running {
		q.reports.running, q.reports.since = true, q.now() // tellAll may be slow to begin
		go q.tellAll()
	}
}

// tellAll is the callbacks' goroutine.
func (q *queue) tellAll() {
	q.mu.Lock()
	for len(q.reports.due) > 0 {
		r := q.reports.due[0]
		q.reports.due[0] = report{}
		q.reports.due = q.reports.due[1:]
		q.reports.since = q.now()
		q.mu.Unlock()
		q.tellOne(r)
		q.mu.Lock()
	}
	q.reports.due = nil
	q.reports.running = false
	q.mu.Unlock()
}

// tellOne calls the user's code for r, whatever that does.
func (q *queue) tellOne(r report) {
	returned := false
	defer func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		r.addTo(&q.reports, -1)
		if r.refs != nil {
			q.noteDone(r.refs)
		}
		q.reports.told++
		if q.reports.progress != nil {
			close(q.reports.progress)
			q.reports.progress = nil
		}
		q.advance()
		if !returned { // it ended the goroutine (runtime.Goexit): go on in another
			go q.tellAll()
		}
	}()
	switch {
	case r.trouble != nil:
		q.guard(func() { q.cfg.onError(r.trouble) })
	case r.warning != nil:
		q.guard(func() { r.warning.log(q.cfg.logger) })
	case r.delivery != nil:
		q.tellOutcome(r.delivery)
	}
	returned = true
}

// tellOutcome calls OnDelivery and then, deferred since OnDelivery may end the
// goroutine, OnError for a loss.
func (q *queue) tellOutcome(d *Delivery) {
	defer d.view.close()
	if lost, ok := d.Err.(*DeliveryError); ok {
		lost.payloads = d.view.payloads()
		if q.cfg.onError != nil {
			defer q.guard(func() { q.cfg.onError(lost) })
		}
	}
	if q.cfg.onDelivery != nil {
		q.guard(func() { q.cfg.onDelivery(*d) })
	}
}

// guard calls f, which may panic.
func (q *queue) guard(f func()) {
	defer func() {
		if recover() != nil {
			q.mu.Lock()
			q.warn(warnCallback, nil)
			q.mu.Unlock()
		}
	}()
	f()
}

// awaitReports waits until the callbacks have been told all that is due now,
// one of them does not return, or limit is done.
func (q *queue) awaitReports(limit context.Context) {
	q.mu.Lock()
	target := q.reports.made
	for q.reports.told < target {
		if q.reports.progress == nil {
			q.reports.progress = make(chan struct{})
		}
		progress := q.reports.progress
		q.mu.Unlock()
		patience := time.NewTimer(callbackPatience)
		select {
		case <-progress:
			patience.Stop()
		case <-patience.C:
			return
		case <-limit.Done():
			patience.Stop()
			return
		}
		q.mu.Lock()
	}
	q.mu.Unlock()
}
