//go:build !windows && (!unix || aix || (solaris && !illumos))

package spool

import (
	"errors"
	"io/fs"
	"os"
)

const openFlags = 0

// openLock fails: without a lock that dies with the process there is no spool.
func openLock(i *instance, _ bool) (*os.File, error) {
	return nil, &os.PathError{Op: "lock", Path: i.path, Err: errors.ErrUnsupported}
}

func lockDir(*os.File) (locked bool, err error) { return false, nil }

func probe(*instance) error { return errors.ErrUnsupported }

func lockIsInPlace(*instance) bool { return true }

func removeLock(i *instance) {
	_ = i.lock.Close()
	i.lock = nil
}

func removeDir(dir *os.Root, i *instance) {
	_ = dir.Remove(i.name)
	i.close()
}

func touch(*instance) {}

func syncDir(*os.File) error { return nil }

func isOurs(info fs.FileInfo) bool { return info.Mode().IsRegular() }

func isOurDir(info fs.FileInfo) bool { return info.IsDir() }

// unlock does nothing: closing the file gives up its lock.
func unlock(*os.File) {}
