package altertable

import (
	"container/heap"
	"slices"
)

// A batch is idle while no request carries it. Then it may be evicted by
// DropOldest, and given up when it grows too old: see expireLocked. Each endpoint
// has a heap of its idle batches, and one of the untried, which MaxElapsed spares:
// those that hold adopted messages and were never sent. The heap setBack holds
// those idle batches that have failed, of all endpoints.

// enterIdle enters b among those that may be evicted or grow too old.
func (p *places) enterIdle(b *batch) {
	heap.Push(p.idleWith(b), b)
	p.enterSetBack(b)
}

func (p *places) enterSetBack(b *batch) {
	if b.err != nil && p.idleWith(b) == &p.of(b).idle {
		heap.Push(&p.setBack, b)
	}
}

func (p *places) leaveIdle(b *batch) {
	p.idleWith(b).remove(b)
	p.setBack.remove(b)
}

// idleWith returns the heap that b is in while it is idle.
func (p *places) idleWith(b *batch) *byNumber {
	if b.adopted && b.attempts == 0 {
		return &p.of(b).untried
	}
	return &p.of(b).idle
}

// oldestIdle returns the batch with the oldest message that no request carries,
// nil if there is none.
func (p *places) oldestIdle() (oldest *batch) {
	for i := range p.traffic {
		for _, h := range []*byNumber{&p.traffic[i].idle, &p.traffic[i].untried} {
			if b := h.first(); b != nil && (oldest == nil || b.before(oldest)) {
				oldest = b
			}
		}
	}
	return oldest
}

// oldestTried is oldestIdle without the untried.
func (p *places) oldestTried() (oldest *batch) {
	for i := range p.traffic {
		if b := p.traffic[i].idle.first(); b != nil && (oldest == nil || b.before(oldest)) {
			oldest = b
		}
	}
	return oldest
}

// allIdle returns the batches that no request carries, in no particular order.
func (p *places) allIdle() (all []*batch) {
	for i := range p.traffic {
		all = append(all, p.traffic[i].idle.batches...)
		all = append(all, p.traffic[i].untried.batches...)
	}
	return all
}

// abandon forgets the batches that no request carries. Lists and lanes still refer
// to them, so their messages are let go of: a closed client may be kept for its Stats.
func (p *places) abandon() {
	for _, b := range p.allIdle() {
		b.series = series{base: b.base, marks: slices.Clone(b.marks[b.gone : b.gone+1])}
		b.gone, b.scratch = 0, nil
	}
	for i := range p.traffic {
		p.traffic[i].idle.batches, p.traffic[i].untried.batches = nil, nil
	}
	p.setBack.batches = nil
}

// byNumber is a heap of batches, the one with the oldest message first.
type byNumber struct {
	batches []*batch
	place   func(*batch) *int // where a batch notes its place, counted from 1; 0 if it is not in here
}

func (h *byNumber) Len() int           { return len(h.batches) }
func (h *byNumber) Less(i, j int) bool { return h.batches[i].before(h.batches[j]) }
func (h *byNumber) Swap(i, j int) {
	h.batches[i], h.batches[j] = h.batches[j], h.batches[i]
	*h.place(h.batches[i]), *h.place(h.batches[j]) = i+1, j+1
}

func (h *byNumber) Push(x any) {
	b := x.(*batch)
	h.batches = append(h.batches, b)
	*h.place(b) = len(h.batches)
}

func (h *byNumber) Pop() any {
	last := len(h.batches) - 1
	b := h.batches[last]
	h.batches[last] = nil
	h.batches = h.batches[:last]
	*h.place(b) = 0
	return b
}

// first returns the batch with the oldest message, nil if there is none.
func (h *byNumber) first() *batch {
	if len(h.batches) == 0 {
		return nil
	}
	return h.batches[0]
}

// remove takes b out, if it is in here.
func (h *byNumber) remove(b *batch) {
	if place := *h.place(b); place > 0 {
		heap.Remove(h, place-1)
	}
}

// fix finds b's place anew after its oldest message has left, if it is in here.
func (h *byNumber) fix(b *batch) {
	if place := *h.place(b); place > 0 {
		heap.Fix(h, place-1)
	}
}
