// Package encode writes the JSON of messages. Its output is what encoding/json
// would make, except that members of maps come in no particular order. The
// types that properties are usually made of need no memory of their own;
// encoding/json does the rest.
package encode

import (
	"errors"
	"strings"
)

// ErrTooLarge says that the output would exceed its limit.
var ErrTooLarge = errors.New("is too large")

// Members appends the members of m without braces, and stops with ErrTooLarge
// when dst gets longer than limit. It reports whether a name begins with "$".
// An error's text says what is wrong with m in words that follow a field's
// name, and quotes nothing of m.
func Members(dst []byte, m map[string]any, limit int) (out []byte, dollar bool, err error) {
	first := true
	for name, value := range m {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dollar = dollar || strings.HasPrefix(name, "$")
		if dst, err = appendText(dst, name, limit, 1); err != nil {
			return dst, dollar, err
		}
		if dst, err = appendValue(append(dst, ':'), value, limit, 1); err != nil {
			return dst, dollar, err
		}
	}
	return dst, dollar, nil
}
