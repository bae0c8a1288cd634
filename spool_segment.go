package altertable

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

// A segment is one file of a spool. It consists of lines, so that damage stays
// where it is and reading goes on at the next line. See docs/spool-format.md.
//
//	altertable-spool 1 TENANT
//	m CRC SEQ ENDPOINT ACCEPTED JSON      a message
//	d CRC FIRST-LAST,FIRST-LAST,...       messages that have their outcome
//
// Guarded by spool.mu.
type segment struct {
	path    string
	file    *os.File // while messages are written to it; afterwards it is opened when need be
	size    int64
	next    uint32  // SEQ of the next message
	live    int     // messages without an outcome
	unread  backlog // the part of them that is on disk alone
	torn    bool    // the last line has no end
	damaged bool    // set aside and not deleted when it is done with

	// Of an adopted segment.
	oldest       int64 // when its first message was accepted
	lastIdentify int64 // when its newest identify was
	done         seqSet
}

const segmentMagic = "altertable-spool 1 "

// maxSegmentLine bounds a line that is read: a message of a batch's limit, and its head.
const maxSegmentLine = 3 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendLine appends kind, the checksum of what text appends, that, and a newline.
func appendLine(dst []byte, kind byte, text func([]byte) []byte) []byte {
	dst = append(dst, kind, ' ')
	sumAt := len(dst)
	dst = append(dst, "00000000 "...)
	textAt := len(dst)
	dst = text(dst)
	const hex = "0123456789abcdef"
	sum := crc32.Checksum(dst[textAt:], castagnoli)
	for i := 7; i >= 0; i-- {
		dst[sumAt+i] = hex[sum&15]
		sum >>= 4
	}
	return append(dst, '\n')
}

// parseLine returns the text of a line without its newline, if it is intact.
func parseLine(line []byte) (kind byte, text []byte, ok bool) {
	if len(line) < len("m 00000000 ") || line[1] != ' ' || line[10] != ' ' {
		return 0, nil, false
	}
	sum, err := strconv.ParseUint(string(line[2:10]), 16, 32)
	text = line[11:]
	return line[0], text, err == nil && uint32(sum) == crc32.Checksum(text, castagnoli)
}

// A spooled is a message as a segment holds it.
type spooled struct {
	seq      uint32
	endpoint endpoint
	accepted int64 // microseconds since 1970
	json     []byte
}

func (m spooled) append(dst []byte) []byte {
	return appendLine(dst, 'm', func(dst []byte) []byte {
		dst = append(strconv.AppendUint(dst, uint64(m.seq), 10), ' ')
		dst = append(append(dst, m.endpoint.String()...), ' ')
		dst = append(strconv.AppendInt(dst, m.accepted, 10), ' ')
		return append(dst, m.json...)
	})
}

func parseSpooled(text []byte) (m spooled, ok bool) {
	fields := bytes.SplitN(text, []byte(" "), 4)
	if len(fields) != 4 {
		return m, false
	}
	seq, err := strconv.ParseUint(string(fields[0]), 10, 32)
	if err != nil {
		return m, false
	}
	m.seq = uint32(seq)
	for m.endpoint = range endpoint(3) {
		if string(fields[1]) == m.endpoint.String() {
			break
		}
	}
	m.accepted, err = strconv.ParseInt(string(fields[2]), 10, 64)
	m.json = fields[3]
	return m, err == nil && string(fields[1]) == m.endpoint.String()
}

// environment returns the message's, which is its first member.
func (m spooled) environment() (string, error) {
	const head = `{"environment":"`
	if rest, ok := bytes.CutPrefix(m.json, []byte(head)); ok {
		if end := bytes.IndexAny(rest, `"\`); end >= 0 && rest[end] == '"' {
			return string(rest[:end]), nil
		}
	}
	var members struct {
		Environment string `json:"environment"`
	}
	err := json.Unmarshal(m.json, &members)
	return members.Environment, err
}

// A seqSet is a set of a segment's messages, in ranges.
type seqSet []seqRange

type seqRange struct{ first, last uint32 }

// merge sorts the ranges, and joins those that touch.
func (s seqSet) merge() seqSet {
	slices.SortFunc(s, func(a, b seqRange) int { return cmp.Compare(a.first, b.first) })
	merged := s[:0]
	for _, r := range s {
		if n := len(merged); n > 0 && uint64(r.first) <= uint64(merged[n-1].last)+1 {
			merged[n-1].last = max(merged[n-1].last, r.last)
		} else {
			merged = append(merged, r)
		}
	}
	return slices.Clip(merged)
}

// has reports whether seq is in s, which is merged.
func (s seqSet) has(seq uint32) bool {
	i, exact := slices.BinarySearchFunc(s, seq, func(r seqRange, seq uint32) int { return cmp.Compare(r.first, seq) })
	return exact || i > 0 && seq <= s[i-1].last
}

// appendDone appends a line that says that the messages have their outcome. seqs is in order.
func appendDone(dst []byte, seqs []uint32) []byte {
	return appendLine(dst, 'd', func(dst []byte) []byte {
		for i := 0; i < len(seqs); {
			j := i
			for j+1 < len(seqs) && seqs[j+1] == seqs[j]+1 {
				j++
			}
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(strconv.AppendUint(dst, uint64(seqs[i]), 10), '-')
			dst = strconv.AppendUint(dst, uint64(seqs[j]), 10)
			i = j + 1
		}
		return dst
	})
}

// parse appends the ranges of such a line.
func (s seqSet) parse(text []byte) (seqSet, bool) {
	for part := range strings.SplitSeq(string(text), ",") {
		from, to, _ := strings.Cut(part, "-")
		first, errFirst := strconv.ParseUint(from, 10, 32)
		last, errLast := strconv.ParseUint(to, 10, 32)
		if errFirst != nil || errLast != nil || last < first {
			return s, false
		}
		s = append(s, seqRange{uint32(first), uint32(last)})
	}
	return s, true
}

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

// readSegment finds out what is in the file of a dead client, and how many of
// its lines are damaged. A line without an end counts if it is intact.
func readSegment(path, tenant string, lines *bufio.Reader) (s *segment, damaged int, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = file.Close() }() // it is only read
	lines.Reset(file)
	header := segmentMagic + tenant + "\n"
	switch found, err := lines.Peek(len(header)); {
	case err != nil && !errors.Is(err, io.EOF):
		return nil, 0, err
	case string(found) != header:
		return nil, 0, errForeignFile
	}
	n, _ := lines.Discard(len(header)) // they are there
	s = &segment{path: path, size: int64(n)}
	var messages []noted
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
		if size > 0 && !s.note(bytes.TrimSuffix(line, []byte("\n")), &messages) {
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
			s.unread.add(m.backlog)
		}
	}
	s.live = s.unread.count
	return s, damaged, nil
}

// A noted message is one that was found in a segment.
type noted struct {
	seq uint32
	backlog
}

// note takes in what a line says, and reports whether it is intact.
func (s *segment) note(line []byte, messages *[]noted) (ok bool) {
	kind, text, ok := parseLine(line)
	if !ok || kind != 'm' && kind != 'd' {
		return false
	}
	if kind == 'd' {
		s.done, ok = s.done.parse(text)
		return ok
	}
	m, ok := parseSpooled(text)
	if !ok {
		return false
	}
	if s.oldest == 0 {
		s.oldest = m.accepted
	}
	if m.endpoint == identifyEndpoint {
		s.lastIdentify = max(s.lastIdentify, m.accepted)
	}
	*messages = append(*messages, noted{m.seq, backlogOf(m.endpoint, m.json)})
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

// readLines returns whole lines from offset on, one at least.
func (s *segment) readLines(offset, limit int64) ([]byte, error) {
	for ; ; limit *= 2 {
		text := make([]byte, min(limit, s.size-offset))
		if err := s.with(func(file *os.File) error {
			_, err := file.ReadAt(text, offset)
			return err
		}); err != nil {
			return nil, err
		}
		if end := bytes.LastIndexByte(text, '\n'); end >= 0 {
			return text[:end+1], nil
		}
		if offset+limit >= s.size || limit > maxSegmentLine {
			return text, nil // a torn line, which its checksum gives away
		}
	}
}

// seal ends the writing of messages.
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
