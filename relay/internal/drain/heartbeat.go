package drain

import (
	"context"
	"time"
)

// beat tells the broker that held messages are worked on, so that it does not deliver
// them again, and writes what acknowledgements could not be written before.
func (s *session) beat(ctx context.Context) {
	ticker := time.NewTicker(s.d.o.AckWait / 3)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		held, unacked := s.replies()
		for _, reply := range held {
			_ = s.d.broker.conn.Publish(reply, ackProgress) // the next one may pass
		}
		for _, reply := range unacked {
			s.ack(reply)
		}
	}
}

func (s *session) replies() (held, unacked []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	held = make([]string, 0, len(s.held))
	for _, h := range s.held {
		held = append(held, h.reply)
	}
	unacked, s.unacked = s.unacked, nil
	return held, unacked
}
