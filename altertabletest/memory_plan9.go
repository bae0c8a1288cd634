package altertabletest

import "syscall"

// Plan 9 has texts where other systems have numbers.
const (
	connReset   = syscall.ErrorString("connection reset")
	connRefused = syscall.ErrorString("connection refused")
)
