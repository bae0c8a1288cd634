package spool

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"time"
)

// A Tally counts messages.
type Tally struct {
	Count      int
	Bytes      int64 // of their JSON
	Identifies int
}

func (t *Tally) add(other Tally) {
	t.Count += other.Count
	t.Bytes += other.Bytes
	t.Identifies += other.Identifies
}

func (t *Tally) sub(other Tally) {
	t.Count -= other.Count
	t.Bytes -= other.Bytes
	t.Identifies -= other.Identifies
}

var errDamaged = errors.New("messages are damaged")

// Read returns the next unread messages, in the order of acceptance, from about
// limit bytes of one file; none if all are read. They stay unread until Advance.
// After an error, which is an *Error, SkipUnreadable goes on behind that file.
func (s *Spool) Read(limit int64) ([]Message, error) {
	segment := s.nextUnread()
	if segment == nil {
		return nil, nil
	}
	for segment.taken < segment.size {
		messages, err := segment.read(limit)
		if err != nil {
			return nil, &Error{"read", segment.path, err}
		}
		if len(messages) > 0 {
			return messages, nil
		}
	}
	return nil, &Error{"read", segment.path, errDamaged}
}

// nextUnread returns the first segment with unread messages, nil if there is none.
func (s *Spool) nextUnread() *segment {
	for _, segment := range s.segments {
		if segment.unread.Count > 0 {
			return segment
		}
	}
	return nil
}

// Advance takes m as read: the next one of Read, or the one that Append wrote
// if all before it are read.
func (s *Spool) Advance(m *Message) {
	m.Ref.segment.unread.sub(m.tally())
	m.Ref.segment.taken = m.end
}

// Unread counts the unread messages.
func (s *Spool) Unread() (t Tally) {
	for _, segment := range s.segments {
		t.add(segment.unread)
	}
	return t
}

// LastIdentify returns when the newest identify in adopted files was accepted,
// with or without an outcome; the zero Time if there is none.
func (s *Spool) LastIdentify() (last time.Time) {
	for _, segment := range s.segments {
		if segment.lastIdentify.After(last) {
			last = segment.lastIdentify
		}
	}
	return last
}

// Skipped is the unread messages of a file that is not read any further.
type Skipped struct {
	Tally
	Err *Error // why
}

// IsLost reports whether an error of Read says that messages are lost. Any
// other error may pass.
func IsLost(err error) bool {
	return errors.Is(err, errDamaged) || errors.Is(err, fs.ErrNotExist)
}

// SkipUnreadable gives up the unread messages of the file that Read failed at
// with err, which IsLost.
func (s *Spool) SkipUnreadable(err error) Skipped {
	return s.skip(s.nextUnread(), err)
}

// Postpone puts the file that Read failed at behind all others, if one of those
// can be read now.
func (s *Spool) Postpone() bool { return false }

// Load returns the JSON of messages without an outcome, in the order of refs.
func (s *Spool) Load(refs []Ref) ([][]byte, error) {
	return nil, errors.ErrUnsupported
}

func (s *Spool) skip(segment *segment, err error) Skipped {
	var trouble *Error
	if !errors.As(err, &trouble) {
		trouble = &Error{"read", segment.path, err}
	}
	skipped := Skipped{segment.unread, trouble}
	segment.seal() // what is appended next is to be read
	segment.unread = Tally{}
	segment.damaged = true
	s.bury(segment, skipped.Count)
	return skipped
}

// Removed finds out which files somebody has removed: their messages are lost.
// Ref.Gone then tells of those that were read; skipped are those that were not.
func (s *Spool) Removed() (skipped []Skipped) {
	if s.live == 0 {
		return nil
	}
	s.checked = time.Time{}
	if err := s.findInstance(time.Now()); err != nil {
		s.troubles = append(s.troubles, err)
	}
	for _, segment := range slices.Clone(s.segments) {
		if _, err := os.Stat(segment.path); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		segment.gone = true
		if segment.unread.Count > 0 {
			skipped = append(skipped, s.skip(segment, fs.ErrNotExist))
		}
	}
	return skipped
}
