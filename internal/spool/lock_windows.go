package spool

import (
	"os"
	"syscall"
)

const sharingViolation syscall.Errno = 32

// lockFile opens path without sharing it, which locks it for as long as the
// file is open: the lock dies with the process. Others may remove it. It fails
// with errLocked if somebody else has it open.
func lockFile(path string, create bool) (*os.File, error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	disposition := uint32(syscall.OPEN_EXISTING)
	if create {
		disposition = syscall.OPEN_ALWAYS
	}
	handle, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, syscall.FILE_SHARE_DELETE, nil, disposition, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if err == sharingViolation {
		err = errLocked
	}
	if err != nil {
		return nil, &os.PathError{Op: "lock", Path: path, Err: err}
	}
	return os.NewFile(uintptr(handle), path), nil
}

// syncDir does nothing: NTFS keeps its names in a journal.
func syncDir(string) error { return nil }
