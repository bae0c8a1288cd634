package altertable

// The way of a message, and who owns it on each step:
//
//	Track      encodes it into a pooled envelope, on the caller's goroutine, outside every lock   message.go
//	accept     appends its JSON to the open batch of its lane, under queue.mu                     queue.go
//	seal       closes the batch: it is full, old enough, flushed, or the queue is full            queue.go
//	advance    hands ready batches to requests while MaxInFlight and an outage allow              dispatch.go
//	post       sends the batch's bytes as they stand, on a goroutine of its own, without a lock   transport.go
//	finish     judges the answer, under queue.mu: settle, retry, or refuse                        dispatch.go
//	retry      lets the batch wait for another attempt                                            dispatch.go
//	refuse     splits the batch, to find the message at fault                                     refusal.go
//	settle     counts the outcome, tells Flush, and hands it to the callbacks' goroutine          settle.go
//
// A batch is the body of its request: one buffer of JSON messages with commas
// between, and the offsets at which they end. Nothing is encoded or copied
// again on the way, and there is nothing in it for the garbage collector to walk.
//
// queue.mu guards all state of the queue, its lanes and its batches. The
// bytes of a batch are written under queue.mu while it is open and never
// change once it is sealed, so a request reads them without the lock. No
// user's code, no I/O and no encoding runs under queue.mu.
//
// No goroutine lives while there is nothing to do: a request has one, due
// callbacks share one, and one timer wakes the queue when something falls due.
//
// Backoff has two levels. When a request fails, the client as a whole waits
// (type outage), and then sends one probe at a time until one succeeds. But a
// batch that fails again, although others have succeeded since, is at fault
// itself: it sleeps on a schedule of its own and the others go on.
//
// Flush seals what is open and starts a new generation; every batch then
// belongs to one generation, and Flush waits until no message of its own or
// an earlier one is without an outcome.
//
// With Block, a call that finds no room waits in line for it: see block.go.
//
// With a spool, accept first writes the message to disk, and what memory has no
// room for stays there until it has: see spool_backlog.go.
//
// Shutdown stops the intake, flushes, and, when its context ends, cancels the
// requests and settles what is left as dropped.

import (
	"container/heap"
	"container/list"
	"encoding/json"
	"sync"
	"sync/atomic"
	"time"
)

// content holds the messages of a batch. The pieces of a split batch share it.
type content struct {
	series
	onDisk []ref        // by message, with a spool; else nil
	refs   atomic.Int32 // batches, request bodies and reports that still read it
}

// A series is messages as a request's body has them: `message,message,message`.
// A copy of it stays as it is while the content's own grows.
type series struct {
	json  []byte
	marks []mark
}

// mark says where a message ends in its content, and when it was accepted.
type mark struct {
	end        uint32
	seq        uint32        // in the order of acceptance, which a coarse clock does not tell; wraps around
	acceptedAt time.Duration // on the queue's clock
}

// contents recycles buffers; the garbage collector empties it after a burst.
var contents = sync.Pool{New: func() any { return new(content) }}

// newContent returns an empty content with room for size bytes, and not for
// much more: a queue that fills up is made of these.
func newContent(size int) *content {
	c := contents.Get().(*content)
	if cap(c.json) < size || cap(c.json) > 2*size {
		c.json, c.marks, c.onDisk = make([]byte, 0, size), nil, nil
	}
	c.refs.Store(1)
	return c
}

func (c *content) retain() { c.refs.Add(1) }

// keep takes a reference that is never given up: the buffers are the garbage
// collector's, because somebody may still read them.
func (c *content) keep() { c.refs.Add(1) }

// release gives up one reference; the last one recycles the buffers.
func (c *content) release() {
	if c.refs.Add(-1) == 0 {
		clear(c.onDisk)
		c.json, c.marks, c.onDisk = c.json[:0], c.marks[:0], c.onDisk[:0]
		contents.Put(c)
	}
}

func (s *series) append(message []byte, seq uint32, acceptedAt time.Duration) {
	if len(s.json) > 0 {
		s.json = append(s.json, ',')
	}
	s.json = append(s.json, message...)
	s.marks = append(s.marks, mark{uint32(len(s.json)), seq, acceptedAt})
}

// begin returns where message i begins.
func (s *series) begin(i int) int {
	if i == 0 {
		return 0
	}
	return s.end(i-1) + len(",")
}

// end returns where message i ends.
func (s *series) end(i int) int { return int(s.marks[i].end) }

// messages returns messages lo to hi, joined by commas.
func (s *series) messages(lo, hi int) []byte {
	if lo == hi {
		return nil
	}
	return s.json[s.begin(lo):s.end(hi-1)]
}

// payloads returns messages lo to hi one by one.
func (s *series) payloads(lo, hi int) []json.RawMessage {
	all := make([]json.RawMessage, 0, hi-lo)
	for i := lo; i < hi; i++ {
		begin, end := s.begin(i), s.end(i)
		all = append(all, json.RawMessage(s.json[begin:end:end]))
	}
	return all
}

// state is where a batch is.
type state uint8

const (
	open     state = iota // taking messages
	queued                // in its lane or family, behind another
	ready                 // may be sent
	sleeping              // failed, and waits for its own next attempt
	flying                // carried by a request
	settled               // every message has its outcome
)

// A batch is messages lo to hi of a content, which share their way and their
// outcome. Guarded by queue.mu.
type batch struct {
	lane    *lane
	content *content
	lo, hi  int

	state      state
	place      *list.Element // in the list of its state, if that is a list
	idlePlace  int           // in queue.idle
	failPlace  int           // in queue.failed
	generation uint64        // see Flush

	attempts  int           // requests that carried its messages
	firstSent time.Duration // when the first of them began
	failures  int           // retryable ones in a row
	alone     int           // of these, those since whose predecessor others had succeeded: see queue.suspect
	successes uint64        // queue.successes at the last of them
	schedule  *schedule     // its own; nil before the first failure
	wakeAt    time.Duration // while sleeping
	err       error         // of the last failure
	family    *family       // nil unless it was split

	turn chan struct{} // set for a synchronous call's place in the lane; closed when it may begin
}

func (b *batch) count() int { return b.hi - b.lo }

// size returns the JSON bytes of messages lo to hi, without separators, as
// the queue's bounds count them.
func (b *batch) size(lo, hi int) int {
	if lo == hi {
		return 0
	}
	return len(b.content.messages(lo, hi)) - (hi - lo - 1)
}

// oldest returns when the oldest message was accepted.
func (b *batch) oldest() time.Duration { return b.content.marks[b.lo].acceptedAt }

// before reports whether b's oldest message was accepted before other's.
func (b *batch) before(other *batch) bool {
	return int32(b.content.marks[b.lo].seq-other.content.marks[other.lo].seq) < 0
}

// dueAt returns when b, still open, has waited long enough for company.
func (b *batch) dueAt(flushInterval time.Duration) time.Duration {
	return b.content.marks[0].acceptedAt + flushInterval
}

// A lane is the messages of one endpoint and one environment: they may share a
// batch. Guarded by queue.mu.
type lane struct {
	endpoint    endpoint
	environment string
	batches     int    // not settled, turns included
	sealedSize  int    // what the batch sealed last takes: room for the next one
	open        *batch // takes the next message; nil if there is none

	// Identifies are delivered in order: current is the one batch that may be
	// ready, sleeping or flying; waiting holds those behind it, and the turns
	// of synchronous calls. A yielded batch sleeps outside.
	current *batch
	waiting list.List
}

func (l *lane) ordered() bool { return l.endpoint == identifyEndpoint }

// byAge is a heap of batches, the one with the oldest message first.
type byAge struct {
	batches []*batch
	place   func(*batch) *int // where a batch notes its place, counted from 1; 0 if it is not in here
}

func (h *byAge) Len() int           { return len(h.batches) }
func (h *byAge) Less(i, j int) bool { return h.batches[i].before(h.batches[j]) }
func (h *byAge) Swap(i, j int) {
	h.batches[i], h.batches[j] = h.batches[j], h.batches[i]
	*h.place(h.batches[i]), *h.place(h.batches[j]) = i+1, j+1
}

func (h *byAge) Push(x any) {
	b := x.(*batch)
	h.batches = append(h.batches, b)
	*h.place(b) = len(h.batches)
}

func (h *byAge) Pop() any {
	last := len(h.batches) - 1
	b := h.batches[last]
	h.batches[last] = nil
	h.batches = h.batches[:last]
	*h.place(b) = 0
	return b
}

// first returns the batch with the oldest message, nil if there is none.
func (h *byAge) first() *batch {
	if len(h.batches) == 0 {
		return nil
	}
	return h.batches[0]
}

// remove takes b out, if it is in here.
func (h *byAge) remove(b *batch) {
	if place := *h.place(b); place > 0 {
		heap.Remove(h, place-1)
	}
}

// fix finds b's place anew after its oldest message has left, if it is in here.
func (h *byAge) fix(b *batch) {
	if place := *h.place(b); place > 0 {
		heap.Fix(h, place-1)
	}
}
