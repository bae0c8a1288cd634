package altertable

import (
	"errors"
	"syscall"
)

// systemTrouble returns the system's own words for err, which is one of its errors.
func systemTrouble(err error) (string, bool) {
	var text syscall.ErrorString
	ok := errors.As(err, &text)
	return string(text), ok
}
