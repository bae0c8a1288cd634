package drain

import (
	"context"
	"time"
)

// ackSoon is how soon acknowledgements that could not be written are tried again.
// Until the broker has them, the death of this process would bring those messages twice.
const ackSoon = 200 * time.Millisecond

// mostParked messages are no trouble yet: a consumer has 4096 pending at most.
const mostParked = 3500

// beat tells the broker that held messages are worked on, so that it does not deliver
// them again, and writes what acknowledgements could not be written before.
func (s *session) beat(ctx context.Context) {
	told := time.Now()
	for {
		every := s.d.ackWait() / 3
		if !wait(ctx, min(ackSoon, every)) {
			return
		}
		s.ackAgain()
		if time.Since(told) >= every {
			told = time.Now()
			s.tellProgress()
		}
	}
}

// ackWait is the shortest time in which the broker waits for a word about a message.
func (d *Drain) ackWait() time.Duration {
	shortest := d.o.AckWait
	for _, l := range d.leases {
		shortest = shorter(shortest, l.getAckWait())
	}
	return shortest
}

func (s *session) tellProgress() {
	for _, reply := range s.replies() {
		_ = s.d.broker.conn.Publish(reply, ackProgress) // the next one may pass
	}
	if parked := s.countParked(); parked > mostParked {
		s.d.warn("parked", "relay: messages of missing environments fill the consumers; soon those of others wait for them", "messages", parked)
	}
}

func (s *session) countParked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.parked
}

// replies returns the subjects of what is held.
func (s *session) replies() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	replies := make([]string, 0, len(s.held))
	for _, h := range s.held {
		replies = append(replies, h.reply)
	}
	return replies
}

// ackAgain writes the acknowledgements that could not be written before.
func (s *session) ackAgain() {
	if !s.d.broker.connected() {
		return
	}
	s.mu.Lock()
	unacked := s.unacked
	s.unacked = nil
	s.mu.Unlock()
	for _, reply := range unacked {
		s.ack(reply)
	}
}
