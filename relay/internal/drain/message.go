package drain

import (
	"errors"
	"hash/maphash"
	"math/bits"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	altertable "github.com/altertable-ai/altertable-go"
)

// A msgID stands for a message's Nats-Msg-Id: 128 bits of hashes under seeds of this
// process, so that two messages do not share one by accident or on purpose.
type msgID [2]uint64

var seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

// idOf returns the message's id. One that came without is known by its place and time,
// which together no other message has.
func idOf(header nats.Header, sequence uint64, at time.Time) (id msgID, name string) {
	name = header.Get(nats.MsgIdHdr)
	if name == "" {
		name = strconv.FormatUint(sequence, 10) + "@" + strconv.FormatInt(at.UnixNano(), 10)
	}
	for i := range id {
		id[i] = maphash.String(seeds[i], name)
	}
	return id, name
}

// endpointOf returns the endpoint that a subject names, "" if none.
func endpointOf(tenant, subject string) string {
	rest, _ := strings.CutPrefix(subject, "altertable.v1."+tenant+".")
	switch rest, _, _ = strings.Cut(rest, "."); rest {
	case "track", "identify", "alias":
		return rest
	}
	return ""
}

// A held message was pulled and not acknowledged. The fields of the second part are
// guarded by session.mu; the others do not change.
type held struct {
	lane     *lane
	id       msgID
	name     string
	sequence uint64 // in the stream
	outcome  string // subject that waits for the outcome; "" if none
	endpoint string
	bytes    int
	events   int
	skip     bitset // events that an earlier session settled

	reply     string // subject of its acknowledgement
	remaining int    // events without an outcome
	missing   int    // of these, those of a missing environment
	settled   bitset
	refusal   refusal // that of its first refused event with a stored dead letter
	parked    bool
}

// A refusal is that of one event of a message.
type refusal struct {
	event  int
	status int // 0: none
	code   string
}

// or returns the refusal of the earlier event.
func (r refusal) or(other refusal) refusal {
	if r.status == 0 || other.status != 0 && other.event < r.event {
		return other
	}
	return r
}

// A bitset has a bit for each event of a message.
type bitset []uint64

func newBitset(n int) bitset { return make(bitset, (n+63)/64) }

func (b bitset) has(i int) bool { return i/64 < len(b) && b[i/64]>>(i%64)&1 == 1 }

func (b bitset) set(i int) { b[i/64] |= 1 << (i % 64) }

func (b bitset) count() (n int) {
	for _, word := range b {
		n += bits.OnesCount64(word)
	}
	return n
}

// What known finds.
type knowledge int

const (
	unknown knowledge = iota
	heldNow
	settledBefore
)

// known finds out whether a message was here before. One that is held now is
// acknowledged by the reply of its newest delivery.
func (s *session) known(id msgID, reply string) knowledge {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.held[id]; h != nil {
		h.reply = reply
		return heldNow
	}
	if s.d.ring.has(id) {
		return settledBefore
	}
	return unknown
}

// hold takes a message into the budget.
func (s *session) hold(h *held) {
	before := s.d.progress.take(h.id, h.events)
	h.skip, h.refusal = before.settled, before.refusal
	h.settled = newBitset(h.events)
	copy(h.settled, h.skip)
	h.remaining = h.events - h.settled.count()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held[h.id] = h
	h.lane.used += h.bytes
	h.lane.active++
}

// enqueue gives the events to the core client. It runs on the lane's goroutine.
func (h *held) enqueue(events [][]byte) {
	s := h.lane.s
	h.lane.given.Add(int64(len(events) - h.skip.count()))
	for i, event := range events {
		if h.skip.has(i) {
			continue
		}
		if s.d.missing.any() {
			if name := environmentOf(event); s.d.missing.asksFor(name) {
				s.miss(h, i, name)
				s.judged.Add(1)
				continue
			}
		}
		h.offer(i, event)
	}
	if h.outcome != "" {
		_ = s.client.Flush(ended) // somebody waits: no waiting for company
	}
	if len(events) == h.skip.count() {
		s.finish(h)
	}
}

// offer has the core accept an event, unless the session is over. The core's queue is
// never full, since the budget is far below its bounds.
func (h *held) offer(i int, event []byte) {
	s := h.lane.s
	err := s.client.Enqueue(s.ctx, altertable.Raw{Endpoint: h.endpoint, JSON: event}, func(err error) { h.judge(i, err) })
	if err == nil {
		return
	}
	s.judged.Add(1)
	if !errors.Is(err, altertable.ErrClosed) && s.ctx.Err() == nil {
		s.refuse(h, i, event, err)
	}
}

// settle gives an event its outcome: delivered, or r.
func (s *session) settle(h *held, i int, r refusal) {
	s.mu.Lock()
	switch {
	case s.held == nil: // too late for this session: the next one sends the event, or skips it
		s.mu.Unlock()
		s.d.progress.mark(h.id, i, h.events, r)
		return
	case h.settled.has(i):
		s.mu.Unlock()
		return
	}
	h.settled.set(i)
	h.refusal = h.refusal.or(r)
	h.remaining--
	s.partial++
	if h.remaining > 0 {
		s.parkLocked(h)
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	s.finish(h)
}

// finish acknowledges a message all of whose events have an outcome.
func (s *session) finish(h *held) {
	s.mu.Lock()
	if s.held[h.id] != h {
		s.mu.Unlock()
		return
	}
	s.d.ring.add(h.id)
	delete(s.held, h.id)
	s.partial -= h.settled.count() - h.skip.count()
	if h.parked {
		s.parked--
	} else {
		h.lane.used -= h.bytes
		h.lane.active--
	}
	s.movedLocked()
	reply, refused := h.reply, h.refusal
	s.mu.Unlock()
	s.ack(reply)
	if h.outcome != "" {
		s.d.tell(h.outcome, refused)
	}
}

// ack acknowledges a delivery. What cannot be written now is written later.
func (s *session) ack(reply string) {
	if err := s.d.broker.conn.Publish(reply, ackDone); err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.unacked = append(s.unacked, reply)
	}
}

// holdsAny reports whether a message of the lane is held.
func (s *session) holdsAny(l *lane) bool {
	_, holds := s.oldest(l)
	return holds
}

// oldest returns the first stream sequence that the lane holds.
func (s *session) oldest(l *lane) (sequence uint64, holds bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.held {
		if h.lane == l && (!holds || h.sequence < sequence) {
			sequence, holds = h.sequence, true
		}
	}
	return sequence, holds
}

// letGo holds nothing any more: it is on the stream. What is settled of messages that
// are not is remembered. It returns how many they were.
func (s *session) letGo() (left int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, h := range s.held {
		if h.settled.count() > 0 {
			s.d.progress.put(id, part{settled: h.settled, events: h.events, refusal: h.refusal})
		}
	}
	left = len(s.held)
	s.held = nil
	return left
}
