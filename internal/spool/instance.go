package spool

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"
)

// build makes an instance directory that is locked. Between the making and the
// locking it looks like a dead client's, and another client may tear it down:
// then the next one gets a new name.
func (s *Spool) build() (err error) {
	for range 10 {
		s.lock, s.instance = nil, filepath.Join(s.cfg.Dir, s.cfg.Tenant+"-"+uuid.Must(uuid.NewV7()).String())
		if err = os.MkdirAll(s.instance, 0o700); err != nil {
			return err
		}
		lock, failed := lockFile(filepath.Join(s.instance, "lock"), true)
		if err = failed; err != nil {
			_ = os.RemoveAll(s.instance) // it holds nothing yet
			continue
		}
		if isWhereItWas(lock) {
			s.lock = lock
			break
		}
		err = errors.Join(os.ErrNotExist, lock.Close())
	}
	if err == nil && s.cfg.Sync {
		err = syncDir(s.cfg.Dir)
	}
	return err
}

// isWhereItWas reports whether an open file is still the one of its name.
func isWhereItWas(file *os.File) bool {
	held, errHeld := file.Stat()
	now, errNow := os.Stat(file.Name())
	return errHeld == nil && errNow == nil && os.SameFile(held, now)
}

// findInstance finds out, once a second, whether somebody has removed the
// directory, and makes a new one then: a file without a name takes what is
// written, and keeps nothing.
func (s *Spool) findInstance(now time.Time) error {
	if !s.checked.IsZero() && now.Sub(s.checked) < time.Second {
		return nil
	}
	s.checked = time.Time{}
	old, known := s.instance, s.lock == nil
	if known || !isWhereItWas(s.lock) {
		if err := s.rebuild(); err != nil {
			return &Error{"rebuild", old, err}
		}
		if !known {
			return &Error{"find", old, os.ErrNotExist}
		}
	}
	s.checked = now
	return nil
}

// rebuild makes a new instance directory in place of one that was removed. The
// segment that is open moves in; the others are gone.
func (s *Spool) rebuild() error {
	if s.lock != nil {
		_ = s.lock.Close()
	}
	if err := s.build(); err != nil {
		return err
	}
	if n := len(s.segments); n > 0 && s.segments[n-1].file != nil {
		if err := s.segments[n-1].copyTo(s.newPath()); err != nil {
			s.segments[n-1].seal()
			return err
		}
	}
	return nil
}
