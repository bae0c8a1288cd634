package spool

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"time"
)

// A segment is one file of a spool. It consists of lines, so that damage stays
// where it is and reading goes on at the next line.
type segment struct {
	path    string
	file    *os.File // while messages are appended; afterwards it is opened when need be
	size    int64
	next    uint32 // SEQ of the next message
	live    int    // messages without an outcome
	unread  Tally
	taken   int64 // where reading goes on
	torn    bool  // the last line has no end
	damaged bool  // set aside, instead of removed, in the end
	gone    bool  // Removed did not find it

	// Of an adopted segment.
	oldest       time.Time // when its first message was accepted
	lastIdentify time.Time // when its newest identify was
	done         seqSet    // have their outcome
}

const segmentMagic = "altertable-spool 1 "

// maxSegmentLine bounds a line that is read: a message of a batch's limit, and its head.
const maxSegmentLine = 3 << 20

// createSegment starts a new file.
func createSegment(path, tenant string) (*segment, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	header := segmentMagic + tenant + "\n"
	if _, err := file.WriteString(header); err != nil {
		return nil, errors.Join(err, file.Close(), os.Remove(path))
	}
	return &segment{path: path, file: file, size: int64(len(header))}, nil
}

var errForeignFile = errors.New("is not a spool file of this version, key and URL")

// scanSegment finds out what is in the file of a dead client, and how many of
// its lines are damaged. A line without an end counts if it is intact.
func scanSegment(path, tenant string, lines *bufio.Reader) (s *segment, damaged int, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = file.Close() }() // it is only read
	lines.Reset(file)
	header := segmentMagic + tenant + "\n"
	switch head, err := lines.Peek(len(header)); {
	case err != nil && !errors.Is(err, io.EOF):
		return nil, 0, err
	case string(head) != header:
		return nil, 0, errForeignFile
	}
	n, _ := lines.Discard(len(header)) // they are there
	s = &segment{path: path, size: int64(n)}
	var messages []found
	for {
		line, err := lines.ReadSlice('\n')
		size := len(line)
		for ; errors.Is(err, bufio.ErrBufferFull); size += len(line) {
			line, err = lines.ReadSlice('\n') // the end of what no client has written
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, 0, err
		}
		s.size += int64(size)
		s.torn = err != nil && size > 0
		if size > 0 && !s.scanLine(bytes.TrimSuffix(line, []byte("\n")), &messages) {
			damaged++
		}
		if err != nil {
			break
		}
	}
	s.damaged = damaged > 0
	s.done = s.done.merge()
	for _, m := range messages {
		if !s.done.has(m.seq) {
			s.unread.add(m.Tally)
		}
	}
	s.live = s.unread.Count
	return s, damaged, nil
}

// A found message is one that scanSegment came across.
type found struct {
	seq uint32
	Tally
}

// scanLine takes in what a line says; ok is false if it is damaged.
func (s *segment) scanLine(line []byte, messages *[]found) (ok bool) {
	kind, text, ok := parseLine(line)
	switch {
	case ok && kind == 'd':
		s.done, ok = s.done.parse(text)
		return ok
	case !ok || kind != 'm':
		return false
	}
	m, ok := parseMessage(text)
	if !ok {
		return false
	}
	if s.oldest.IsZero() {
		s.oldest = m.Accepted
	}
	if m.Endpoint == Identify && m.Accepted.After(s.lastIdentify) {
		s.lastIdentify = m.Accepted
	}
	*messages = append(*messages, found{m.Ref.seq, m.tally()})
	return true
}

// with calls f with the segment's file.
func (s *segment) with(f func(*os.File) error) error {
	if s.file != nil {
		return f(s.file)
	}
	file, err := os.OpenFile(s.path, os.O_RDWR, 0)
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
	return s.with(func(file *os.File) error {
		n, err := file.WriteAt(lines, s.size)
		if err == nil && sync {
			err = file.Sync()
		}
		if err != nil {
			if n > 0 {
				err = errors.Join(err, file.Truncate(s.size))
			}
			return err
		}
		s.size += int64(n)
		s.torn = false
		return nil
	})
}

// read returns the messages without an outcome in about limit bytes from taken
// on. What lies there besides is taken, if there are none.
func (s *segment) read(limit int64) (messages []Message, err error) {
	text, err := s.readLines(limit)
	if err != nil {
		return nil, err
	}
	end := s.taken
	for line := range bytes.Lines(text) {
		end += int64(len(line))
		kind, rest, ok := parseLine(bytes.TrimSuffix(line, []byte("\n")))
		m, isMessage := parseMessage(rest)
		if !ok || kind != 'm' || !isMessage || s.done.has(m.Ref.seq) {
			continue
		}
		m.Ref.segment, m.end = s, end
		m.Environment = environment(m.JSON)
		messages = append(messages, m)
	}
	if len(messages) == 0 {
		s.taken = end
	}
	return messages, nil
}

// readLines returns whole lines from taken on, one at least.
func (s *segment) readLines(limit int64) ([]byte, error) {
	for ; ; limit *= 2 {
		text := make([]byte, min(limit, s.size-s.taken))
		if err := s.with(func(file *os.File) error {
			_, err := file.ReadAt(text, s.taken)
			return err
		}); err != nil {
			return nil, err
		}
		if end := bytes.LastIndexByte(text, '\n'); end >= 0 {
			return text[:end+1], nil
		}
		if s.taken+limit >= s.size || limit > maxSegmentLine {
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

// copyTo moves the segment, whose file is open and has lost its name, to path.
func (s *segment) copyTo(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(file, io.NewSectionReader(s.file, 0, s.size)); err != nil {
		return errors.Join(err, file.Close(), os.Remove(path))
	}
	s.seal()
	s.path, s.file = path, file
	return nil
}
