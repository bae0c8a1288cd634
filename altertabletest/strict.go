package altertabletest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth is how deep lists and objects may be in a body.
const maxDepth = 128

// A strict reads valid JSON once more, for what encoding/json lets pass and the
// API's parser does not: half of a surrogate pair, a number that no float64 can
// be, too many levels, and a field of a message that is named twice.
type strict struct {
	text   []byte
	at     int
	depth  int
	fields []string // of a message at the endpoint
	level  int      // depth of the fields of a message
	seen   uint     // fields of the message that is being read, a bit each
	number int      // of that message, counted from 0
}

// checkStrictly returns errNotJSON or an error that says which field is there twice.
func checkStrictly(e endpoint, text []byte) error {
	s := &strict{text: text, fields: e.fields(), level: 1, number: -1}
	var twice error
	for ; s.at < len(text); s.at++ {
		var err error
		switch c := text[s.at]; c {
		case '[', '{':
			err = s.open(c)
		case ']', '}':
			s.depth--
		case '"':
			begin := s.at
			if err = s.str(); err == nil && twice == nil && s.depth == s.level && s.isName() {
				twice = s.field(s.text[begin : s.at+1])
			}
		case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
			err = s.num()
		}
		if err != nil {
			return err
		}
	}
	return twice
}

func (e endpoint) fields() []string {
	switch e {
	case track:
		return []string{"environment", "event", "distinct_id", "anonymous_id", "device_id", "session_id", "properties", "timestamp"}
	case identify:
		return []string{"environment", "distinct_id", "anonymous_id", "traits", "timestamp"}
	}
	return []string{"environment", "distinct_id", "new_user_id", "timestamp"}
}

func (s *strict) open(c byte) error {
	if s.depth == 0 && c == '[' {
		s.level = 2
	}
	if s.depth++; s.depth > maxDepth {
		return errNotJSON
	}
	if c == '{' && s.depth == s.level {
		s.seen = 0
		s.number++
	}
	return nil
}

// str reads a string to its closing quote.
func (s *strict) str() error {
	for s.at++; s.text[s.at] != '"'; s.at++ {
		if s.text[s.at] != '\\' {
			continue
		}
		if s.at++; s.text[s.at] == 'u' && !s.char() {
			return errNotJSON
		}
	}
	return nil
}

// char reads the character of an escape, the second half of a pair included. It
// reports false for half of one.
func (s *strict) char() bool {
	first := s.unit()
	if !utf16.IsSurrogate(first) {
		return true
	}
	if s.text[s.at+1] != '\\' || s.text[s.at+2] != 'u' {
		return false
	}
	s.at += 2
	return utf16.DecodeRune(first, s.unit()) != utf8.RuneError
}

// unit reads the four hexadecimal digits after a "u".
func (s *strict) unit() rune {
	unit, _ := strconv.ParseUint(string(s.text[s.at+1:s.at+5]), 16, 16) // valid already
	s.at += 4
	return rune(unit)
}

// isName reports whether a colon follows the string that ends here.
func (s *strict) isName() bool {
	for _, c := range s.text[s.at+1:] {
		switch c {
		case ' ', '\t', '\n', '\r':
		default:
			return c == ':'
		}
	}
	return false
}

// field notes a member of a message by its quoted name.
func (s *strict) field(quoted []byte) error {
	name := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(name, '\\') >= 0 {
		var text string
		_ = json.Unmarshal(quoted, &text) // valid already
		name = []byte(text)
	}
	for i, field := range s.fields {
		if string(name) != field {
			continue
		}
		if s.seen&(1<<i) != 0 {
			return fmt.Errorf("message %d: field %q is there twice", s.number, field)
		}
		s.seen |= 1 << i
	}
	return nil
}

// num reads a number to its last character.
func (s *strict) num() error {
	begin, exponent := s.at, false
	for s.at+1 < len(s.text) && isInNumber(s.text[s.at+1]) {
		s.at++
		exponent = exponent || s.text[s.at]|0x20 == 'e'
	}
	const certain = 300 // digits that fit a float64
	if !exponent && s.at-begin < certain {
		return nil
	}
	if _, err := strconv.ParseFloat(string(s.text[begin:s.at+1]), 64); err != nil {
		return errNotJSON
	}
	return nil
}

func isInNumber(c byte) bool {
	return c >= '0' && c <= '9' || c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-'
}
