package altertabletest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"
)

// A message is one track, identify or alias whose fields are there and of the
// right type.
type message struct {
	environment string
	event       string
	distinctID  string
	anonymousID string
	deviceID    string
	sessionID   string
	newUserID   string
	attributes  map[string]any // properties or traits
	timestamp   any            // nil, a string or a json.Number, not looked into
}

// errNotJSON is what decode returns for a body that no JSON parser takes.
var errNotJSON = errors.New("body is not valid JSON")

// decode reads a body, an object or an array of objects. An error other than
// errNotJSON says which field of which message is missing or of the wrong type.
func decode(e endpoint, body []byte) ([]message, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil || !utf8.Valid(body) {
		return nil, errNotJSON
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errNotJSON
	}
	if err := checkStrictly(e, body); err != nil {
		return nil, err
	}
	elements, ok := v.([]any)
	if !ok {
		elements = []any{v}
	}
	messages := make([]message, len(elements))
	for i, element := range elements {
		m, err := parse(e, element)
		if err != nil {
			return nil, fmt.Errorf("message %d: %w", i, err)
		}
		messages[i] = m
	}
	return messages, nil
}

func parse(e endpoint, v any) (message, error) {
	object, ok := v.(map[string]any)
	if !ok {
		return message{}, errors.New("not an object")
	}
	f := fields{object: object}
	m := message{
		environment: f.text("environment", true),
		distinctID:  f.text("distinct_id", e != track),
		timestamp:   f.timestamp(),
	}
	switch e {
	case track:
		m.event = f.text("event", true)
		m.attributes = f.objectField("properties", true)
		m.deviceID = f.text("device_id", false)
		m.sessionID = f.text("session_id", false)
	case identify:
		m.attributes = f.objectField("traits", false)
		m.deviceID, _ = object["device_id"].(string) // of another type it counts as absent, as at the mock
	case alias:
		m.newUserID = f.text("new_user_id", true)
	}
	if e != alias {
		m.anonymousID = f.text("anonymous_id", false)
	}
	return m, f.err
}

// fields reads the fields of one object, by their exact names, and keeps the
// first error. An optional field that is null counts as absent.
type fields struct {
	object map[string]any
	err    error
}

func (f *fields) fail(format, name string) {
	if f.err == nil {
		f.err = fmt.Errorf(format, name)
	}
}

func (f *fields) value(name string, required bool) (any, bool) {
	v, ok := f.object[name]
	if !ok && required {
		f.fail("missing field %q", name)
	}
	return v, ok && (v != nil || required)
}

func (f *fields) text(name string, required bool) string {
	v, ok := f.value(name, required)
	if !ok {
		return ""
	}
	s, ok := v.(string)
	if !ok {
		f.fail("field %q is not a string", name)
	}
	return s
}

func (f *fields) objectField(name string, required bool) map[string]any {
	v, ok := f.value(name, required)
	if !ok {
		return nil
	}
	object, ok := v.(map[string]any)
	if !ok {
		f.fail("field %q is not an object", name)
		return nil
	}
	for k, v := range object {
		object[k] = plain(v)
	}
	return object
}

func (f *fields) timestamp() any {
	v, ok := f.value("timestamp", false)
	if !ok {
		return nil
	}
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		if _, err := v.Int64(); err == nil {
			return v
		}
	}
	f.fail("field %q is neither a string nor an integer", "timestamp")
	return nil
}

// plain makes the numbers of a decoded value float64 where that loses nothing.
func plain(v any) any {
	switch v := v.(type) {
	case json.Number:
		return number(v)
	case map[string]any:
		for k, e := range v {
			v[k] = plain(e)
		}
	case []any:
		for i, e := range v {
			v[i] = plain(e)
		}
	}
	return v
}

func number(n json.Number) any {
	const exact = 1 << 53 // a float64 holds every integer up to it
	f, err := n.Float64()
	if err != nil {
		return n
	}
	if i, err := n.Int64(); err == nil && (i > exact || i < -exact) || errors.Is(err, strconv.ErrRange) {
		return n
	}
	return f
}
