// Package body reads the body of a request as the API does: it finds the messages
// in it, checks them, and adds what they lack.
//
// Where the API stores a part of a body before it refuses the rest
// (environment-not-found, and insert-failed for a timestamp that is none), Split
// refuses the whole: nothing of a body that is refused may be on a stream, or the
// producer, who sends the rest again, would store that part twice.
package body

import (
	"net/netip"
	"time"
)

// A Message is one message of a body.
type Message struct {
	JSON        []byte // as it was sent, or with what was added
	Environment string
	Stamped     bool // it came with a timestamp
	Sent        int  // bytes of it as it was sent: the same on a retry, whatever is added
}

// A Refusal is the API's answer to a body that it does not take.
type Refusal struct {
	Status int    // 400 or 422
	Code   string // "" or the API's error_code
	Text   string // names a field, never a value
}

func (r *Refusal) Error() string { return r.Text }

// Add is what messages get that they lack, and which of them are refused besides.
type Add struct {
	Stamp        func() time.Time // timestamp of the next message that has none; nil: time.Now
	IP           netip.Addr       // $ip of a track; not valid: 0
	Environments []string         // those that exist; empty: all
}

// Split appends the messages of a body to into, in order. The error is a *Refusal
// of the whole body. The messages hold bytes of text where nothing was added.
//
// A timestamp that is null, or an integer, is replaced: the client behind the
// stream takes strings alone. An integer is of seconds if it is below 10^11, the
// year 5138, else of milliseconds.
func Split(endpoint string, text []byte, add Add, into []Message) ([]Message, error) {
	rules := rulesOf(endpoint)
	if rules == nil {
		return into, &Refusal{Status: 404, Text: "not found"}
	}
	r := reader{scan: scan{text: text}, endpoint: endpoint, rules: rules, add: &add, into: into}
	if !r.body() {
		return into, &Refusal{Status: 400, Text: "body is not valid JSON"}
	}
	if r.refusal != nil {
		return into, r.refusal
	}
	return r.into, nil
}

// body reads an object, or a list of them, and reports whether text is one JSON value.
func (r *reader) body() bool {
	r.space()
	if r.at < len(r.text) && r.text[r.at] == '[' {
		if !r.messages() {
			return false
		}
	} else if !r.element() {
		return false
	}
	r.space()
	return r.at == len(r.text)
}

func (r *reader) messages() bool {
	r.at++
	r.depth++
	if r.space(); r.next(']') {
		return true
	}
	for {
		if !r.element() {
			return false
		}
		r.space()
		switch {
		case r.next(','):
			r.space()
		case r.next(']'):
			return true
		default:
			return false
		}
		r.number++
	}
}

// element reads what should be a message.
func (r *reader) element() bool {
	if r.at < len(r.text) && r.text[r.at] == '{' {
		return r.message()
	}
	r.refuse("not an object", "")
	return r.value()
}
