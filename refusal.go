package altertable

import (
	"slices"
	"time"
)

// maxRefusals in a row end the search for the message at fault: a server that
// refuses everything must not see a request per message.
const maxRefusals = 30

// maxFamilies batches of an endpoint are split at a time.
const maxFamilies = 8

// A family is what the pieces of a split batch share. Those of a refused one are
// sent one after the other, so that the search for the culprit stays in one place.
type family struct {
	size     int      // messages before the first split
	large    int      // pieces of more than one message, not settled
	refusals int      // in a row, none accepted in between
	rest     []*batch // not yet sent, the next one last
}

// keeps reports whether b, a piece, has to wait for another one.
func (f *family) keeps(b *batch) bool { return f != nil && slices.Contains(f.rest, b) }

// next takes the next piece of the family that still has messages.
func (f *family) next() *batch {
	for f != nil && len(f.rest) > 0 {
		b := f.rest[len(f.rest)-1]
		f.rest = f.rest[:len(f.rest)-1]
		if b.state == behind {
			return b
		}
	}
	return nil
}

// accepted notes that messages of the family were delivered.
func (f *family) accepted() {
	if f != nil {
		f.refusals = 0
	}
}

// refuseLocked splits b, of which one message may be to blame for the refusal
// err. The halves go one after the other, so that the search soon meets single
// messages, and its length tells a server that refuses everything.
func (q *queue) refuseLocked(b *batch, err error) {
	q.health.refusals++
	if b.family == nil && !q.places.found(b) {
		until := q.health.setBack(&b.setbacks, b.lane.endpoint, err, q.now())
		q.debugRetryLocked(b, until-q.now())
		b.repeats = true
		q.places.enterIdle(b)
		q.places.sleep(b, until)
		return
	}
	f := b.family
	f.refusals++
	b.err = brief(err)
	switch {
	case f.exhausted(q.health.refusals):
		rest := append(f.rest, b)
		f.rest = nil
		for _, piece := range slices.Backward(rest) {
			if piece.state != settled { // else it was evicted
				q.settleLocked(piece, piece.count(), outcome{kind: failed, err: err})
			}
		}
	case b.count() == 1:
		q.settleLocked(b, 1, outcome{kind: failed, err: err})
	default:
		q.debugSplitLocked(b, err)
		right := q.places.split(b, setbacks{err: b.err})
		f.rest = append(f.rest, right)
		q.places.enterReady(b)
	}
}

// suspicion is what speaks for it that a batch is too much for the server, or
// holds a message that is.
type suspicion struct {
	others   uint64 // deliveries of its lane when it failed last, or was first sent
	failures int    // in a row, each after another batch of its lane was delivered
}

// maxSuspicion failures of that kind get a batch split, and one gets a piece
// split of a batch that was split for them.
const maxSuspicion = 3

// isTooMuchLocked reports whether b, which has failed, is to be split: others of
// its lane are delivered all the while.
func (q *queue) isTooMuchLocked(b *batch) bool {
	s := &b.suspicion
	if s.others == b.lane.deliveries {
		s.failures = 0
	} else {
		s.failures++
	}
	s.others = b.lane.deliveries
	return b.count() > 1 && s.failures >= maxSuspicion && (b.family != nil || q.places.found(b))
}

// divideLocked splits b, which failed again and again. The halves go on their
// own schedules, not before until.
func (q *queue) divideLocked(b *batch, until time.Duration) {
	q.debugSplitLocked(b, b.err)
	inherited := b.setbacks
	inherited.schedule = nil
	right := q.places.split(b, inherited)
	for _, piece := range []*batch{b, right} {
		piece.suspicion = suspicion{others: b.lane.deliveries, failures: maxSuspicion - 1}
		piece.repeats = true
		if piece.mayGo() {
			q.places.sleep(piece, until)
		}
	}
}

// exhausted reports whether the search among f's messages has gone on for long
// enough, given the refusals in a row that the whole client has met. If others
// have met only refusals too, it may still go down to one single message.
func (f *family) exhausted(refusals int) bool {
	limit := maxRefusals
	if refusals > maxRefusals {
		limit = 1
		for size := f.size; size > 1; size = (size + 1) / 2 {
			limit++
		}
	}
	return f.refusals >= limit
}
