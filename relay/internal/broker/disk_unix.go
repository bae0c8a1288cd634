//go:build !windows

package broker

import (
	"errors"

	"golang.org/x/sys/unix"
)

// diskOf returns the bytes that are free for this process, and those that it
// could have: what is kept for root counts for nothing.
func diskOf(path string) (free, total uint64, err error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return 0, 0, err
	}
	size := uint64(s.Bsize)
	free = uint64(s.Bavail) * size
	return free, (uint64(s.Blocks)-uint64(s.Bfree))*size + free, nil
}

func isFull(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
}
