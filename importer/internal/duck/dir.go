package duck

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/gofrs/flock"
)

const (
	prefix   = "altertable-import-"
	lockName = "import.lock"
	// tries is how often a directory is made anew that a sweep took for a dead
	// one before it was locked.
	tries = 10
)

// makeDir makes a directory in temp, and locks it for as long as it is used. The
// lock tells a directory in use from one that a killed import left.
func makeDir(temp string) (string, *flock.Flock, error) {
	for range tries {
		dir, err := os.MkdirTemp(temp, prefix+"*") // for the owner alone
		if err != nil {
			return "", nil, fmt.Errorf("cannot make a temporary directory (choose another place with -temp): %w", err)
		}
		lock := flock.New(filepath.Join(dir, lockName))
		locked, err := lock.TryLock()
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", nil, errors.Join(fmt.Errorf("cannot lock a file in %s (choose another place with -temp): %w", dir, err), os.RemoveAll(dir))
		}
		// Another import may have swept the directory before it was locked, and
		// then this lock is on a file that has no name any more.
		if _, gone := os.Stat(lock.Path()); locked && gone == nil {
			return dir, lock, nil
		}
		_ = lock.Close()
	}
	return "", nil, fmt.Errorf("cannot make a temporary directory in %s: other imports remove it", temp)
}

// sweep removes the directories of imports that were killed. What it cannot
// remove is left for the next one. A directory without a lock is somebody else's,
// whatever its name is.
func sweep(temp string) {
	locks, _ := filepath.Glob(filepath.Join(escape(temp), prefix+"*", lockName))
	for _, path := range locks {
		dir := filepath.Dir(path)
		if info, err := os.Lstat(dir); err != nil || !info.IsDir() || !ours(info) {
			continue
		}
		// It makes no file: else makeDir takes it for its own.
		lock := flock.New(path, flock.SetFlag(os.O_RDWR))
		if locked, err := lock.TryLock(); err == nil && locked {
			_ = removeDir(dir, lock)
		} else {
			_ = lock.Close()
		}
	}
}

// removeDir removes a locked directory, the lock last: who finds the rest of it
// can still tell that it is dead.
func removeDir(dir string, lock *flock.Flock) error {
	entries, err := os.ReadDir(dir)
	for _, entry := range entries {
		if entry.Name() != lockName {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, entry.Name())))
		}
	}
	if err != nil {
		return errors.Join(err, lock.Close())
	}
	// Unlocked, it may be the lock of an import that is just making the directory.
	// Windows does not remove a file that is open, neither this one nor that one's.
	defer func() { _ = lock.Close() }()
	if runtime.GOOS == "windows" {
		err = lock.Close()
	}
	if failed := os.Remove(lock.Path()); !errors.Is(failed, os.ErrNotExist) {
		err = errors.Join(err, failed)
	}
	// On Windows another import's sweep may have locked the directory by now, and
	// then it removes both.
	if failed := os.Remove(dir); failed != nil && !errors.Is(failed, os.ErrNotExist) {
		left, _ := os.ReadDir(dir)
		if errors.Is(failed, os.ErrPermission) || slices.ContainsFunc(left, notLock) {
			err = errors.Join(err, failed)
		}
	}
	return err
}

func notLock(entry os.DirEntry) bool { return entry.Name() != lockName }

// escape makes a pattern that matches path alone.
func escape(path string) string {
	var pattern []rune
	for _, r := range path {
		if (r == '*' || r == '?' || r == '[' || r == '\\') && os.PathSeparator != '\\' {
			pattern = append(pattern, '\\')
		}
		pattern = append(pattern, r)
	}
	return string(pattern)
}
