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

// A family is what the pieces of a split batch share. Pieces of a batch that was
// refused are sent one after the other, so that the search for the message at
// fault costs few requests. Pieces of one that alone kept failing do not wait for
// each other.
type family struct {
	size     int      // messages before the first split
	large    int      // pieces of more than one message, not settled
	refusals int      // in a row, with nothing delivered in between
	rest     []*batch // pieces that wait for others; the next one is the last
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

// passOn lets the next pieces of b's family go, up to one that may be sent now.
// The others go when those ahead of them are settled.
func (p *places) passOn(b *batch) {
	for piece := b.family.next(); piece != nil; piece = b.family.next() {
		if piece.mayGo() {
			p.enterReady(piece)
			return
		}
	}
}

// accepted notes that a piece of the family was delivered.
func (f *family) accepted() {
	if f != nil {
		f.refusals = 0
	}
}

// startFamily makes a family of b, which is to be split if it has more than one
// message, unless it is of one already. It returns false if too many batches of
// its endpoint are being split.
func (p *places) startFamily(b *batch) bool {
	switch {
	case b.family != nil:
		return true
	case b.count() > 1 && p.of(b).families == maxFamilies:
		return false
	}
	b.family = &family{size: b.count()}
	if b.count() > 1 {
		b.family.large = 1
		p.of(b).families++
	}
	return true
}

// noLongerLarge notes that b has at most one message left. When that is so of
// all pieces of a family, another batch may be split.
func (p *places) noLongerLarge(b *batch) {
	if b.family == nil {
		return
	}
	if b.family.large--; b.family.large == 0 {
		p.of(b).families--
	}
}

// split moves the second half of b, which is in no list and of a family, into a
// new batch. It is in no list either. Both begin with the setbacks s.
func (p *places) split(b *batch, s setbacks) (right *batch) {
	var aside []item
	if b.claim != nil {
		aside = p.setAside(b.claim)
	}
	half := b.gone + b.count()/2
	right = &batch{
		lane: b.lane, series: b.fitted(half, len(b.marks)), state: behind,
		attempts: b.attempts, firstSent: b.firstSent, family: b.family, setbacks: s,
	}
	b.series, b.gone = b.fitted(b.gone, half), 0
	b.setbacks = s
	b.lane.batches++
	for _, piece := range []*batch{b, right} {
		p.leaveIdle(piece)
		p.enterIdle(piece)
		if piece.count() > 1 {
			b.family.large++
		}
	}
	p.noLongerLarge(b) // the whole
	if b.claim != nil {
		right.claim = b.lane.addClaim(&claim{batch: right})
		b.lane.forgetGone(b.claim, right.people, b.people)
		p.goLast(b.lane, right.claim)
		p.putBack(b.lane, aside)
	}
	return right
}

// splitRefusedLocked splits b, of which one message may be to blame for the refusal
// err. The halves go one after the other, so that the search soon meets single
// messages. If it meets nothing but refusals for long, the server refuses
// everything, and the rest is given up.
func (q *queue) splitRefusedLocked(b *batch, err error) {
	q.health.refusals++
	if !q.places.startFamily(b) {
		until := q.health.noteFailure(&b.setbacks, b.lane.endpoint, err, q.now())
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

// blame counts the failures for which a batch itself is likely to be at fault: it
// is too much for the server, or holds a message that is.
type blame struct {
	deliveries uint64 // of its lane, when the batch failed last or was first sent
	failures   int    // in a row, each after another batch of its lane was delivered
}

// maxBlame is how many such failures get a batch split. Its pieces are split
// after one more.
const maxBlame = 3

// note notes a failure. The batch's lane has made so many deliveries by now.
func (b *blame) note(deliveries uint64) {
	if b.deliveries == deliveries {
		b.failures = 0
	} else {
		b.failures++
	}
	b.deliveries = deliveries
}

// isToBlame reports whether b, which has failed, is to be split.
func (b *batch) isToBlame() bool { return b.count() > 1 && b.blame.failures >= maxBlame }

// splitFailingLocked splits b, which alone failed again and again. Each half goes
// on a schedule of its own, which begins anew; neither is sent before until.
func (q *queue) splitFailingLocked(b *batch, until time.Duration) {
	q.debugSplitLocked(b, b.err)
	inherited := b.setbacks
	inherited.schedule = nil
	right := q.places.split(b, inherited)
	for _, piece := range []*batch{b, right} {
		piece.blame = blame{deliveries: b.lane.deliveries, failures: maxBlame - 1}
		piece.repeats = true
		if piece.mayGo() {
			q.places.sleep(piece, until)
		}
	}
}

// exhausted reports whether the search among f's messages has met too many
// refusals in a row. Where all of the client's requests are refused, refusals in a
// row by now, it may only go down to one single message.
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
