//go:build !loong64

package altertable_test

import "syscall"

// renameCall is the call with which package os renames.
const renameCall = syscall.SYS_RENAMEAT
