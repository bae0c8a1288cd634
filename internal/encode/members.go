// Package encode writes the JSON of messages. Its output is what encoding/json
// would make, except for three things: members of maps come in no particular
// order, an error is its text, and what the server's parser does not take is
// replaced or refused. The types that properties are usually made of need no
// memory of their own; encoding/json does the rest.
package encode

import (
	"errors"
	"strings"
)

// ErrTooLarge says that the output would exceed its limit.
var ErrTooLarge = errors.New("is too large")

// A MemberError says what is wrong with a member.
type MemberError struct {
	// Key is the member's name. With ErrTooLarge it is the member that takes
	// more than half of the limit, and empty if no such one is known.
	Key string
	Err error // ErrTooLarge, or words that follow a name; they quote nothing of the value
}

// Error returns the text of Err: a key may be personal data.
func (e *MemberError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *MemberError) Unwrap() error { return e.Err }

// Members appends the members of m without braces, and stops with ErrTooLarge
// when dst gets longer than limit. It reports whether a name begins with "$".
// Its error is a *MemberError.
func Members(dst []byte, m map[string]any, limit int) (out []byte, dollar bool, err error) {
	first := true
	for name, value := range m {
		begin := len(dst)
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dollar = dollar || strings.HasPrefix(name, "$")
		if dst, err = appendText(dst, name, limit, oneLevel); err != nil {
			return dst, dollar, memberError(name, err, 2*begin < limit)
		}
		if dst, err = appendValue(append(dst, ':'), value, limit, oneLevel); err != nil {
			return dst, dollar, memberError(name, err, 2*begin < limit)
		}
	}
	return dst, dollar, nil
}

// memberError is for a member that, if it is too large, takes more than half of
// the limit or not.
func memberError(name string, err error, most bool) error {
	if err == ErrTooLarge && !most { // any of the members before it may be the large one
		name = ""
	}
	return &MemberError{strings.Clone(name), err}
}
