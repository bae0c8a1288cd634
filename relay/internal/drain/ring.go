package drain

import "sync"

const (
	ringSize     = 100_000
	mostProgress = 10_000  // messages: more than two lanes can hold
	mostWords    = 1 << 18 // of 64 events each: 2 MiB
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
	mu    sync.Mutex // guards what follows
	of    map[msgID]part
	words int // of the bitsets
}

// A part of a message is settled.
type part struct {
	settled bitset
	events  int // of the message
	refusal refusal
}

func newProgress() *progress { return &progress{of: map[msgID]part{}} }

// put remembers a part, whose bitset is the progress's from now on.
func (p *progress) put(id msgID, of part) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.putLocked(id, of)
}

func (p *progress) putLocked(id msgID, of part) {
	if len(p.of) >= mostProgress || p.words+len(of.settled) > mostWords { // of messages that another relay has delivered since
		clear(p.of)
		p.words = 0
	}
	p.words += len(of.settled) - len(p.of[id].settled)
	p.of[id] = of
}

// mark notes that one more event of a message of that many is settled.
func (p *progress) mark(id msgID, i, events int, r refusal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	of := p.of[id]
	if of.events != events {
		of = part{settled: newBitset(events), events: events}
	}
	of.settled.set(i)
	of.refusal = of.refusal.or(r)
	p.putLocked(id, of)
}

// take returns what is settled of a message of that many events, and forgets it. One
// of another number of events is another message under the same id.
func (p *progress) take(id msgID, events int) part {
	p.mu.Lock()
	defer p.mu.Unlock()
	of := p.of[id]
	p.words -= len(of.settled)
	delete(p.of, id)
	if of.events != events {
		return part{}
	}
	return of
}
