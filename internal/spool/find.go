package spool

import (
	"errors"
	"io/fs"
	"slices"
	"time"
)

// findInstance finds out, once a second of the owner's clock, whether somebody
// has removed the directory, and makes a new one then: a file without a name
// takes what is written, and keeps nothing.
func (s *Spool) findInstance(now time.Duration) error {
	if s.found && now >= s.checked && now-s.checked < time.Second {
		return nil
	}
	s.found = false
	if err := s.find(); err != nil {
		return err
	}
	s.found, s.checked = true, now
	s.others.stale, s.others.fresh = !s.others.fresh, false
	return nil
}

// find makes a new instance if the directory was removed. The error is an *Error.
func (s *Spool) find() error {
	old := s.instance
	if !old.isGone(s.cfg.Dir) && old.mendLock() == nil {
		return nil
	}
	if err := s.rebuild(); err != nil {
		return &Error{"rebuild", old.path, err}
	}
	s.trouble("find", old.path, fs.ErrNotExist)
	return nil
}

// rebuild makes a new instance in place of one that was removed. The segment
// that is open moves in. The others are gone, except if the directory is
// elsewhere.
func (s *Spool) rebuild() error {
	before, old := s.dir, s.instance
	dir, err := openDir(s.cfg.Dir, s.cfg.Sync)
	if err != nil {
		return err
	}
	s.dir = dir
	instance, err := s.build()
	if err != nil {
		s.dir = before
		_ = dir.Close()
		return err
	}
	_ = before.Close()
	s.instance = instance
	s.old = append(s.old, old)
	s.moveCurrent()
	s.closeOld()
	return nil
}

// moveCurrent copies the segment that is open into the new instance. If that
// fails, it stays open, and can be read as long as this process lives.
func (s *Spool) moveCurrent() {
	if s.current == nil {
		return
	}
	if err := s.current.copyTo(s.instance, s.newPosition()); err != nil {
		s.trouble("rebuild", s.current.path(), err)
		s.current = nil
		return
	}
	if s.cfg.Sync {
		s.trouble("sync", s.current.path(), errors.Join(syncFile(s.current.file), syncDir(s.instance.handle)))
	}
}

// closeOld closes the instances of which no segments are left.
func (s *Spool) closeOld() {
	s.old = slices.DeleteFunc(s.old, func(old *instance) bool {
		isOf := func(segment *segment) bool { return segment.instance == old }
		if slices.ContainsFunc(s.segments, isOf) || slices.ContainsFunc(s.stuck, isOf) {
			return false
		}
		if old.lock != nil {
			removeLock(old)
		}
		old.close()
		return true
	})
}
