package drain

import "sync"

const (
	ringSize     = 100_000
	mostProgress = 10_000 // messages: more than two lanes can hold
)

// A ring knows the last messages that were settled. The broker's own window of ids
// does not survive its crash, and an acknowledgement may be lost.
type ring struct {
	mu   sync.Mutex // guards what follows
	ids  []msgID
	next int
	in   map[msgID]struct{}
}

func newRing(size int) *ring { return &ring{ids: make([]msgID, 0, size), in: map[msgID]struct{}{}} }

func (r *ring) add(id msgID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.in[id]; known {
		return
	}
	r.in[id] = struct{}{}
	if len(r.ids) < cap(r.ids) {
		r.ids = append(r.ids, id)
		return
	}
	delete(r.in, r.ids[r.next])
	r.ids[r.next] = id
	r.next = (r.next + 1) % len(r.ids)
}

func (r *ring) has(id msgID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, known := r.in[id]
	return known
}

// A progress knows which events are settled of messages that are not, so that the
// others alone are sent when the message comes again.
type progress struct {
	mu sync.Mutex // guards of
	of map[msgID]bitset
}

func newProgress() *progress { return &progress{of: map[msgID]bitset{}} }

func (p *progress) put(id msgID, settled bitset) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.of) >= mostProgress { // of messages that another relay has delivered since
		clear(p.of)
	}
	p.of[id] = settled
}

// mark notes one more event.
func (p *progress) mark(id msgID, i, events int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.of[id] == nil {
		p.of[id] = newBitset(events)
	}
	p.of[id].set(i)
}

func (p *progress) take(id msgID) bitset {
	p.mu.Lock()
	defer p.mu.Unlock()
	settled := p.of[id]
	delete(p.of, id)
	return settled
}
