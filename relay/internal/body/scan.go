package body

import (
	"encoding/binary"
	"math/bits"
	"strconv"
	"unicode/utf8"
	"unsafe"

	"github.com/altertable-ai/altertable-go/internal/encode"
)

// maxDepth is how deep lists and objects may be in a body.
const maxDepth = 128

// A scan passes over JSON. Its methods report false at the first byte that the
// API's parser does not take.
type scan struct {
	text    []byte
	at      int
	depth   int
	escaped bool // the last string has an escape
	noted   bool // the last object passed over with its names watched has $ip
	scratch []byte
}

// next passes over c, if that is next.
func (s *scan) next(c byte) bool {
	if s.at < len(s.text) && s.text[s.at] == c {
		s.at++
		return true
	}
	return false
}

func (s *scan) space() {
	for s.at < len(s.text) && s.text[s.at] <= ' ' {
		switch s.text[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

// value passes over a value.
func (s *scan) value() bool {
	if s.at == len(s.text) {
		return false
	}
	switch c := s.text[s.at]; c {
	case '"':
		return s.str()
	case '{':
		return s.object(false)
	case '[':
		return s.list()
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	}
	return s.num()
}

func (s *scan) literal(word string) bool {
	if len(s.text)-s.at < len(word) || string(s.text[s.at:s.at+len(word)]) != word {
		return false
	}
	s.at += len(word)
	return true
}

// open passes over the begin of an object or a list.
func (s *scan) open() bool {
	s.at++
	s.depth++
	s.space()
	return s.depth <= maxDepth
}

// object passes over an object, and notes whether it has $ip if it is watched.
func (s *scan) object(watched bool) bool {
	if !s.open() {
		return false
	}
	noted := false
	if s.next('}') {
		s.depth--
		s.noted = false
		return true
	}
	for {
		name, ok := s.name()
		if !ok {
			return false
		}
		if watched && len(name) == len("$ip") && string(name) == "$ip" {
			noted = true
		}
		if !s.value() {
			return false
		}
		if end, ok := s.more('}'); !ok {
			return false
		} else if end {
			s.noted = noted
			return true
		}
	}
}

func (s *scan) list() bool {
	if !s.open() {
		return false
	}
	if s.next(']') {
		s.depth--
		return true
	}
	for {
		if !s.value() {
			return false
		}
		if end, ok := s.more(']'); !ok {
			return false
		} else if end {
			return true
		}
	}
}

// more passes over what is behind an element: a comma, or the end.
func (s *scan) more(closing byte) (end, ok bool) {
	s.space()
	switch {
	case s.next(','):
		s.space()
		return false, true
	case s.next(closing):
		s.depth--
		return true, true
	}
	return false, false
}

// name passes over a member's name and the colon, and returns the name, unescaped.
// It is valid until the next string.
func (s *scan) name() ([]byte, bool) {
	begin := s.at + 1
	if s.at == len(s.text) || s.text[s.at] != '"' || !s.str() {
		return nil, false
	}
	name := s.text[begin : s.at-1]
	if s.escaped {
		s.scratch = unescape(s.scratch[:0], name)
		name = s.scratch
	}
	if s.space(); !s.next(':') {
		return nil, false
	}
	s.space()
	return name, true
}

// str passes over a string; the quote that opens it is next.
func (s *scan) str() bool {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	s.escaped = false
	text, i := s.text, s.at+1
	for {
		for i+8 <= len(text) {
			// The top bit of a byte is set where that is a control character, a quote,
			// a backslash or not ASCII. A borrow can only set further ones, above the first.
			w := binary.LittleEndian.Uint64(text[i:])
			special := (w | (w - ones*' ') | ((w ^ ones*'"') - ones) | ((w ^ ones*'\\') - ones)) & tops
			if special != 0 {
				i += bits.TrailingZeros64(special) / 8
				break
			}
			i += 8
		}
		if i >= len(text) {
			return false
		}
		switch c := text[i]; {
		case c == '"':
			s.at = i + 1
			return true
		case c == '\\':
			s.escaped = true
			size := escape(text[i:])
			if size == 0 {
				return false
			}
			i += size
		case c < ' ':
			return false
		case c < utf8.RuneSelf:
			i++
		default:
			r, size := utf8.DecodeRune(text[i:])
			if r == utf8.RuneError && size == 1 {
				return false
			}
			i += size
		}
	}
}

// escape returns the size of the escape, or the pair of them, at the begin of s, 0 if
// it is none: half of a surrogate pair is no character.
func escape(s []byte) int {
	if len(s) < 2 {
		return 0
	}
	switch s[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		_, size := encode.UnicodeEscape(s)
		return size
	}
	return 0
}

// unescape appends the text of what was between quotes and was passed over.
func unescape(dst, s []byte) []byte {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '\\' {
			i++
			switch c = s[i]; c {
			case 'b':
				c = '\b'
			case 'f':
				c = '\f'
			case 'n':
				c = '\n'
			case 'r':
				c = '\r'
			case 't':
				c = '\t'
			case 'u':
				r, size := encode.UnicodeEscape(s[i-1:])
				dst = utf8.AppendRune(dst, r)
				i += size - len(`\u`)
				continue
			}
		}
		dst = append(dst, c)
	}
	return dst
}

// num passes over a number that a float64 can be.
func (s *scan) num() bool {
	text, begin, i := s.text, s.at, s.at
	if text[i] == '-' {
		i++
	}
	switch {
	case i == len(text):
		return false
	case text[i] == '0':
		i++
	default:
		end := digits(text, i)
		if end == i {
			return false
		}
		i = end
	}
	if i < len(text) && text[i] == '.' {
		end := digits(text, i+1)
		if end == i+1 {
			return false
		}
		i = end
	}
	exponent := i < len(text) && text[i]|0x20 == 'e'
	if exponent {
		i++
		if i < len(text) && (text[i] == '+' || text[i] == '-') {
			i++
		}
		end := digits(text, i)
		if end == i {
			return false
		}
		i = end
	}
	s.at = i
	const certain = 300 // digits that fit a float64
	if !exponent && i-begin <= certain {
		return true
	}
	_, err := strconv.ParseFloat(unsafe.String(&text[begin], i-begin), 64)
	return err == nil
}

// digits returns where the digits at i end.
func digits(text []byte, i int) int {
	for i < len(text) && text[i]-'0' <= 9 {
		i++
	}
	return i
}
