package altertable

// found makes a family of b, which is to be split, unless too many batches of
// its endpoint are being split already.
func (p *places) found(b *batch) bool {
	if p.of(b).families == maxFamilies {
		return false
	}
	b.family = &family{size: b.count()}
	if b.count() > 1 {
		b.family.large = 1
		p.of(b).families++
	}
	return true
}

// dwindle notes that b, which may be a piece, has at most one message left.
func (p *places) dwindle(b *batch) {
	if b.family == nil {
		return
	}
	if b.family.large--; b.family.large == 0 {
		p.of(b).families--
	}
}

// split moves the second half of b, which is in no list and of a family, into a
// new batch that is in no list either. Both begin with the setbacks s.
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
	p.dwindle(b) // the whole
	if b.claim != nil {
		right.claim = b.lane.claim(&claim{batch: right})
		b.lane.drop(b.claim, right.people, b.people)
		p.stand(b.lane, right.claim)
		p.lineUpAnew(b.lane, aside)
	}
	return right
}

// mayGo reports whether no claim is ahead of b's.
func (b *batch) mayGo() bool { return b.claim == nil || len(b.claim.ahead) == 0 }

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
