package altertabletest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
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
	seen   []string // of the message that is being read
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
			var key string
			if key, err = s.str(); err == nil && key != "" && twice == nil {
				twice = s.field(key)
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
		s.seen = s.seen[:0]
		s.number++
	}
	return nil
}

// str reads a string to its closing quote, and returns it if it is the name of a
// message's member.
func (s *strict) str() (key string, err error) {
	begin := s.at
	for s.at++; s.text[s.at] != '"'; s.at++ {
		if s.text[s.at] != '\\' {
			continue
		}
		s.at++
		if s.text[s.at] != 'u' {
			continue
		}
		low := false
		switch unit := s.unit(s.at + 1); {
		case unit >= 0xdc00 && unit < 0xe000:
			return "", errNotJSON
		case unit >= 0xd800 && unit < 0xdc00:
			low = true
		}
		s.at += 4
		if !low {
			continue
		}
		if s.text[s.at+1] != '\\' || s.text[s.at+2] != 'u' {
			return "", errNotJSON
		}
		if unit := s.unit(s.at + 3); unit < 0xdc00 || unit >= 0xe000 {
			return "", errNotJSON
		}
		s.at += 6
	}
	if s.depth != s.level || !s.isName() {
		return "", nil
	}
	_ = json.Unmarshal(s.text[begin:s.at+1], &key) // valid already
	return key, nil
}

// unit returns the number of four hexadecimal digits.
func (s *strict) unit(at int) uint64 {
	unit, _ := strconv.ParseUint(string(s.text[at:at+4]), 16, 16) // valid already
	return unit
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

func (s *strict) field(name string) error {
	if !slices.Contains(s.fields, name) {
		return nil
	}
	if slices.Contains(s.seen, name) {
		return fmt.Errorf("message %d: field %q is there twice", s.number, name)
	}
	s.seen = append(s.seen, name)
	return nil
}

// num reads a number to its last character.
func (s *strict) num() error {
	begin := s.at
	for s.at+1 < len(s.text) && isInNumber(s.text[s.at+1]) {
		s.at++
	}
	if _, err := strconv.ParseFloat(string(s.text[begin:s.at+1]), 64); err != nil {
		return errNotJSON
	}
	return nil
}

func isInNumber(c byte) bool {
	return c >= '0' && c <= '9' || c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-'
}
