package body

import (
	"fmt"
	"slices"
	"strconv"
	"unsafe"
)

// A member is one that the API reads at some endpoint.
type member uint8

const (
	environment member = iota
	event
	distinctID
	anonymousID
	deviceID
	sessionID
	properties
	traits
	newUserID
	timestamp
	members
)

func (m member) String() string {
	return [...]string{"environment", "event", "distinct_id", "anonymous_id", "device_id", "session_id", "properties",
		"traits", "new_user_id", "timestamp"}[m]
}

// memberNamed returns the member of that name, or members.
func memberNamed(name []byte) member {
	switch string(name) {
	case "environment":
		return environment
	case "event":
		return event
	case "distinct_id":
		return distinctID
	case "anonymous_id":
		return anonymousID
	case "device_id":
		return deviceID
	case "session_id":
		return sessionID
	case "properties":
		return properties
	case "traits":
		return traits
	case "new_user_id":
		return newUserID
	case "timestamp":
		return timestamp
	}
	return members
}

// A rule is what a member must be at an endpoint. One that may be left out may be null.
type rule uint8

const (
	anything rule = iota
	text
	mayText
	object
	mayObject
	mayTime
)

func (r rule) isRequired() bool { return r == text || r == object }

var (
	trackRules = [members]rule{environment: text, event: text, distinctID: mayText, anonymousID: mayText, deviceID: mayText,
		sessionID: mayText, properties: object, timestamp: mayTime}
	identifyRules = [members]rule{environment: text, distinctID: text, anonymousID: mayText, traits: mayObject, timestamp: mayTime}
	aliasRules    = [members]rule{environment: text, distinctID: text, newUserID: text, timestamp: mayTime}
)

func rulesOf(endpoint string) *[members]rule {
	switch endpoint {
	case "track":
		return &trackRules
	case "identify":
		return &identifyRules
	case "alias":
		return &aliasRules
	}
	return nil
}

// A reader reads the messages of a body. After a refusal it goes on, since the API
// says first whether a body is JSON.
type reader struct {
	scan
	endpoint string
	rules    *[members]rule
	add      *Add
	into     []Message
	number   int // of the message, counted from 0
	refusal  *Refusal

	seen        uint // members of the message, a bit each
	environment string
	raw         []byte // environment as it was sent
	inside      int    // of the properties: behind their brace
	hasIP       bool
	stamp       span // value of timestamp; empty if there is none
	added       []byte
	stampText   [48]byte
}

// A span is a part of the body.
type span struct{ begin, end int }

// message reads an object.
func (r *reader) message() bool {
	begin := r.at
	r.seen, r.inside, r.stamp = 0, 0, span{}
	if !r.open() {
		return false
	}
	if r.next('}') {
		r.depth--
		r.finish(begin)
		return true
	}
	for {
		name, ok := r.name()
		if !ok || !r.member(memberNamed(name)) {
			return false
		}
		if end, ok := r.more('}'); !ok {
			return false
		} else if end {
			r.finish(begin)
			return true
		}
	}
}

// member reads a value and checks it by the endpoint's rule.
func (r *reader) member(m member) bool {
	if m == members || r.rules[m] == anything {
		return r.value()
	}
	if r.seen&(1<<m) != 0 {
		r.refuse("field %q is there twice", m.String())
	}
	r.seen |= 1 << m
	begin := r.at
	if m == properties && begin < len(r.text) && r.text[begin] == '{' {
		ok := r.object(true)
		r.inside, r.hasIP = begin+1, r.noted
		return ok
	}
	if !r.value() {
		return false
	}
	r.check(m, span{begin, r.at})
	return true
}

// check refuses a value of the wrong type.
func (r *reader) check(m member, value span) {
	first, rule := r.text[value.begin], r.rules[m]
	if first == 'n' && !rule.isRequired() {
		if m == timestamp {
			r.stamp = value
		}
		return
	}
	switch {
	case rule == mayTime:
		if first != '"' && !isInteger(r.text[value.begin:value.end]) {
			r.refuse("field %q is neither a string nor an integer", m.String())
		}
		r.stamp = value
	case rule == text || rule == mayText:
		if first != '"' {
			r.refuse("field %q is not a string", m.String())
		} else if m == environment {
			r.setEnvironment(r.text[value.begin+1:value.end-1], r.escaped)
		}
	case first != '{':
		r.refuse("field %q is not an object", m.String())
	}
}

// isInteger reports whether a value is an integer of 64 bits.
func isInteger(value []byte) bool {
	_, ok := integer(value)
	return ok
}

func integer(value []byte) (int64, bool) {
	const longest = len("-9223372036854775808")
	if len(value) > longest {
		return 0, false
	}
	n, err := strconv.ParseInt(unsafe.String(&value[0], len(value)), 10, 64)
	return n, err == nil
}

// setEnvironment notes the message's environment. Messages that follow each other
// with the same one share its string.
func (r *reader) setEnvironment(raw []byte, escaped bool) {
	if r.raw != nil && string(raw) == string(r.raw) {
		return
	}
	r.raw = raw
	if escaped {
		r.environment = string(unescape(nil, raw))
		return
	}
	for _, known := range r.add.Environments {
		if known == string(raw) {
			r.environment = known
			return
		}
	}
	r.environment = string(raw)
}

// refuse notes the refusal of a message whose fields are wrong. It goes before one
// for what the fields say, and the first counts.
func (r *reader) refuse(format, field string) {
	if r.refusal != nil && r.refusal.Status == 422 {
		return
	}
	reason := format
	if field != "" {
		reason = fmt.Sprintf(format, field)
	}
	r.refusal = &Refusal{Status: 422, Text: fmt.Sprintf("message %d: %s", r.number, reason)}
}

// refuseLater notes the refusal of a message for what a field says.
func (r *reader) refuseLater(code, reason string) {
	if r.refusal == nil {
		r.refusal = &Refusal{Status: 400, Code: code, Text: fmt.Sprintf("message %d: %s", r.number, reason)}
	}
}

// finish checks the message that began there as a whole, and appends it.
func (r *reader) finish(begin int) {
	for m, rule := range r.rules {
		if rule.isRequired() && r.seen&(1<<m) == 0 {
			r.refuse("missing field %q", member(m).String())
		}
	}
	if r.refusal != nil {
		return
	}
	if known := r.add.Environments; len(known) > 0 && !slices.Contains(known, r.environment) {
		r.refuseLater("environment-not-found", "environment does not exist")
		return
	}
	if !r.stampIsValid() {
		r.refuseLater(failure(r.endpoint), `field "timestamp" is no time`)
		return
	}
	r.into = append(r.into, r.complete(span{begin, r.at}))
}

// failure is the API's code for a message that it could not store.
func failure(endpoint string) string {
	if endpoint == "track" {
		return "insert-failed"
	}
	return endpoint + "-failed"
}
