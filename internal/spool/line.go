package spool

import (
	"bytes"
	"cmp"
	"encoding/json"
	"hash/crc32"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An Endpoint is where a message is sent to, as a file names it.
type Endpoint uint8

const (
	Track Endpoint = iota
	Identify
	Alias
)

var endpointNames = [...]string{"track", "identify", "alias"}

func (e Endpoint) String() string { return endpointNames[e] }

// A Message is what a spool keeps.
type Message struct {
	Endpoint    Endpoint
	Accepted    time.Time // to the microsecond
	JSON        []byte    // without a line break
	Ahead       bool      // an identify's timestamp is its client's own, and later than Accepted
	Environment string    // from the JSON, "" if that names none; set by Read
	Ref         Ref       // set by Append and Read

	At      time.Duration // when it was accepted, on the owner's clock, which never steps; 0 if Adopted
	Adopted bool          // another client accepted it; set by Read

	end  int64     // where its line ends in its segment
	next time.Time // when the message behind it was accepted, or this one, if that is not known
}

// A Ref says where in a spool a message is. The zero Ref is nowhere.
type Ref struct {
	segment *segment
	seq     uint32
}

// SameFile reports whether r and other are in one file: it leaves the disk when
// all its messages have their outcome.
func (r Ref) SameFile(other Ref) bool { return r.segment == other.segment }

// Gone reports whether Removed found that the message's file is removed.
func (r Ref) Gone() bool { return r.segment.gone }

func (m *Message) tally() Tally {
	t := Tally{Count: 1, Bytes: int64(len(m.JSON))}
	if m.Endpoint == Identify {
		t.Identifies = 1
	}
	return t
}

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
	var sum uint32
	for _, c := range line[2:10] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, nil, false
		}
		sum = sum<<4 | uint32(c)
	}
	text = line[11:]
	return line[0], text, sum == crc32.Checksum(text, castagnoli)
}

// parseDecimal reads a number that is not negative, of at most 18 digits.
func parseDecimal(digits []byte) (n int64, ok bool) {
	if len(digits) == 0 || len(digits) > 18 {
		return 0, false
	}
	for _, c := range digits {
		if c < '0' || '9' < c {
			return 0, false
		}
		n = 10*n + int64(c-'0')
	}
	return n, true
}

// appendMessage appends the line of m.
func appendMessage(dst []byte, m *Message) []byte {
	return appendLine(dst, 'm', func(dst []byte) []byte {
		dst = append(strconv.AppendUint(dst, uint64(m.Ref.seq), 10), ' ')
		dst = append(append(dst, m.Endpoint.String()...), ' ')
		if m.Ahead {
			dst = append(dst, '+')
		}
		dst = append(strconv.AppendInt(dst, m.Accepted.UnixMicro(), 10), ' ')
		return append(dst, m.JSON...)
	})
}

// A head is what stands before a message's JSON.
type head struct {
	seq      uint32
	endpoint Endpoint
	accepted int64 // in microseconds since 1970
	ahead    bool  // its timestamp is its client's own, and later
}

// parseHead reads the text of a message's line.
func parseHead(text []byte) (h head, json []byte, ok bool) {
	seq, text, _ := bytes.Cut(text, space)
	name, text, _ := bytes.Cut(text, space)
	accepted, json, ok := bytes.Cut(text, space)
	if !ok {
		return h, nil, false
	}
	number, ok := parseDecimal(seq)
	if !ok || number > math.MaxUint32 {
		return h, nil, false
	}
	switch string(name) {
	case "track":
		h.endpoint = Track
	case "identify":
		h.endpoint = Identify
	case "alias":
		h.endpoint = Alias
	default:
		return h, nil, false
	}
	h.seq = uint32(number)
	accepted, h.ahead = bytes.CutPrefix(accepted, plus)
	if h.accepted, ok = parseDecimal(accepted); !ok {
		var err error // it may be negative, or longer
		h.accepted, err = strconv.ParseInt(string(accepted), 10, 64)
		ok = err == nil
	}
	return h, json, ok
}

var space, plus = []byte(" "), []byte("+")

// timestamp returns a message's own, which is its last member; the zero Time if
// that cannot be read.
func timestamp(message []byte) time.Time {
	at := bytes.LastIndex(message, []byte(`"timestamp":"`))
	if at < 0 {
		return time.Time{}
	}
	text, _, _ := bytes.Cut(message[at+len(`"timestamp":"`):], []byte(`"`))
	stamp, err := time.Parse(time.RFC3339Nano, string(text))
	if err != nil {
		return time.Time{}
	}
	return stamp
}

// parseMessage reads the text of such a line.
func parseMessage(text []byte) (m Message, ok bool) {
	h, json, ok := parseHead(text)
	if !ok {
		return m, false
	}
	return Message{Endpoint: h.endpoint, Accepted: time.UnixMicro(h.accepted), JSON: json, Ref: Ref{seq: h.seq}}, true
}

// environment returns a message's own, which is its first member.
func environment(message []byte) string {
	const head = `{"environment":"`
	if rest, ok := bytes.CutPrefix(message, []byte(head)); ok {
		if end := bytes.IndexAny(rest, `"\`); end >= 0 && rest[end] == '"' {
			return string(rest[:end])
		}
	}
	var members struct {
		Environment string `json:"environment"`
	}
	if json.Unmarshal(message, &members) != nil {
		return ""
	}
	return members.Environment
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

// parse adds the ranges of the text of such a line.
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
