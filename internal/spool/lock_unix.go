//go:build unix && !aix && (!solaris || illumos)

package spool

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// openFlags keep an open from following a symlink, and from waiting for the
// other end of a FIFO.
const openFlags = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

// flock is replaced by tests.
var flock = syscall.Flock

// tryFlock locks file for as long as it is open: the lock dies with the
// process. It fails with errLocked if somebody else holds it.
func tryFlock(file *os.File, how int) error {
	for {
		err := flock(int(file.Fd()), how|syscall.LOCK_NB)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EWOULDBLOCK):
			return errLocked
		case err != nil:
			return &os.PathError{Op: "lock", Path: file.Name(), Err: err}
		}
		return nil
	}
}

// openLock opens an instance's lock file, or makes it, and locks it.
func openLock(i *instance, create bool) (file *os.File, err error) {
	if create {
		file, err = i.root.OpenFile(lockName, os.O_RDWR|os.O_CREATE|os.O_EXCL|openFlags, 0o600)
	} else {
		file, _, err = i.openFile(lockName, os.O_RDWR)
	}
	if err != nil {
		return nil, err
	}
	if err := tryFlock(file, syscall.LOCK_EX); err != nil {
		_ = file.Close() // the lock's error is the one that counts
		return nil, err
	}
	return file, nil
}

func isUnlockable(err error) bool {
	return errors.Is(err, syscall.EBADF) || errors.Is(err, syscall.ENOLCK) || errors.Is(err, syscall.EINVAL) ||
		errors.Is(err, syscall.ENOTSUP) || errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS)
}

// lockDir locks a directory, if the system can: NFS turns the lock into one of
// bytes, which needs a file that is open for writing.
func lockDir(dir *os.File) (locked bool, err error) {
	err = tryFlock(dir, syscall.LOCK_EX)
	if err != nil && isUnlockable(err) {
		return false, nil
	}
	return err == nil, err
}

// probe fails with errLocked if the client of an instance lives.
func probe(i *instance) error {
	if err := tryFlock(i.handle, syscall.LOCK_SH); err != nil && !isUnlockable(err) {
		return err
	}
	defer unlock(i.handle)
	file, err := i.root.OpenFile(lockName, os.O_RDONLY|openFlags, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	return errors.Join(tryFlock(file, syscall.LOCK_SH), file.Close())
}

// lockIsInPlace reports whether the lock file that is held is the one of that name.
func lockIsInPlace(i *instance) bool {
	held, errHeld := i.lock.Stat()
	now, errNow := i.root.Lstat(lockName)
	return errHeld == nil && errNow == nil && os.SameFile(held, now)
}

// removeLock removes the lock file while it is held, so that nobody locks it
// in between.
func removeLock(i *instance) {
	if lockIsInPlace(i) {
		_ = i.root.Remove(lockName)
	}
	_ = i.lock.Close()
	i.lock = nil
}

// unlock gives up a lock. Closing its file alone would leave it, for a moment, with
// a process that was forked and has not begun its own program yet.
func unlock(file *os.File) { _ = flock(int(file.Fd()), syscall.LOCK_UN) }

// removeDir removes the directory of an instance, if it is empty, while it is locked.
func removeDir(dir *os.Root, i *instance) {
	_ = dir.Remove(i.name)
	i.close()
}

// touch sets the time of the lock file, by the clock of its file system.
func touch(i *instance) {
	if i.lock.Truncate(0) != nil {
		_ = i.root.Chtimes(lockName, time.Now(), time.Now())
	}
}

// syncDir waits until the names of a directory's files are on the medium.
func syncDir(dir *os.File) error { return syncFile(dir) }

// isOurs reports whether info is of a regular file that is ours under no other name.
func isOurs(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && info.Mode().IsRegular() && int64(stat.Uid) == int64(os.Geteuid()) && uint64(stat.Nlink) == 1
}

// isOurDir reports whether info is of a directory that is ours and that not
// everybody can write to. The group may: kubelet's fsGroup allows it.
func isOurDir(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && info.IsDir() && int64(stat.Uid) == int64(os.Geteuid()) && info.Mode().Perm()&0o002 == 0
}
