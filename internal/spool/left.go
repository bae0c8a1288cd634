package spool

import (
	"errors"
	"io/fs"
	"path/filepath"
	"time"
)

// Left is what Open met of dead clients and may not adopt.
type Left struct {
	Files  int       // at least
	Oldest time.Time // the oldest file's, as far as it can be seen
}

// Left tells what Open met of dead clients and may not adopt, whatever the reason.
func (s *Spool) Left() Left { return s.left }

func (l *Left) add(modified time.Time) {
	l.Files++
	if l.Oldest.IsZero() || modified.Before(l.Oldest) {
		l.Oldest = modified
	}
}

// leave counts a file that is left alone.
func (a *adoption) leave(i *instance, name string) {
	if a.left == nil {
		return
	}
	info, err := i.root.Lstat(name)
	if err != nil {
		info, err = i.handle.Stat()
	}
	if err == nil {
		a.left.add(info.ModTime())
	}
}

// leaveAll counts the segments of an instance that is left alone, or the
// instance itself, if what is in it cannot be seen.
func (a *adoption) leaveAll(i *instance) {
	if a.left == nil {
		return
	}
	entries, err := i.entries()
	if err != nil {
		a.leaveUnseen(i.name)
		return
	}
	for _, entry := range entries {
		if isSegment(entry.Name()) {
			a.leave(i, entry.Name())
		}
	}
}

// leaveUnseen counts an instance of which nothing can be seen.
func (a *adoption) leaveUnseen(name string) {
	if info, err := a.s.dir.Lstat(name); err == nil && a.left != nil {
		a.left.add(info.ModTime())
	}
}

// leaveClosed counts an instance that cannot be opened. That it is another
// user's is no trouble.
func (a *adoption) leaveClosed(name string, err error) {
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if !errors.Is(err, fs.ErrPermission) && !errors.Is(err, errNotOurs) {
		a.s.trouble("adopt", filepath.Join(a.s.cfg.Dir, name), err)
	}
	a.leaveUnseen(name)
}

// countOther counts what a dead client of another tenant left.
func (a *adoption) countOther(name string) {
	i, err := openInstance(a.s.dir, name)
	if err != nil {
		a.leaveClosed(name, err)
		return
	}
	defer i.close()
	if !errors.Is(probe(i), errLocked) {
		a.leaveAll(i)
	}
}
