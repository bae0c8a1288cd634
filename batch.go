package altertable

// The way of a message, and who owns it on each step:
//
//	Track      fills in who acts and what the context adds: ids, properties                       scope.go, properties.go
//	encode     writes it into a pooled envelope, on the caller's goroutine, outside every lock    message.go
//	accept     numbers it and puts it into an open batch of its lane, under queue.mu              queue.go, order.go
//	seal       closes the batch: it is full, old enough, flushed, or the queue is full            places.go
//	advance    hands batches to requests, as MaxInFlight, outages and the rate limit allow        dispatch.go, traffic.go, outage.go, pace.go
//	post       sends the batch's bytes as they stand, on a goroutine of its own, without a lock   transport.go
//	finish     judges the answer, under queue.mu: settle, retry, or split                         dispatch.go
//	retry      lets the batch wait for another attempt                                            dispatch.go
//	split      makes two batches of one that was refused, or that alone keeps failing             refusal.go
//	settle     counts the outcome, tells Flush, and hands it to the callbacks' goroutine          settle.go
//
// A batch is the body of its request: JSON messages with commas between, and
// the offsets at which they end. Nothing is encoded again on the way, and there
// is nothing in it for the garbage collector to walk.
//
// While a batch is open, its bytes are in a buffer that is used again for the
// next one. Sealing copies them once, into memory that fits, and so does
// splitting. From then on the bytes never change, are never used again for
// anything else, and belong to this batch alone. So a request and a callback
// read them without a lock, for as long as they like.
//
// queue.mu guards all state of the queue, and of its closed parts: places, health,
// access, pace, reports and warnings. Each part changes its own fields only and
// calls nothing outside itself. A method of the queue whose name ends in Locked
// is called with queue.mu held. No user's code, no I/O and no encoding runs under
// queue.mu.
//
// No goroutine lives while there is nothing to do: a request has one, due
// callbacks share one, and one timer wakes the queue when something falls due.
//
// Messages are numbered in the order of acceptance. Flush waits for all numbers
// up to the newest one. What it waits for leaves without waiting for company, and
// does not share a batch with what comes later.
//
// Identifies of one person keep their order. A batch of identifies waits for the
// earlier ones that name one of its people, and for no other: see people.go.
//
// What fails waits alone: a batch, an endpoint, or the whole client, as far as
// the failures reach: see outage.go. A rate limit delays all requests: see pace.go.
// With a spool, a refused key delays all requests, and a missing environment delays
// those of its own messages: see access.go.
//
// Enqueue also takes a Raw, which is checked and not encoded: see raw.go. A
// function that Enqueue was given goes with its message, and is told by the
// callbacks' goroutine: see done.go, and storeddone.go for what is on disk alone.
//
// With Block, a call that finds no room waits for it: see block.go.
//
// With a spool, accept first writes the message to disk, and what memory has no
// room for stays there until it has: see backlog.go.
//
// Shutdown stops the intake, flushes, and, when its context ends, cancels the
// requests and settles what is left as dropped.

import (
	"container/list"
	"encoding/json"
	"math"
	"slices"
	"sort"
	"sync"
	"time"
	"unsafe"

	"github.com/altertable-ai/altertable-go/internal/spool"
)

// A batch is messages of one lane that go in one request. Guarded by
// queue.mu, except that the bytes of a sealed series never change.
type batch struct {
	lane *lane
	series
	claim *claim // on its people; nil if it is not of identifies
	gone  int    // messages at the beginning that have their outcome already

	state     state         // places moves it
	element   *list.Element // in the list of its state, if that is a list
	idlePlace int           // in its lane's traffic.idle
	backPlace int           // in places.setBack
	gatePlace int           // in missing.waiting
	wakeAt    time.Duration // while sleeping
	scratch   *scratch      // the memory that an open batch has on loan; nil if it has its own

	attempts    int           // requests that carried its messages
	repeats     bool          // the next one is made again after a failure
	misdirected bool          // an answer was a 421
	suspect     bool          // in flight after it failed alone
	firstSent   time.Duration // when the first of them began
	sentAt      time.Duration // when the last of them did
	last        bool          // Shutdown had begun then
	setbacks                  // see outage.go
	blame       blame         // see refusal.go
	family      *family       // nil unless it was split
}

// count returns the messages without an outcome.
func (b *batch) count() int { return len(b.marks) - b.gone }

// size returns the JSON bytes of the first n messages without an outcome, as
// the queue's bounds count them: without separators.
func (b *batch) size(n int) int {
	if n == 0 {
		return 0
	}
	return b.end(b.gone+n-1) - b.begin(b.gone) - (n - 1)
}

// oldest returns when the oldest message without an outcome was accepted.
func (b *batch) oldest() time.Duration { return b.marks[b.gone].acceptedAt }

// number returns the number of that message.
func (b *batch) number() uint64 { return b.series.number(b.gone) }

// before reports whether b's oldest message was accepted before other's.
func (b *batch) before(other *batch) bool { return b.number() < other.number() }

// countUpTo returns how many of the first n messages without an outcome have a
// number up to frontier.
func (b *batch) countUpTo(n int, frontier uint64) int {
	if b.series.number(b.gone+n-1) <= frontier {
		return n
	}
	return sort.Search(n, func(i int) bool { return b.series.number(b.gone+i) > frontier })
}

// payload returns what a request with the messages carries.
func (b *batch) payload() payload {
	head, tail := b.between(b.begin(b.gone), b.end(len(b.marks)-1))
	return payload{parts: [2][]byte{head, tail}, array: true}
}

// first returns the first n messages without an outcome, in memory that the
// batch will not use again.
func (b *batch) first(n int) series {
	if b.state != open && n == b.count() && b.gone == 0 {
		return b.series
	}
	return b.fitted(b.gone, b.gone+n)
}

// firstRefs returns where on disk the first n messages without an outcome are,
// nil without a spool.
func (b *batch) firstRefs(n int) []spool.Ref {
	switch {
	case len(b.refs) == 0:
		return nil
	case b.state == open:
		return slices.Clone(b.refs[b.gone : b.gone+n])
	}
	return b.refs[b.gone : b.gone+n : b.gone+n]
}

// A series is messages as a request's body has them: `message,message,message`.
type series struct {
	base   uint64      // the marks' numbers count from here
	head   []byte      // the JSON
	tail   []byte      // continues it; empty while the batch is open
	marks  []mark      // by message
	people []person    // by message; empty unless they are identifies
	refs   []spool.Ref // by message, where it is on disk; empty without a spool
	dones  dones       // who waits for the messages' outcome

	adopted bool // a dead client left some of them
}

// mark says where a message ends in its series, and when it was accepted.
type mark struct {
	end        uint32
	after      uint32        // its number, less the series' base
	acceptedAt time.Duration // on the queue's clock
}

// takes reports whether a message of this number can be marked in s.
func (s *series) takes(number uint64) bool { return number-s.base <= math.MaxUint32 }

func (s *series) add(message []byte, number uint64, acceptedAt time.Duration) {
	if len(s.marks) == 0 {
		s.base = number
	} else {
		s.head = append(s.head, ',')
	}
	s.head = append(s.head, message...)
	s.marks = append(s.marks, mark{uint32(len(s.head)), uint32(number - s.base), acceptedAt})
}

// drop takes out the first n messages of s, which is not sealed.
func (s *series) drop(n int) {
	from := s.begin(n)
	s.head = append(s.head[:0], s.head[from:]...)
	s.marks = append(s.marks[:0], s.marks[n:]...)
	for i := range s.marks {
		s.marks[i].end -= uint32(from)
	}
	if len(s.people) > 0 {
		s.people = slices.Delete(s.people, 0, n)
	}
	if len(s.refs) > 0 {
		s.refs = slices.Delete(s.refs, 0, n)
	}
	s.dones.drop(n)
}

// number returns the number of message i.
func (s *series) number(i int) uint64 { return s.base + uint64(s.marks[i].after) }

// begin returns where message i begins.
func (s *series) begin(i int) int {
	if i == 0 {
		return 0
	}
	return s.end(i-1) + len(",")
}

// end returns where message i ends.
func (s *series) end(i int) int { return int(s.marks[i].end) }

// between returns the JSON between two offsets, which may be in two parts.
func (s *series) between(from, to int) (head, tail []byte) {
	border := len(s.head)
	switch {
	case to <= border:
		return s.head[from:to:to], nil
	case from >= border:
		return s.tail[from-border : to-border : to-border], nil
	}
	return s.head[from:], s.tail[: to-border : to-border]
}

// joined returns the JSON between two offsets, in memory of its own.
func (s *series) joined(from, to int) []byte {
	head, tail := s.between(from, to)
	if len(tail) == 0 {
		return append([]byte(nil), head...)
	}
	return slices.Concat(head, tail)
}

// payloads returns the messages one by one.
func (s *series) payloads() []json.RawMessage {
	all := make([]json.RawMessage, 0, len(s.marks))
	for i := range s.marks {
		message, rest := s.between(s.begin(i), s.end(i))
		if len(rest) > 0 {
			message = slices.Concat(message, rest)
		}
		all = append(all, message)
	}
	return all
}

// page is a size of which every multiple is one of the allocator's: memory that
// is asked for in whole pages wastes nothing.
const page = 8 << 10

// fitted returns messages lo to hi in memory of their own: whole pages, and
// what is left.
func (s *series) fitted(lo, hi int) series {
	from, to := s.begin(lo), s.end(hi-1)
	border := to - (to-from)%page
	fit := series{
		base:  s.base,
		head:  s.joined(from, border),
		tail:  s.joined(border, to),
		marks: append([]mark(nil), s.marks[lo:hi]...),

		adopted: s.adopted,
	}
	for i := range fit.marks {
		fit.marks[i].end -= uint32(from)
	}
	if len(s.people) > 0 {
		fit.people = append([]person(nil), s.people[lo:hi]...)
	}
	if len(s.refs) > 0 {
		fit.refs = append([]spool.Ref(nil), s.refs[lo:hi]...)
	}
	fit.dones = s.dones.part(lo, hi)
	return fit
}

// buffers lends open batches their memory, with room for messages to come. A
// client may have as many open batches as environments, so the room of them all
// is bounded: beyond that a batch gets just what it needs.
type buffers struct {
	most   int // bytes that open batches may have room for together
	unused int // bytes that they have room for
}

// A scratch is memory that open batches use one after the other. Nothing else
// than an open batch ever refers to it.
type scratch struct {
	json   []byte
	marks  []mark
	people []person
	refs   []spool.Ref
}

// scratches is emptied by the garbage collector after a burst.
var scratches sync.Pool

// minScratch is the size from which on memory is worth keeping.
const minScratch = 1 << 10

// unused returns the bytes for which b, which is open, has room.
func (b *batch) unused() int {
	return cap(b.head) - len(b.head) + (cap(b.marks)-len(b.marks))*int(unsafe.Sizeof(mark{})) +
		(cap(b.people)-len(b.people))*int(unsafe.Sizeof(person{}))
}

// lend gives b, which is new, a scratch if there is one and the bound allows.
func (m *buffers) lend(b *batch) {
	s, _ := scratches.Get().(*scratch)
	if s == nil {
		return
	}
	b.scratch, b.series = s, series{head: s.json, marks: s.marks, people: s.people, refs: s.refs}
	if m.unused+b.unused() > m.most {
		b.scratch, b.series = nil, series{}
		scratches.Put(s)
		return
	}
	m.unused += b.unused()
}

// takeBack takes the memory of b, which is no longer read.
func (m *buffers) takeBack(b *batch) {
	m.unused -= b.unused()
	s := b.scratch
	if s == nil {
		s = new(scratch)
	}
	clear(b.refs)
	s.json, s.marks, s.people, s.refs = b.head[:0], b.marks[:0], b.people[:0], b.refs[:0]
	b.scratch, b.series = nil, series{}
	if cap(s.json) >= minScratch {
		scratches.Put(s)
	}
}

// add puts a message into b, which is open.
func (m *buffers) add(b *batch, e *envelope, number uint64, ref spool.Ref) {
	m.unused -= b.unused()
	if size := len(",") + len(e.json); len(b.head)+size > cap(b.head) {
		b.head = grow(b.head, size, m.unused+len(b.head)+size <= m.most)
	}
	if len(b.marks) == cap(b.marks) {
		b.marks = grow(b.marks, 1, m.unused+len(b.head) <= m.most)
	}
	b.dones.set(len(b.marks), e.done)
	b.add(e.json, number, e.acceptedAt)
	b.adopted = b.adopted || e.adopted
	if b.claim != nil {
		if len(b.people) == cap(b.people) {
			b.people = grow(b.people, 1, m.unused+len(b.head) <= m.most)
		}
		b.people = append(b.people, e.person)
	}
	if ref != (spool.Ref{}) {
		b.refs = append(b.refs, ref)
	}
	m.unused += b.unused()
}

// shrink gives up the memory of the messages that have left b, once they are an
// eighth of it: a message that stays is copied a few times at most.
func (m *buffers) shrink(b *batch) {
	switch {
	case b.begin(b.gone) < (len(b.head)+len(b.tail))/8:
	case b.state != open:
		b.series, b.gone = b.fitted(b.gone, len(b.marks)), 0
	default:
		m.unused -= b.unused()
		b.drop(b.gone)
		b.gone = 0
		if m.unused+b.unused() > m.most {
			b.head, b.marks, b.people = slices.Clone(b.head), slices.Clone(b.marks), slices.Clone(b.people)
		}
		m.unused += b.unused()
	}
}

// grow returns s with room for n more elements: for about as many as it has, if
// roomy, and otherwise for hardly more.
func grow[T any](s []T, n int, roomy bool) []T {
	if roomy {
		return slices.Grow(s, max(n, len(s)))
	}
	return append(slices.Grow([]T(nil), len(s)+n+len(s)/16), s...)
}
