package server

import (
	"os"
	"syscall"
)

// widen lets a pipe hold most answers and batches at once, so that the processes
// need not take turns. Where that is not allowed they do.
func widen(pipe any) {
	const fSetPipeSize, size = 1031, 1 << 20
	file, ok := pipe.(*os.File)
	if !ok {
		return
	}
	if conn, err := file.SyscallConn(); err == nil {
		_ = conn.Control(func(fd uintptr) {
			_, _, _ = syscall.Syscall(syscall.SYS_FCNTL, fd, fSetPipeSize, size)
		})
	}
}
