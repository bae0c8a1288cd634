package server

import (
	"fmt"
	"os"
	"syscall"
)

// maxMemory bounds what the engine may allocate. DuckDB's own limit does not
// count all that a function makes: a list of a billion numbers, say.
const maxMemory = 6 << 30

// limitMemory makes a large allocation fail, which is an error of its query,
// before the machine has no memory left. What the process has already does not
// count: a program built to find races begins with terabytes.
func limitMemory() error {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return err
	}
	var size, resident, shared, code, libraries, data uint64 // pages
	if _, err := fmt.Sscan(string(text), &size, &resident, &shared, &code, &libraries, &data); err != nil {
		return err
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_DATA, &limit); err != nil {
		return err
	}
	limit.Cur = min(limit.Max, limit.Cur, data*uint64(os.Getpagesize())+maxMemory)
	return syscall.Setrlimit(syscall.RLIMIT_DATA, &limit)
}
