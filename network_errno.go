//go:build !plan9

package altertable

import (
	"errors"
	"syscall"
)

// systemTrouble returns the system's own words for err, if it is one of its errors.
func systemTrouble(err error) (string, bool) {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return "", false
	}
	return errno.Error(), true
}
