package drain

import (
	"context"
	"time"
)

// ackAgain is how soon acknowledgements that could not be written are tried again.
// Until the broker has them, the death of this process would bring those messages twice.
const ackAgain = 200 * time.Millisecond

// beat tells the broker that held messages are worked on, so that it does not deliver
// them again, and writes what acknowledgements could not be written before.
func (s *session) beat(ctx context.Context) {
	progress := time.NewTicker(s.d.o.AckWait / 3)
	defer progress.Stop()
	again := time.NewTicker(ackAgain)
	defer again.Stop()
	for {
		select {
		case <-again.C:
			for _, reply := range s.takeUnacked() {
				s.ack(reply)
			}
		case <-progress.C:
			for _, reply := range s.replies() {
				_ = s.d.broker.conn.Publish(reply, ackProgress) // the next one may pass
			}
		case <-ctx.Done():
			return
		}
	}
}

// takeUnacked returns the acknowledgements that could not be written.
func (s *session) takeUnacked() []string {
	if !s.d.broker.conn.IsConnected() {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	unacked := s.unacked
	s.unacked = nil
	return unacked
}

// replies returns where the broker waits for news of what is held.
func (s *session) replies() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := make([]string, 0, len(s.held))
	for _, h := range s.held {
		held = append(held, h.reply)
	}
	return held
}
