package spool

import (
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"strings"
	"time"
)

var (
	errForeignFile = errors.New("is not a spool file of this version, key and URL")

	// errUnfinished says that a client died while it made the file: nothing was
	// accepted in it.
	errUnfinished = errors.New("has no complete header")
)

// A scanner finds out what is in the files of dead clients. It is used for one
// file after the other, since its memory is.
type scanner struct {
	header string
	text   []byte
	found  []found
}

// A found message is one that a scanner came across.
type found struct {
	seq, bytes uint32
	identify   bool
}

// A scan is what a file holds besides messages.
type scan struct {
	damaged      int       // lines
	whole        int64     // where the last line ends that is whole or intact
	oldest       time.Time // when the first message was accepted; zero if there is none
	lastIdentify time.Time // when the newest identify was, or what its client stamped on it
}

// scan reads a file of that size into s, which is to be of that size then. A
// line without an end counts if it is intact.
func (c *scanner) scan(s *segment, file *os.File, size int64) (result scan, err error) {
	if err := c.checkHeader(file); err != nil {
		return result, err
	}
	text, err := c.read(file, min(size, maxSegmentRead))
	if err != nil {
		return result, err
	}
	text = text[min(len(c.header), len(text)):]
	s.size, result.whole = size, int64(len(c.header))
	c.found = c.found[:0]
	for len(text) > 0 {
		end := bytes.IndexByte(text, '\n')
		s.torn = end < 0
		line := text
		if s.torn {
			text = nil
		} else {
			line, text = text[:end], text[end+1:]
			result.whole += int64(end + 1)
		}
		intact := c.scanLine(s, line, &result)
		switch {
		case s.torn && intact:
			result.whole += int64(len(line))
		case !intact && !(s.torn && size > maxSegmentRead): // else it is part of what lies behind
			result.damaged++
		}
	}
	if size > maxSegmentRead {
		result.damaged++
		s.torn = true
	}
	s.damaged = result.damaged > 0
	s.oldest = result.oldest
	s.done = s.done.merge()
	for _, m := range c.found {
		if !s.done.has(m.seq) {
			s.unread.add(m.tally())
		}
	}
	s.live = s.unread.Count
	return result, nil
}

func (m found) tally() Tally {
	t := Tally{Count: 1, Bytes: int64(m.bytes)}
	if m.identify {
		t.Identifies = 1
	}
	return t
}

// checkHeader reads no more than that: a file may be anything.
func (c *scanner) checkHeader(file *os.File) error {
	text, err := c.read(file, int64(len(c.header)))
	switch {
	case err != nil:
		return err
	case string(text) == c.header:
		return nil
	case strings.HasPrefix(c.header, string(text)):
		return errUnfinished
	}
	return errForeignFile
}

// read returns the first n bytes of a file, fewer if it has no more.
func (c *scanner) read(file *os.File, n int64) ([]byte, error) {
	if int64(cap(c.text)) < n {
		c.text = make([]byte, n)
	}
	text := c.text[:n]
	got, err := file.ReadAt(text, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return text[:got], nil
}

// scanLine takes in what a line says; ok is false if it is damaged.
func (c *scanner) scanLine(s *segment, line []byte, result *scan) (ok bool) {
	kind, text, ok := parseLine(line)
	switch {
	case ok && kind == 'd':
		before := len(s.done)
		s.done, ok = s.done.parse(text)
		for _, r := range s.done[before:] {
			s.sawSeq(r.last)
		}
		return ok
	case !ok || kind != 'm':
		return false
	}
	h, json, ok := parseHead(text)
	if !ok {
		return false
	}
	if result.oldest.IsZero() {
		result.oldest = time.UnixMicro(h.accepted)
	}
	if h.endpoint == Identify {
		last := time.UnixMicro(h.accepted)
		if h.ahead {
			last = timestamp(json)
		}
		if last.After(result.lastIdentify) {
			result.lastIdentify = last
		}
	}
	s.sawSeq(h.seq)
	c.found = append(c.found, found{h.seq, uint32(len(json)), h.endpoint == Identify})
	return true
}

// sawSeq has the next message's number be greater.
func (s *segment) sawSeq(seq uint32) {
	if seq == math.MaxUint32 {
		s.next = seq
	} else {
		s.next = max(s.next, seq+1)
	}
}
