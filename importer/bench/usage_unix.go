//go:build unix

package main

import (
	"os"
	"runtime"
	"syscall"
)

// maxMemory returns the largest resident set that an ended process had, in bytes.
func maxMemory(state *os.ProcessState) int64 {
	used, ok := state.SysUsage().(*syscall.Rusage)
	switch {
	case !ok:
		return 0
	case runtime.GOOS == "darwin":
		return used.Maxrss // others count KiB
	}
	return used.Maxrss << 10
}
