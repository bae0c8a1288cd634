package spool

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

var errNotOurs = errors.New("is not provably this user's")

// An instance is a directory with the files of one client. It is used through
// its handles: whoever renames or replaces it changes nothing about where its
// files are read and written.
type instance struct {
	name string
	path string // for errors

	root      *os.Root
	handle    *os.File // of the directory, for its own lock, its state and fsync
	dirLocked bool     // handle is locked: not every system can
	lock      *os.File // the file, locked
}

// openInstance opens the directory of that name below dir.
func openInstance(dir *os.Root, name string) (i *instance, err error) {
	seen, err := dir.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !seen.IsDir() {
		return nil, errNotOurs
	}
	i = &instance{name: name, path: filepath.Join(dir.Name(), name)}
	if i.root, err = dir.OpenRoot(name); err != nil {
		return nil, err
	}
	if i.handle, err = i.root.Open("."); err != nil {
		return nil, errors.Join(err, i.root.Close())
	}
	is, err := i.handle.Stat()
	if err == nil && !os.SameFile(seen, is) {
		err = errNotOurs
	}
	if err != nil {
		i.close()
		return nil, err
	}
	return i, nil
}

// close gives up the instance. The directory's lock goes last.
func (i *instance) close() {
	unlock(i.lock)
	_ = i.lock.Close() // fails if there is none
	_ = i.root.Close()
	unlock(i.handle)
	_ = i.handle.Close()
}

// remove removes a locked instance, unless something is left in it, and closes it.
func (i *instance) remove(dir *os.Root) {
	if i.lock != nil {
		removeLock(i)
	}
	removeDir(dir, i)
}

// isTrusted reports whether nobody else could have put files into the directory,
// except by the group's leave.
func (i *instance) isTrusted() bool {
	info, err := i.handle.Stat()
	return err == nil && isOurDir(info)
}

// isGone reports whether somebody has removed the directory, or replaced it. An
// error that may pass says neither.
func (i *instance) isGone(dir string) bool {
	held, err := i.handle.Stat()
	if err != nil {
		return false
	}
	now, err := os.Lstat(filepath.Join(dir, i.name))
	if err != nil {
		return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
	}
	return !os.SameFile(held, now)
}

// openFile opens a file that is provably ours. It never waits for a FIFO.
func (i *instance) openFile(name string, flag int) (*os.File, fs.FileInfo, error) {
	seen, err := i.root.Lstat(name)
	if err != nil {
		return nil, nil, err
	}
	if !seen.Mode().IsRegular() {
		return nil, nil, errNotOurs
	}
	file, err := i.root.OpenFile(name, flag|openFlags, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := file.Stat()
	if err == nil && (!os.SameFile(seen, info) || !isOurs(info)) {
		err = errNotOurs
	}
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return file, info, nil
}

// exists reports whether root has something of that name.
func exists(root *os.Root, name string) (bool, error) {
	_, err := root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// entries returns what is in the directory, in the order of names.
func (i *instance) entries() ([]fs.DirEntry, error) { return readDir(i.root) }

func readDir(root *os.Root) ([]fs.DirEntry, error) {
	dir, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	entries, err := dir.ReadDir(-1)
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, errors.Join(err, dir.Close())
}

// openDir opens the directory that clients share, and makes it if need be.
func openDir(path string, sync bool) (*os.Root, error) {
	var parents []string // of what is made
	for at := path; sync && filepath.Dir(at) != at; at = filepath.Dir(at) {
		if _, err := os.Lstat(at); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		parents = append(parents, filepath.Dir(at))
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, err
	}
	for _, parent := range parents {
		if err := syncPath(parent); err != nil {
			return nil, err
		}
	}
	return os.OpenRoot(path)
}

// syncPath is replaced by tests.
var syncPath = func(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(syncDir(dir), dir.Close())
}

// build makes an instance that is locked. Between the making and the locking
// it looks like a dead client's, and another client may tear it down: then the
// next one gets a new name.
func (s *Spool) build() (i *instance, err error) {
	for range 10 {
		if i, err = s.makeInstance(); err == nil {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	if s.cfg.Sync {
		if err := syncPath(s.cfg.Dir); err != nil {
			i.remove(s.dir)
			return nil, err
		}
	}
	return i, nil
}

func (s *Spool) makeInstance() (*instance, error) {
	name := s.instanceName()
	if err := s.dir.Mkdir(name, 0o700); err != nil {
		return nil, err
	}
	i, err := openInstance(s.dir, name)
	if err != nil {
		_ = s.dir.Remove(name)
		return nil, err
	}
	if !i.isTrusted() {
		err = errNotOurs
	} else if i.dirLocked, err = lockDir(i.handle); err == nil {
		i.lock, err = openLock(i, true)
	}
	if err == nil && (i.isGone(s.cfg.Dir) || !lockIsInPlace(i)) {
		err = fs.ErrNotExist
	}
	if err != nil {
		i.remove(s.dir) // it holds nothing yet
		return nil, err
	}
	return i, nil
}
