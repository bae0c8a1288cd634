package server

import (
	"errors"
	"syscall"
)

// portInUse reports whether somebody listens where net.Listen was to: the error
// is WSAEADDRINUSE, which package syscall does not name.
func portInUse(err error) bool { return errors.Is(err, syscall.Errno(10048)) }
