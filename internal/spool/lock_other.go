//go:build !windows && (!unix || aix || (solaris && !illumos))

package spool

import (
	"errors"
	"os"
)

// lockFile fails: without a lock that dies with the process there is no spool.
func lockFile(path string, _ bool) (*os.File, error) {
	return nil, &os.PathError{Op: "lock", Path: path, Err: errors.ErrUnsupported}
}

func syncDir(string) error { return nil }
