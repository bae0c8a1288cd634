//go:build unix

package main

import (
	"os"
	"runtime"
	"syscall"
)

func interrupt(p *os.Process) error { return p.Signal(syscall.SIGTERM) }

// maxMemory returns the largest resident set.
func maxMemory(state *os.ProcessState) int64 {
	used, ok := state.SysUsage().(*syscall.Rusage)
	switch {
	case !ok:
		return 0
	case runtime.GOOS == "darwin":
		return int64(used.Maxrss) // others count KiB
	}
	return int64(used.Maxrss) << 10
}
