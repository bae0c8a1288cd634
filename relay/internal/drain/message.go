package drain

import (
	"context"
	"encoding/json"
	"errors"
	"hash/maphash"
	"math/bits"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"

	altertable "github.com/altertable-ai/altertable-go"
)

// A msgID stands for a message's Nats-Msg-Id. Two hashes under seeds of this process
// make 128 bits: none of two messages' is the same.
type msgID [2]uint64

var seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

// idOf returns the message's id. One that came without is known by its place and time,
// which together no other message has.
func idOf(m *nats.Msg, meta *nats.MsgMetadata) (id msgID, name string) {
	name = m.Header.Get(nats.MsgIdHdr)
	if name == "" {
		name = strconv.FormatUint(meta.Sequence.Stream, 10) + "@" + strconv.FormatInt(meta.Timestamp.UnixNano(), 10)
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
	blocked   int    // of these, those of a missing environment
	settled   bitset
	refusal   refusal
	parked    bool
}

// A refusal is that of a message's first event that was refused.
type refusal struct {
	event  int
	status int // 0: none
	code   string
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
	h.skip = s.d.progress.take(h.id)
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
func (h *held) enqueue(ctx context.Context, events [][]byte) {
	s := h.lane.s
	for i, event := range events {
		if h.skip.has(i) {
			continue
		}
		if s.d.absences.any() {
			if name := environmentOf(event); s.d.absences.has(name) {
				s.block(h, i, name, nil)
				continue
			}
		}
		if !h.offer(ctx, i, event) {
			return
		}
	}
	if h.outcome != "" {
		_ = s.client.Flush(ended) // somebody waits: no waiting for company
	}
	if len(events) == h.skip.count() {
		s.finish(h)
	}
}

// offer has the core accept an event. It returns false if the session is over.
func (h *held) offer(ctx context.Context, i int, event []byte) bool {
	s := h.lane.s
	done := func(err error) { s.judge(h, i, err) }
	var moved <-chan struct{}
	for {
		err := s.client.Enqueue(ctx, altertable.Raw{Endpoint: h.endpoint, JSON: event}, done)
		switch {
		case err == nil:
			return true
		case errors.Is(err, altertable.ErrClosed):
			return false
		case !errors.Is(err, altertable.ErrQueueFull):
			s.refuse(h, i, event, err)
			return true
		case moved == nil: // the budget is far below the queue's bounds; but events may be tiny
			_, moved = s.activeNow()
			continue
		}
		select {
		case <-moved:
			moved = nil
		case <-ctx.Done():
			return false
		}
	}
}

// settle gives an event its outcome.
func (s *session) settle(h *held, i int) {
	s.mu.Lock()
	if h.settled.has(i) {
		s.mu.Unlock()
		return
	}
	h.settled.set(i)
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
		s.tell(h.outcome, refused)
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

// tell publishes the outcome of a message for whom it waits.
func (s *session) tell(subject string, r refusal) {
	text, err := json.Marshal(struct {
		Status int    `json:"status"`
		Code   string `json:"code"`
		TaskID string `json:"task_id"`
	}{max(r.status, 200), r.code, ""})
	if err == nil {
		_ = s.d.broker.conn.Publish(subject, text) // nobody waits any more, or will know of it by the time
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

// keepProgress remembers what is settled of messages that are not.
func (s *session) keepProgress() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, h := range s.held {
		if h.settled.count() > 0 {
			s.d.progress.put(id, h.settled)
		}
	}
}
