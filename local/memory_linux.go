package main

import "syscall"

// maxMemory bounds what the process may allocate. DuckDB's own limit does not
// count all that a function makes: a list of a billion numbers, say.
const maxMemory = 6 << 30

// limitMemory makes a large allocation fail, which is an error of its query,
// before the machine has no memory left.
func limitMemory() error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_DATA, &limit); err != nil {
		return err
	}
	limit.Cur = min(limit.Cur, maxMemory)
	return syscall.Setrlimit(syscall.RLIMIT_DATA, &limit)
}
