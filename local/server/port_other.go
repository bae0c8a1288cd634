//go:build !windows

package server

import (
	"errors"
	"syscall"
)

// portInUse reports whether somebody listens where net.Listen was to.
func portInUse(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }
