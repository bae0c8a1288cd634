package broker

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

// StoreName is nats-server's directory below the data directory. Where it is not,
// no relay has stored anything.
const StoreName = "jetstream"

const lockName = "relay.lock"

// A dataDir is the directory of one relay, locked as long as it is open.
type dataDir struct {
	path string // without symbolic links
	lock *flock.Flock
}

// openDataDir makes the directory unless it is there or readOnly, and locks it.
func openDataDir(path string, readOnly bool) (*dataDir, error) {
	if !readOnly {
		if err := os.MkdirAll(path, 0o700); err != nil {
			return nil, dirError(path, err)
		}
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, dirError(path, err)
	}
	if err := isStore(real, readOnly); err != nil {
		return nil, dirError(path, err)
	}
	d := &dataDir{path: real, lock: flock.New(filepath.Join(real, lockName), flock.SetPermissions(0o600))}
	held, err := d.lock.TryLock()
	if err == nil && !held {
		err = errors.New("another relay has locked it")
		if !readOnly {
			err = fmt.Errorf("%w: end that one, or choose another --data", err)
		}
	}
	if err == nil {
		err = d.writable()
	}
	if err != nil {
		d.close()
		return nil, dirError(path, err)
	}
	return d, nil
}

// isStore says whether the path is a directory, and with readOnly one that has a store.
func isStore(path string, readOnly bool) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return errors.New("it is not a directory")
	}
	for _, name := range []string{lockName, reserveName} { // they would be made where the link says
		if info, err := os.Lstat(filepath.Join(path, name)); err == nil && !info.Mode().IsRegular() {
			return fmt.Errorf("its %s is not a regular file", name)
		}
	}
	store, err := os.Stat(filepath.Join(path, StoreName))
	switch {
	case err == nil && !store.IsDir():
		return fmt.Errorf("its %s is not a directory", StoreName)
	case errors.Is(err, fs.ErrNotExist) && readOnly:
		return errors.New("no relay has stored anything there")
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return nil
}

// writable makes the store's directory and a file in it: what nats-server finds
// out late it says unclearly. A full disk is no error here, as it may be drained.
func (d *dataDir) writable() error {
	store := filepath.Join(d.path, StoreName)
	if err := os.MkdirAll(store, 0o700); err != nil {
		return unlessFull(err)
	}
	if err := os.Chmod(store, 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(store, "_write_")
	if err != nil {
		return unlessFull(err)
	}
	_ = file.Close()
	return os.Remove(file.Name())
}

func (d *dataDir) close() { _ = d.lock.Close() }

func unlessFull(err error) error {
	if isFull(err) {
		return nil
	}
	return err
}

func dirError(path string, err error) error {
	return fmt.Errorf("data directory %s: %w", path, err)
}
