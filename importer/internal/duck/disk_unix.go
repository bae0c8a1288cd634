//go:build !windows

package duck

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// freeIn returns the bytes that this process may still write there: what is kept
// for root counts for nothing.
func freeIn(path string) (uint64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return 0, err
	}
	return uint64(s.Bavail) * uint64(s.Bsize), nil
}

// ours reports whether the file is this user's.
func ours(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Getuid()
}
