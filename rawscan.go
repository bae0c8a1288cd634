package altertable

import (
	"bytes"
	"unicode/utf8"
	"unsafe"

	"github.com/altertable-ai/altertable-go/internal/encode"
)

// A rawName is a member that a Raw's scan knows.
type rawName uint8

const (
	rawEvent rawName = iota
	rawProperties
	rawDistinctID
	rawAnonymousID
	rawDeviceID
	rawTraits
	rawNewUserID
	rawEnvironment
	rawTimestamp
	rawNames
)

func (n rawName) String() string {
	return [...]string{"event", "properties", "distinct_id", "anonymous_id", "device_id", "traits", "new_user_id",
		"environment", "timestamp"}[n]
}

// rawNamed returns the member of that name.
func rawNamed(name []byte) (_ rawName, known bool) {
	switch string(name) {
	case "event":
		return rawEvent, true
	case "properties":
		return rawProperties, true
	case "distinct_id":
		return rawDistinctID, true
	case "anonymous_id":
		return rawAnonymousID, true
	case "device_id":
		return rawDeviceID, true
	case "traits":
		return rawTraits, true
	case "new_user_id":
		return rawNewUserID, true
	case "environment":
		return rawEnvironment, true
	case "timestamp":
		return rawTimestamp, true
	}
	return 0, false
}

// A rawScan is what one pass over a message finds: where the values of the known
// members are. Nested values are passed over: strings are told from the rest, and
// brackets are counted. So a message ends where the server's parser finds its end, if
// that parses it at all, and cannot reach into the next one of its batch.
type rawScan struct {
	text   []byte
	at     int
	values [rawNames][]byte // nil for what is not there
}

// scan reads text, which has no white space around. The error is a *ValidationError.
func (s *rawScan) scan(text []byte) error {
	s.text = text
	if !s.next('{') {
		return &ValidationError{"message", "is not a JSON object"}
	}
	if s.space(); s.next('}') {
		return s.end()
	}
	for {
		if err := s.member(); err != nil {
			return err
		}
		switch {
		case s.next(','):
			s.space()
		case s.next('}'):
			return s.end()
		default:
			return errRawSyntax()
		}
	}
}

func errRawSyntax() error { return &ValidationError{"message", "is not well-formed JSON"} }

func (s *rawScan) end() error {
	if s.at < len(s.text) {
		return &ValidationError{"message", "has text behind the object"}
	}
	return nil
}

// member reads a name and its value, and the white space behind it.
func (s *rawScan) member() error {
	name, escaped, ok := s.quoted()
	if !ok {
		return errRawSyntax()
	}
	if escaped {
		if name, ok = unescaped(name); !ok {
			return errRawSyntax()
		}
	}
	if s.space(); !s.next(':') {
		return errRawSyntax()
	}
	s.space()
	begin := s.at
	if !s.value() {
		return errRawSyntax()
	}
	if known, ok := rawNamed(name); ok {
		if s.values[known] != nil {
			return &ValidationError{known.String(), "is there twice"}
		}
		s.values[known] = s.text[begin:s.at]
	}
	s.space()
	return nil
}

// next passes over c, if that is next.
func (s *rawScan) next(c byte) bool {
	if s.at < len(s.text) && s.text[s.at] == c {
		s.at++
		return true
	}
	return false
}

func (s *rawScan) space() {
	for s.at < len(s.text) && isJSONSpace(s.text[s.at]) {
		s.at++
	}
}

func isJSONSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// quoted passes over a string, and returns what is between the quotes.
func (s *rawScan) quoted() (inside []byte, escaped, ok bool) {
	if !s.next('"') {
		return nil, false, false
	}
	text, begin := s.text, s.at
	for i := begin; i < len(text); i++ {
		if !inStrings[text[i]] {
			continue
		}
		switch text[i] {
		case '"':
			s.at = i + 1
			return text[begin:i], escaped, true
		case '\\':
			escaped = true
			i++ // a quote behind it is part of the string
		default: // a control character
			return nil, false, false
		}
	}
	return nil, false, false
}

// inStrings and inNested are the bytes that mean something there.
var inStrings, inNested = func() (strings, nested [256]bool) {
	for c := range byte(' ') {
		strings[c] = true
	}
	strings['"'], strings['\\'] = true, true
	for _, c := range []byte(`"{}[]`) {
		nested[c] = true
	}
	return strings, nested
}()

// value passes over a value.
func (s *rawScan) value() bool {
	if s.at == len(s.text) {
		return false
	}
	switch s.text[s.at] {
	case '"':
		_, _, ok := s.quoted()
		return ok
	case '{', '[':
		return s.nested()
	}
	begin := s.at
	for s.at < len(s.text) && !endsLiteral(s.text[s.at]) {
		s.at++
	}
	return s.at > begin
}

func endsLiteral(c byte) bool {
	switch c {
	case ',', '}', ']', '{', '[', '"', ':':
		return true
	}
	return c <= ' '
}

// nested passes over an object or a list.
func (s *rawScan) nested() bool {
	for depth := 0; s.at < len(s.text); {
		c := s.text[s.at]
		if !inNested[c] {
			s.at++
			continue
		}
		switch c {
		case '"':
			if _, _, ok := s.quoted(); !ok {
				return false
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		if s.at++; depth == 0 {
			return true
		}
	}
	return false
}

// str returns the text of the member, which must be a string if it is there. null is
// the same as absent for an optional one.
func (s *rawScan) str(name rawName, optional bool) (string, error) {
	value := s.values[name]
	switch {
	case value == nil:
		return "", nil
	case value[0] == '"':
		return stringIn(name.String(), value)
	case optional && string(value) == "null":
		return "", nil
	}
	return "", &ValidationError{name.String(), "must be a string"}
}

// stringIn returns what value, a string's JSON, says. It shares value's memory.
func stringIn(field string, value []byte) (string, error) {
	inside := value[1 : len(value)-1]
	for _, c := range inside {
		if c == '\\' {
			text, ok := unescaped(inside)
			if !ok {
				return "", &ValidationError{field, "has an escape that is not JSON's"}
			}
			inside = text
			break
		}
	}
	return unsafe.String(unsafe.SliceData(inside), len(inside)), nil // a copy would be garbage at once
}

// unescaped returns a string's text, in memory of its own. Half of a surrogate
// pair, which the server's parser refuses, is no text.
func unescaped(s []byte) (text []byte, ok bool) {
	text = make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			text = append(text, s[i])
			i++
			continue
		}
		if i+1 == len(s) {
			return nil, false
		}
		switch c := s[i+1]; c {
		case '"', '\\', '/':
			text = append(text, c)
		case 'b':
			text = append(text, '\b')
		case 'f':
			text = append(text, '\f')
		case 'n':
			text = append(text, '\n')
		case 'r':
			text = append(text, '\r')
		case 't':
			text = append(text, '\t')
		case 'u':
			r, size := encode.UnicodeEscape(s[i:])
			if size == 0 {
				return nil, false
			}
			text = utf8.AppendRune(text, r)
			i += size
			continue
		default:
			return nil, false
		}
		i += 2
	}
	return text, true
}

// person returns whom the identify is about.
func (s *rawScan) person() person {
	distinctID, _ := s.str(rawDistinctID, false) // checked at acceptance
	anonymousID, _ := s.str(rawAnonymousID, true)
	if anonymousID == distinctID || isBlank(anonymousID) {
		anonymousID = ""
	}
	return newPerson(distinctID, anonymousID)
}

// environmentIn returns the environment that a message names.
func environmentIn(message []byte) string {
	var s rawScan
	_ = s.scan(message) // it was accepted once
	name, _ := s.str(rawEnvironment, false)
	return name
}

// appendObject appends object, which has at least one member, with environment in
// front unless that is "".
func appendObject(dst, object []byte, environment string) []byte {
	if environment == "" {
		return append(dst, object...)
	}
	dst = encode.String(append(dst, `{"environment":`...), environment)
	return append(append(dst, ','), object[1:]...)
}

// environmentFirst is how every message begins, except a Raw that came with an
// environment of its own.
var environmentFirst = []byte(`{"environment":"`)

// hasPlainEnvironment reports whether the message's first member is its environment,
// without escapes.
func hasPlainEnvironment(message []byte) bool {
	rest, ok := bytes.CutPrefix(message, environmentFirst)
	end := bytes.IndexAny(rest, `"\\`)
	return ok && end >= 0 && rest[end] == '"'
}
