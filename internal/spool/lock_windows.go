package spool

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

const (
	openFlags = 0

	sharingViolation syscall.Errno = 32
)

// openLock opens an instance's lock file, or makes it, without sharing it, which
// locks it for as long as the file is open: the lock dies with the process. It
// fails with errLocked if somebody else has it open.
func openLock(i *instance, create bool) (*os.File, error) {
	path := filepath.Join(i.path, lockName)
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	disposition := uint32(syscall.OPEN_EXISTING)
	if create {
		disposition = syscall.CREATE_NEW
	}
	handle, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, 0, nil, disposition, syscall.FILE_ATTRIBUTE_NORMAL|syscall.FILE_FLAG_OPEN_REPARSE_POINT, 0)
	if err == sharingViolation {
		err = errLocked
	}
	if err != nil {
		return nil, &os.PathError{Op: "lock", Path: path, Err: err}
	}
	return os.NewFile(uintptr(handle), path), nil
}

// lockDir does nothing: a directory cannot be locked.
func lockDir(*os.File) (locked bool, err error) { return false, nil }

// probe fails with errLocked if the client of an instance lives.
func probe(i *instance) error {
	lock, err := openLock(i, false)
	if os.IsNotExist(err) {
		return nil
	} else if err != nil {
		return err
	}
	return lock.Close()
}

// lockIsInPlace reports true: a file that is open without sharing keeps its name.
func lockIsInPlace(*instance) bool { return true }

// removeLock removes the lock file, which must not be open then.
func removeLock(i *instance) {
	_ = i.lock.Close()
	i.lock = nil
	_ = i.root.Remove(lockName)
}

// removeDir removes the directory of an instance, if it is empty. It must not be open then.
func removeDir(dir *os.Root, i *instance) {
	i.close()
	_ = dir.Remove(i.name)
}

// touch does nothing: a file that is open without sharing is not removed.
func touch(*instance) {}

// syncDir does nothing: NTFS keeps its names in a journal.
func syncDir(*os.File) error { return nil }

// isOurs reports whether info is of a regular file. Who may write it, the
// directory's access control list says.
func isOurs(info fs.FileInfo) bool { return info.Mode().IsRegular() }

func isOurDir(info fs.FileInfo) bool { return info.IsDir() }

// unlock does nothing: closing the file gives up its lock.
func unlock(*os.File) {}
