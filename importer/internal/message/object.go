package message

import (
	"bytes"
	"errors"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// A member is one of an object in JSON. It shares the object's memory.
type member struct {
	name  []byte // without quotes and escapes
	text  []byte // name and value, byte for byte
	value []byte
	at    int // where the value is in the object
	depth int // of lists and objects in the value; 0 for others

	elsewhere bool // it is no property or trait
}

// What is wrong with a text that should be an object. Words that follow a name.
const (
	notObject = "is not a JSON object"
	notJSON   = "is not valid JSON"
	twice     = "has a member twice"
	tooDeep   = "is nested too deep"
	tooHuge   = "has a number out of range"
)

// The API takes 128 levels, of which batch, message and properties are three.
const maxDepth = 128 - 3

// object appends the members of an object. What the API does not take, or would
// take in part, is a problem: names that are there twice, texts that are no UTF-8,
// halves of surrogate pairs, numbers that no float64 is near. Depth is left to
// the caller.
func object(list []member, text []byte) (_ []member, problem string) {
	text = bytes.Trim(text, " \t\r\n")
	if problem := validate(text); problem != "" {
		return list, problem
	}
	if text[0] != '{' {
		return list, notObject
	}
	return members(list, text)
}

// members is object for what is one.
func members(list []member, text []byte) (_ []member, problem string) {
	w := walk{text: text, at: 1}
	for w.space(); text[w.at] != '}'; w.space() {
		m, ok := w.member()
		if !ok {
			return list, tooHuge
		}
		list = append(list, m)
		if w.space(); text[w.at] == ',' {
			w.at++
		}
	}
	return list, ""
}

// validate returns what is wrong with a text, except for its numbers' size.
func validate(text []byte) (problem string) {
	if jsontext.Value(text).IsValid() {
		return ""
	}
	d := jsontext.NewDecoder(bytes.NewReader(text))
	if _, err := d.ReadValue(); errors.Is(err, jsontext.ErrDuplicateName) {
		return twice
	}
	return notJSON
}

// value returns the depth of a JSON value, or what is wrong with it.
func value(text []byte) (depth int, problem string) {
	text = bytes.Trim(text, " \t\r\n")
	if problem := validate(text); problem != "" {
		return 0, problem
	}
	w := walk{text: text}
	depth, ok := w.value()
	if !ok {
		return 0, tooHuge
	}
	return depth, ""
}

// A walk goes through valid JSON.
type walk struct {
	text []byte
	at   int
}

func (w *walk) space() {
	for w.text[w.at] <= ' ' {
		w.at++
	}
}

// member passes over a name and its value.
func (w *walk) member() (m member, ok bool) {
	begin := w.at
	w.str()
	m.name = w.text[begin+1 : w.at-1]
	if bytes.IndexByte(m.name, '\\') >= 0 {
		m.name, _ = jsontext.AppendUnquote(nil, w.text[begin:w.at])
	}
	w.space()
	w.at++ // the colon
	w.space()
	m.at = w.at
	m.depth, ok = w.value()
	m.text, m.value = w.text[begin:w.at:w.at], w.text[m.at:w.at:w.at]
	return m, ok
}

// value passes over a value. It reports false for a number out of range.
func (w *walk) value() (deepest int, ok bool) {
	for depth := 0; w.at < len(w.text); {
		switch c := w.text[w.at]; c {
		case '"':
			w.str()
		case '{', '[':
			depth++
			deepest = max(deepest, depth)
			w.at++
		case '}', ']':
			depth--
			w.at++
		case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
			if !w.number() {
				return 0, false
			}
		case 't', 'n':
			w.at += len("true")
		case 'f':
			w.at += len("false")
		default: // a comma, a colon, white space
			w.at++
			continue
		}
		if depth == 0 {
			break
		}
	}
	return deepest, true
}

// str passes over a string.
func (w *walk) str() {
	text := w.text
	i := w.at + 1
	for text[i] != '"' {
		if text[i] == '\\' {
			i++
		}
		i++
	}
	w.at = i + 1
}

// number passes over a number, and reports whether a float64 is near.
func (w *walk) number() bool {
	begin := w.at
	for w.at++; w.at < len(w.text) && isInNumber(w.text[w.at]); {
		w.at++
	}
	return isInRange(w.text[begin:w.at])
}

func isInNumber(c byte) bool {
	return c >= '0' && c <= '9' || c == '.' || c == '-' || c == '+' || c == 'e' || c == 'E'
}

// isInRange reports whether a float64 is near the number: the API's parser takes
// no other.
func isInRange(n []byte) bool {
	const certain = 300 // digits that fit
	if len(n) < certain && bytes.IndexByte(n, 'e') < 0 && bytes.IndexByte(n, 'E') < 0 {
		return true
	}
	_, err := strconv.ParseFloat(string(n), 64)
	return err == nil
}
