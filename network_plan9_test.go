package altertable_test

import "syscall"

const (
	connReset   = syscall.ErrorString("connection reset by peer")
	connRefused = syscall.ErrorString("connection refused")
)
