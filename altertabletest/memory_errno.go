//go:build !plan9

package altertabletest

import "syscall"

const (
	connReset   = syscall.ECONNRESET
	connRefused = syscall.ECONNREFUSED
)
