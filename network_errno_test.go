//go:build !plan9

package altertable_test

import "syscall"

const (
	connReset   = syscall.ECONNRESET
	connRefused = syscall.ECONNREFUSED
)
