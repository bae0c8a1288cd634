package spool

import (
	"math"
	"time"
)

// Oldest returns when the oldest unread message was accepted, on a clock that at
// reads of a message's Accepted, At and Adopted; about, and not too late.
func (s *Spool) Oldest(at func(*Message) time.Duration) time.Duration {
	oldest := time.Duration(math.MaxInt64)
	for _, segment := range s.segments {
		if segment.unread.Count > 0 {
			oldest = min(oldest, at(&Message{Accepted: segment.oldest, At: time.Since(time.Now()), Adopted: true}))
		}
	}
	return oldest
}

// NextUnread counts the unread messages of the file that Read reads next.
func (s *Spool) NextUnread() Tally {
	if segment := s.nextUnread(); segment != nil {
		return segment.unread
	}
	return Tally{}
}
