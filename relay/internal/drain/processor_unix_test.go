//go:build unix

package drain

import "syscall"

// processor returns the processor time that this process has used, in nanoseconds.
func processor() int64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return u.Utime.Nano() + u.Stime.Nano()
}
