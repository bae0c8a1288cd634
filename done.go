package altertable

import (
	"encoding/json"
	"slices"
)

// dones are the functions that wait for the outcome of a series' messages, by
// message. A series in which nobody waits has none, and the list is shorter where the
// last messages have none. An open batch never lends its list to another: it holds
// the caller's functions.
type dones []func(error)

// set notes the function of message i, nil if there is none.
func (d *dones) set(i int, done func(error)) {
	if done == nil {
		return
	}
	for len(*d) < i {
		*d = append(*d, nil)
	}
	*d = append(*d, done)
}

// at returns the function of message i, nil if there is none.
func (d dones) at(i int) func(error) {
	if i >= len(d) {
		return nil
	}
	return d[i]
}

// part returns the functions of messages lo to hi, in memory of their own.
func (d dones) part(lo, hi int) dones {
	if hi = min(hi, len(d)); lo >= hi {
		return nil
	}
	return d[lo:hi].trimmed()
}

// trimmed returns a copy without the end that has no functions.
func (d dones) trimmed() dones {
	for len(d) > 0 && d[len(d)-1] == nil {
		d = d[:len(d)-1]
	}
	return slices.Clone(d)
}

// drop takes out the functions of the first n messages.
func (d *dones) drop(n int) {
	if n >= len(*d) {
		*d = nil
		return
	}
	*d = slices.Delete(*d, 0, n)
}

// forget lets go of the functions of messages lo to hi.
func (d dones) forget(lo, hi int) { clear(d[min(lo, len(d)):min(hi, len(d))]) }

// count returns how many functions there are.
func (d dones) count() (n int) {
	for _, done := range d {
		if done != nil {
			n++
		}
	}
	return n
}

// waitedFor returns those of the first n messages of b for whose outcome a
// function waits, in memory of their own.
func (b *batch) waitedFor(n int) (kept series) {
	for i := b.gone; i < b.gone+n; i++ {
		done := b.dones.at(i)
		if done == nil {
			continue
		}
		kept.dones.set(len(kept.marks), done)
		kept.add(b.joined(b.begin(i), b.end(i)), b.series.number(i), b.marks[i].acceptedAt)
	}
	return kept
}

// errorOfOne returns what the function of message i is told: err, or, of an error
// of the whole batch, the error of that message.
func errorOfOne(err error, i int) error {
	whole, ok := err.(*DeliveryError)
	if !ok {
		return err
	}
	one := *whole
	one.Count, one.payloads = 1, nil
	if i < len(whole.payloads) {
		one.payloads = []json.RawMessage{whole.payloads[i]}
	}
	return &one
}

// tellDonesLocked has the functions told err, which is nil or not of a batch.
func (q *queue) tellDonesLocked(d dones, err error) {
	if n := d.count(); n > 0 {
		q.tellLocked(report{dones: d, err: err, tally: tally{count: n}})
	}
}

// tellDone tells the next one of r's dones, from that message on, if there is one left.
func (q *queue) tellDone(r *report, i int) bool {
	for ; i < len(r.dones) && r.dones[i] == nil; i++ {
		r.step++
	}
	if i >= len(r.dones) {
		return false
	}
	done := r.dones[i]
	defer q.noteDone() // also if it ends the goroutine
	r.dones[i] = nil
	q.guard(func() { done(errorOfOne(r.err, i)) })
	return true
}

// noteDone notes that a done was told. The next one has its own time to return.
func (q *queue) noteDone() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.reports.pending--
	q.reports.since = q.now()
	q.reports.progressed()
}
