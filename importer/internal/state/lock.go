package state

import (
	"fmt"
	"os"
	"runtime"

	"github.com/gofrs/flock"
)

// A lock is a file beside the state's, since that one is renamed, and since a lock
// keeps others from reading it on Windows.
type lock struct {
	path  string
	flock *flock.Flock
}

// lockFile locks the state at path for this process.
func lockFile(path string) (*lock, error) {
	l := &lock{path: path + LockSuffix}
	for range 100 {
		switch ok, err := l.try(path); {
		case err != nil:
			return nil, err // l's file is another's
		case ok:
			return l, nil
		}
	}
	return nil, fmt.Errorf("%s cannot be locked: other imports come and go", path)
}

// try returns false if another process has removed the file in the meantime: what
// was locked is then not what a third one finds at the path.
func (l *lock) try(path string) (bool, error) {
	file, err := os.OpenFile(l.path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return false, refused(path, err)
	}
	defer file.Close()
	l.flock = flock.New(l.path, flock.SetFlag(os.O_RDWR))
	switch locked, err := l.flock.TryLock(); {
	case os.IsNotExist(err):
		return false, nil
	case err != nil:
		return false, refused(path, err)
	case !locked:
		return false, fmt.Errorf("%s is in use: another import runs on it; wait for its end, or name another file with -state", path)
	}
	opened, err := file.Stat()
	found, err2 := os.Stat(l.path)
	if err == nil && err2 == nil && os.SameFile(opened, found) {
		return true, nil
	}
	_ = l.flock.Close()
	return false, nil
}

// release removes the file. Where an open file can be removed, that has to come
// before the unlocking: afterwards it may be another's.
func (l *lock) release() {
	if runtime.GOOS != "windows" {
		_ = os.Remove(l.path)
	}
	_ = l.flock.Close()
	if runtime.GOOS == "windows" {
		_ = os.Remove(l.path)
	}
}
