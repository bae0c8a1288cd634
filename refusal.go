package altertable

// maxRefusals in a row end the search for the message at fault: a server that
// refuses everything must not see a request per message.
const maxRefusals = 30

// A family is what the pieces of a refused batch share: they are sent one after
// the other, so that the search for the culprit stays in one place.
type family struct {
	size     int      // messages before the first split
	refusals int      // in a row, none accepted in between
	rest     []*batch // not yet sent, the next one last
}

// next takes the next piece of the family that still has messages.
func (f *family) next() *batch {
	for f != nil && len(f.rest) > 0 {
		b := f.rest[len(f.rest)-1]
		f.rest = f.rest[:len(f.rest)-1]
		if b.state == queued {
			return b
		}
	}
	return nil
}

// refuse splits b, of which one message may be to blame for the refusal err.
// The halves go one after the other, so that the search soon meets single
// messages, and its length tells a server that refuses everything.
func (q *queue) refuse(b *batch, err error) {
	q.refusals++
	if b.family == nil {
		b.family = &family{size: b.count()}
	}
	f := b.family
	f.refusals++
	b.err = brief(err)
	if f.exhausted(q.refusals) {
		rest := *f
		f.rest = nil
		for piece := b; piece != nil; piece = rest.next() {
			q.settle(piece, piece.count(), outcome{kind: failed, err: err})
		}
		return
	}
	if b.count() == 1 {
		q.settle(b, 1, outcome{kind: failed, err: err})
		return
	}
	half := b.lo + b.count()/2
	right := *b
	right.lo, right.state, right.place = half, queued, nil
	b.hi = half
	right.failures, right.alone, right.schedule = 0, 0, nil
	b.failures, b.alone, b.schedule = 0, 0, nil
	b.content.retain()
	b.lane.batches++
	q.addIdle(&right)
	q.addIdle(b)
	f.rest = append(f.rest, &right)
	q.toFront(b)
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
