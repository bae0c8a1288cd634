package spool

import (
	"errors"
	"io/fs"
	"os"
)

const lockName = "lock"

var errLocked = errors.New("is locked by a living client")

// seize locks an instance that may be a dead client's. It fails with errLocked
// if its client lives, or might live. mayBeDead tells of one without a lock file
// whose directory the system cannot lock.
func (i *instance) seize(dir string, mayBeDead func(*instance) bool) (err error) {
	if i.dirLocked, err = lockDir(i.handle); err != nil {
		return err
	}
	i.lock, err = openLock(i, false)
	if errors.Is(err, fs.ErrNotExist) {
		// Somebody has removed the file, or its client died before it was made.
		if !i.dirLocked && !mayBeDead(i) {
			return errLocked
		}
		i.lock, err = openLock(i, true)
	}
	if err != nil {
		return err
	}
	if i.isGone(dir) || !lockIsInPlace(i) {
		return fs.ErrNotExist // somebody else had it before, and has removed it
	}
	return nil
}

// mendLock makes and locks the lock file again if somebody has removed it. It
// fails with errLocked if another client was faster: the instance is that
// one's. What goes wrong otherwise is tried again the next time.
func (i *instance) mendLock() error {
	held, err := i.lock.Stat()
	if err != nil {
		return nil
	}
	now, err := i.root.Lstat(lockName)
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing || err == nil && os.SameFile(held, now) {
		return nil
	}
	lock, err := openLock(i, missing)
	switch {
	case errors.Is(err, errLocked):
		return errLocked
	case err == nil:
		_ = i.lock.Close()
		i.lock = lock
	}
	return nil
}
