// Package body reads the body of a request as the API does: it finds the messages
// in it, checks them, and adds what they lack.
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
}

// A Refusal is the API's answer to a body that it does not take.
type Refusal struct {
	Status int    // 400 or 422
	Code   string // "" or the API's error_code
	Text   string // names a field, never a value
}

func (r *Refusal) Error() string { return r.Text }

// Add is what messages get that they lack.
type Add struct {
	Time time.Time  // timestamp
	IP   netip.Addr // $ip of a track; not valid: 0
}

// Split appends the messages of a body to into, in order. The error is a *Refusal
// of the whole body. The messages hold bytes of text where nothing was added.
func Split(endpoint string, text []byte, add Add, into []Message) ([]Message, error) {
	return nil, nil
}
