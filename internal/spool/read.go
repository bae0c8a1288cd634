package spool

import (
	"errors"
	"io/fs"
	"math"
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
// The error is an *Error. If it IsLost, SkipUnreadable goes on behind that
// file. Otherwise it may pass: Postpone reads other files first.
func (s *Spool) Read(limit int64) ([]Message, error) {
	segment := s.nextUnread()
	if segment == nil {
		return nil, nil
	}
	for segment.taken < segment.end() {
		messages, err := segment.read(limit)
		if err != nil {
			return nil, &Error{"read", segment.path(), err}
		}
		if len(messages) > 0 {
			return messages, nil
		}
	}
	return nil, &Error{"read", segment.path(), errDamaged}
}

// IsLost reports whether an error of Read says that messages are lost: they are
// damaged, or their file is gone. Any other error may pass.
func IsLost(err error) bool {
	return errors.Is(err, errDamaged) || errors.Is(err, fs.ErrNotExist)
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
	m.Ref.segment.taken, m.Ref.segment.oldest = m.end, m.next
}

// Oldest returns when the oldest unread message was accepted, or somewhat earlier,
// on the clock that at reads of a message's Accepted, At and Adopted.
func (s *Spool) Oldest(at func(*Message) time.Duration) time.Duration {
	oldest := time.Duration(math.MaxInt64)
	for _, segment := range s.segments {
		if segment.unread.Count > 0 {
			m := Message{Accepted: segment.oldest, Adopted: segment.adopted, At: segment.oldest.Sub(segment.base)}
			oldest = min(oldest, at(&m))
		}
	}
	return oldest
}

// Unread counts the unread messages.
func (s *Spool) Unread() (t Tally) {
	for _, segment := range s.segments {
		t.add(segment.unread)
	}
	return t
}

// LastIdentify returns the time after which no client stamped an identify in an
// adopted file, with or without an outcome; the zero Time if there is none.
func (s *Spool) LastIdentify() (last time.Time) { return s.lastIdentify }

// NextUnread counts the unread messages of the file that Read reads next.
func (s *Spool) NextUnread() Tally {
	if segment := s.nextUnread(); segment != nil {
		return segment.unread
	}
	return Tally{}
}

// Postpone puts the file that Read failed at behind all others, if one of those
// can be read now. It reports whether it did.
func (s *Spool) Postpone() bool {
	failed := s.nextUnread()
	for _, segment := range s.segments {
		if segment == failed || segment.unread.Count == 0 {
			continue
		}
		if !segment.canBeRead() {
			continue
		}
		s.sealCurrent() // what is appended next comes behind
		i := slices.Index(s.segments, failed)
		s.segments = append(slices.Delete(s.segments, i, i+1), failed)
		return true
	}
	return false
}

// canBeRead reports whether the file can be opened and read. That one is open
// already says nothing of the others: the process may be out of file descriptors.
func (s *segment) canBeRead() bool {
	file, _, err := s.instance.openFile(s.position.name, os.O_RDONLY)
	if err != nil {
		return false
	}
	defer func() { _ = file.Close() }() // it is only read
	_, err = file.ReadAt(make([]byte, 1), s.taken)
	return err == nil
}

// Skipped is the unread messages of a file that is not read any further.
type Skipped struct {
	Tally
	Err  *Error // why
	File Ref    // SameFile as theirs
}

// SkipUnreadable gives up the unread messages of the file that Read failed at
// with err, which IsLost.
func (s *Spool) SkipUnreadable(err error) Skipped {
	return s.skip(s.nextUnread(), err)
}

func (s *Spool) skip(segment *segment, err error) Skipped {
	var trouble *Error
	if !errors.As(err, &trouble) {
		trouble = &Error{"read", segment.path(), err}
	}
	skipped := Skipped{segment.unread, trouble, Ref{segment: segment}}
	if segment == s.current {
		s.sealCurrent() // what is appended next is to be read
	}
	segment.unread = Tally{}
	segment.damaged = true
	s.bury(segment, skipped.Count)
	return skipped
}

// Removed finds out which files somebody has removed: their messages are lost.
// Ref.Gone then tells of those that were read; skipped are those that were not.
// That a directory was removed as a whole is among the troubles.
func (s *Spool) Removed() (skipped []Skipped) {
	if s.live == 0 {
		return nil
	}
	s.found = false
	if err := s.find(); err != nil {
		s.troubles = append(s.troubles, err)
	}
	for _, segment := range slices.Clone(s.segments) {
		if there, err := exists(segment.instance.root, segment.position.name); there || err != nil {
			continue
		}
		segment.gone = true
		if segment.unread.Count > 0 {
			skipped = append(skipped, s.skip(segment, fs.ErrNotExist))
		}
	}
	return skipped
}
