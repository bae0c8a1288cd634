package spool

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"
)

// A segment is one file of a spool. It consists of lines, so that damage stays
// where it is and reading goes on at the next line.
type segment struct {
	instance *instance
	position position
	number   int // in the order in which the spool met them

	file    *os.File // while messages are appended; afterwards it is opened when need be
	size    int64
	next    uint32 // SEQ of the next message
	live    int    // messages without an outcome
	unread  Tally
	oldest  time.Time // no unread message was accepted before
	taken   int64     // where reading goes on
	unnoted []uint32  // have their outcome, which is to be noted
	loaded  mark      // where Load goes on
	torn    bool      // the last line has no end
	damaged bool      // set aside, instead of removed, in the end
	gone    bool      // Removed did not find it

	base time.Time // what was accepted, less the owner's clock; of an own segment

	adopted bool
	done    seqSet // had their outcome when it was adopted, or were withdrawn
}

// A mark says that the messages from seq on begin at an offset.
type mark struct {
	seq uint32
	at  int64
}

const (
	segmentMagic = "altertable-spool 1 "

	// maxSegmentLine bounds a line that is read: a message of a batch's limit, and its head.
	maxSegmentLine = 3 << 20

	// maxSegmentRead bounds what is read of a file: no client writes a longer one.
	maxSegmentRead = 16 << 20
)

func header(tenant string) string { return segmentMagic + tenant + "\n" }

func (s *segment) path() string { return filepath.Join(s.instance.path, s.position.name) }

// syncFile is replaced by tests.
var syncFile = (*os.File).Sync

// createSegment starts a new file.
func createSegment(i *instance, position position, tenant string) (*segment, error) {
	file, err := i.root.OpenFile(position.name, os.O_RDWR|os.O_CREATE|os.O_EXCL|openFlags, 0o600)
	if err != nil {
		return nil, err
	}
	head := header(tenant)
	if _, err := file.WriteString(head); err != nil {
		return nil, errors.Join(err, file.Close(), i.root.Remove(position.name))
	}
	return &segment{instance: i, position: position, file: file, size: int64(len(head))}, nil
}

// with calls f with the segment's file.
func (s *segment) with(flag int, f func(*os.File) error) error {
	if s.file != nil {
		return f(s.file)
	}
	file, _, err := s.instance.openFile(s.position.name, flag)
	if err != nil {
		return err
	}
	return errors.Join(f(file), file.Close())
}

// write appends whole lines. What it writes in part it takes back.
func (s *segment) write(lines []byte, sync bool) error {
	if s.torn {
		lines = append([]byte("\n"), lines...)
	}
	if s.file != nil {
		return s.writeTo(s.file, lines, sync)
	}
	return s.with(os.O_WRONLY, func(file *os.File) error { return s.writeTo(file, lines, sync) })
}

func (s *segment) writeTo(file *os.File, lines []byte, sync bool) error {
	n, err := file.WriteAt(lines, s.size)
	if err == nil && sync {
		err = syncFile(file)
	}
	if err != nil {
		if left := s.takeBack(file); left != nil {
			err = errors.Join(err, left)
		}
		return err
	}
	s.size += int64(n)
	s.torn = false
	return nil
}

// takeBack takes off what a write that failed has left. The number of bytes that
// WriteAt returns with an error does not tell of it.
func (s *segment) takeBack(file *os.File) error {
	info, err := file.Stat()
	if err != nil || info.Size() <= s.size {
		return nil // the next line overwrites it, if there is something
	}
	return file.Truncate(s.size)
}

// end returns up to where the file is read.
func (s *segment) end() int64 { return min(s.size, maxSegmentRead) }

// read returns the messages without an outcome in about limit bytes from taken
// on. What lies there besides is taken, if there are none.
func (s *segment) read(limit int64) (messages []Message, err error) {
	text, err := s.readLines(s.taken, limit)
	if err != nil {
		return nil, err
	}
	end := s.taken
	for line := range bytes.Lines(text) {
		end += int64(len(line))
		kind, rest, ok := parseLine(bytes.TrimSuffix(line, newline))
		m, isMessage := parseMessage(rest)
		if !ok || kind != 'm' || !isMessage || s.done.has(m.Ref.seq) {
			continue
		}
		m.Ref.segment, m.end = s, end
		m.Environment = environment(m.JSON)
		if m.Adopted = s.adopted; !m.Adopted {
			m.At = m.Accepted.Sub(s.base)
		}
		m.next = m.Accepted
		if n := len(messages); n > 0 {
			messages[n-1].next = m.Accepted
		}
		messages = append(messages, m)
	}
	if len(messages) == 0 {
		s.taken = end
	}
	return messages, nil
}

var newline = []byte("\n")

// readLines returns whole lines from an offset on, one at least. A file that
// ends there, though it was longer, is damaged.
func (s *segment) readLines(from, limit int64) ([]byte, error) {
	for ; ; limit *= 2 {
		text := make([]byte, min(limit, s.end()-from))
		var n int
		err := s.with(os.O_RDONLY, func(file *os.File) (err error) {
			if n, err = file.ReadAt(text, from); n > 0 && errors.Is(err, io.EOF) {
				return nil
			}
			return err
		})
		switch {
		case errors.Is(err, io.EOF):
			return nil, errDamaged
		case err != nil:
			return nil, err
		}
		short := n < len(text)
		text = text[:n]
		if end := bytes.LastIndexByte(text, '\n'); end >= 0 {
			return text[:end+1], nil
		}
		if short || from+limit >= s.end() || limit > maxSegmentLine {
			return text, nil // a torn line, which its checksum gives away
		}
	}
}

// seal ends the appending of messages.
func (s *segment) seal() {
	if s.file != nil {
		_ = s.file.Close()
		s.file = nil
	}
}

// copyTo moves the segment, whose file is open and has lost its directory, to
// another instance.
func (s *segment) copyTo(i *instance, position position) error {
	file, err := i.root.OpenFile(position.name, os.O_RDWR|os.O_CREATE|os.O_EXCL|openFlags, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(file, io.NewSectionReader(s.file, 0, s.size)); err != nil {
		return errors.Join(err, file.Close(), i.root.Remove(position.name))
	}
	// The directory may be elsewhere, with the file in it.
	held, errHeld := s.file.Stat()
	now, errNow := s.instance.root.Lstat(s.position.name)
	if errHeld == nil && errNow == nil && os.SameFile(held, now) {
		_ = s.instance.root.Remove(s.position.name)
	}
	_ = s.file.Close()
	s.instance, s.position, s.file = i, position, file
	return nil
}
