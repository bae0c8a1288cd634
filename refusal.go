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
	if b.family == nil {
		b.family = &family{size: b.count()}
	}
	f := b.family
	f.refusals++
	b.err = brief(err)
	switch {
	case f.exhausted(q.health.refusals):
		rest := *f
		f.rest = nil
		for piece := b; piece != nil; piece = rest.next() {
			q.settleLocked(piece, piece.count(), outcome{kind: failed, err: err})
		}
	case b.count() == 1:
		q.settleLocked(b, 1, outcome{kind: failed, err: err})
	default:
		q.debugSplitLocked(b, err)
		q.places.split(b)
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
