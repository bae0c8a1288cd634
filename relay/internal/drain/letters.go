package drain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/altertable-ai/altertable-go/relay/internal/deadletter"
)

const (
	letterWorkers = 8
	mostOfCut     = 256 << 10 // bytes of a message that is too large to be stored whole
)

// letters stores refused events. What waits here is in the lanes' budget: its message
// is not settled. The zero value with a session works.
type letters struct {
	s *session

	mu      sync.Mutex // guards what follows
	waiting []letter
	busy    int // workers
	closed  bool
}

type letter struct {
	deadletter.Letter
	id      string
	of      *held
	refusal refusal
}

// refuse makes a dead letter of an event.
func (s *session) refuse(h *held, i int, event []byte, err error) {
	code, reason, status := reasonFor(err)
	if payloadOf(err) != nil && s.pieces > 1 {
		reason += fmt.Sprintf("; refused as one of %d messages", s.pieces)
	}
	endpoint := h.endpoint
	if endpoint == "" {
		endpoint = "track" // its stream of dead letters has a subject for each endpoint
	}
	s.letters.put(letter{
		Letter: deadletter.Letter{
			Time: time.Now(), Tenant: s.d.o.Tenant, Endpoint: endpoint, Code: code, Reason: reason, Message: bytes.Clone(event),
		},
		// The same event of the same message has the same id, so that a process that was
		// killed between the letter and the acknowledgement stores no second one.
		id: h.name + "." + strconv.Itoa(i), of: h, refusal: refusal{event: i, status: status, code: code},
	})
}

// put has a worker store a letter. It does not wait: the core's callback goroutine calls it.
func (p *letters) put(l letter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.waiting = append(p.waiting, l)
	if p.busy < letterWorkers {
		p.busy++
		p.s.team.Go(p.work)
	}
}

// close refuses what comes later: the session is over.
func (p *letters) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
}

// next takes the letter that has waited longest. It is false if there is none, and
// the worker's work is over.
func (p *letters) next() (l letter, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) == 0 || p.s.ctx.Err() != nil {
		p.busy--
		return l, false
	}
	l = p.waiting[0]
	p.waiting[0] = letter{}
	p.waiting = p.waiting[1:]
	return l, true
}

func (p *letters) work() {
	for l, ok := p.next(); ok; l, ok = p.next() {
		if p.store(l) {
			p.s.d.o.Metrics.Dead(l.Tenant, l.Code, 1)
			p.s.settle(l.of, l.refusal.event, l.refusal)
		}
	}
}

// store tries until the letter is stored. It is false if the session ends before.
func (p *letters) store(l letter) bool {
	for pause := 50 * time.Millisecond; p.s.ctx.Err() == nil; pause = min(2*pause, 5*time.Second) {
		limit, cancel := context.WithTimeout(p.s.ctx, 5*time.Second)
		err := p.s.d.dead.Put(limit, l.Letter, l.id)
		cancel()
		switch {
		case err == nil:
			return true
		case errors.Is(err, deadletter.ErrTooLarge) && len(l.Message) > mostOfCut:
			l.Message, l.Reason = l.Message[:mostOfCut], l.Reason+"; only its beginning could be stored"
			continue
		}
		p.s.d.warn("letters", "relay: a dead letter cannot be stored; its message stays on the stream meanwhile", "error", err)
		wait(p.s.ctx, pause)
	}
	return false
}
