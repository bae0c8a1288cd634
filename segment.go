package altertable

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
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
	file    *os.File
	size    int64
	next    uint32          // SEQ of the next message
	live    int             // messages without an outcome
	sealed  bool            // not written to any more, but for outcomes
	damaged bool            // set aside and not deleted when it is done with
	done    map[uint32]bool // of an adopted segment; nil otherwise
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

// parseDone calls done for each message that a line names, which are no more than bound.
func parseDone(text []byte, bound uint32, done func(seq uint32)) bool {
	for part := range strings.SplitSeq(string(text), ",") {
		var first, last uint32
		if n, err := fmt.Sscanf(part, "%d-%d", &first, &last); n != 2 || err != nil || last >= bound {
			return false
		}
		for seq := first; seq <= last; seq++ {
			done(seq)
		}
	}
	return true
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

// adoptSegment reads the file of a dead client, and reports how many of its
// lines are damaged.
func adoptSegment(path, tenant string) (_ *segment, bytesLive, damaged int, err error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0o600)
	if err != nil {
		return nil, 0, 0, err
	}
	s := &segment{path: path, file: file, sealed: true, done: map[uint32]bool{}}
	lines := bufio.NewReaderSize(file, 1<<20)
	header, err := lines.ReadString('\n')
	if err != nil || header != segmentMagic+tenant+"\n" {
		return nil, 0, 0, errors.Join(errForeignFile, file.Close())
	}
	s.size = int64(len(header))
	sizes := map[uint32]int{}
	for {
		line, err := lines.ReadBytes('\n')
		s.size += int64(len(line))
		if errors.Is(err, io.EOF) {
			if len(line) > 0 {
				damaged++ // torn: its Track did not return
			}
			break
		} else if err != nil {
			return nil, 0, 0, errors.Join(err, file.Close())
		}
		kind, text, ok := parseLine(line[:len(line)-1])
		switch m, isMessage := parseSpooled(text); {
		case ok && kind == 'm' && isMessage:
			sizes[m.seq] = len(m.json)
			s.next = max(s.next, m.seq+1)
		case ok && kind == 'd':
			ok = parseDone(text, s.next, func(seq uint32) { s.done[seq] = true; delete(sizes, seq) })
		default:
			ok = false
		}
		if !ok {
			damaged++
		}
	}
	s.damaged = damaged > 0
	if s.damaged {
		// What comes next must not be taken for the torn line's end.
		n, err := file.WriteAt([]byte("\n"), s.size)
		s.size += int64(n)
		if err != nil {
			return nil, 0, 0, errors.Join(err, file.Close())
		}
	}
	s.live = len(sizes)
	for _, size := range sizes {
		bytesLive += size
	}
	return s, bytesLive, damaged, nil
}

// write appends whole lines. What it writes in part it takes back.
func (s *segment) write(lines []byte) error {
	n, err := s.file.WriteAt(lines, s.size)
	if err != nil {
		if n > 0 {
			err = errors.Join(err, s.file.Truncate(s.size))
		}
		return err
	}
	s.size += int64(n)
	return nil
}
