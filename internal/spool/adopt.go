package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// An adoption moves the segments of dead clients into this client's directory.
// A file is moved, not copied, so that it is in one directory at any time. What
// cannot be moved or read now stays, for the next adoption.
type adoption struct {
	s        *Spool
	left     *Left // what is met and may not be adopted
	maxBytes int64 // of the spool, at which no more is adopted
	scanner  scanner
	segments []*segment
}

// adoptAll adopts what is in entries of the shared directory. It goes behind
// what the spool has by now.
func (s *Spool) adoptAll(entries []fs.DirEntry, left *Left, maxBytes int64) (adopted Tally) {
	a := &adoption{s: s, left: left, maxBytes: maxBytes, scanner: scanner{header: header(s.cfg.Tenant)}}
	for _, entry := range entries {
		a.visit(entry)
	}
	if len(a.segments) == 0 {
		return Tally{}
	}
	if s.cfg.Sync {
		s.trouble("sync", s.instance.path, syncDir(s.instance.handle))
	}
	s.sealCurrent() // what is appended next comes behind
	// A client that was killed while it adopted has left later segments in an
	// earlier directory.
	slices.SortStableFunc(a.segments, func(a, b *segment) int { return a.position.compare(b.position) })
	for _, segment := range a.segments {
		s.bytes -= segment.size // add counts them
		s.add(segment)
		adopted.add(segment.unread)
	}
	return adopted
}

func (a *adoption) visit(entry fs.DirEntry) {
	name := entry.Name()
	switch {
	case name == a.s.instance.name, strings.HasSuffix(name, damagedSuffix):
	case !entry.IsDir():
		a.s.trouble("adopt", filepath.Join(a.s.cfg.Dir, name), errForeignFile)
	case a.s.isOfTenant(name):
		a.take(name)
	case isInstance(name) && a.left != nil:
		a.countOther(name)
	}
}

// take adopts an instance of this tenant, if it is a dead client's and may be.
func (a *adoption) take(name string) {
	i, err := openInstance(a.s.dir, name)
	if err != nil {
		a.leaveClosed(name, err)
		return
	}
	defer i.close()
	if !i.isTrusted() {
		if !errors.Is(probe(i), errLocked) {
			a.leaveAll(i)
		}
		return
	}
	switch err := i.seize(a.s.cfg.Dir, a.isAbandoned); {
	case errors.Is(err, errLocked), errors.Is(err, fs.ErrNotExist):
	case err != nil:
		a.s.trouble("adopt", i.path, err)
		a.leaveAll(i)
	default:
		a.adopt(i)
	}
}

// isAbandoned reports whether nothing has happened in an instance's directory
// for so long that its client would have made its lock file again. Both times
// are the file system's.
func (a *adoption) isAbandoned(i *instance) bool {
	touch(a.s.instance)
	ours, err := a.s.instance.lock.Stat()
	if err != nil {
		return false
	}
	theirs, err := i.handle.Stat()
	return err == nil && ours.ModTime().Sub(theirs.ModTime()) > 5*time.Minute
}

// adopt moves the segments out of an instance that is locked, and removes it.
func (a *adoption) adopt(i *instance) {
	entries, err := i.entries()
	if err != nil {
		a.s.trouble("adopt", i.path, err)
		a.leaveAll(i)
		return
	}
	rest := false
	for _, entry := range entries {
		name := entry.Name()
		switch {
		case name == lockName:
		case !isSegment(name):
			a.s.trouble("adopt", filepath.Join(i.path, name), errForeignFile)
		default:
			if position, keyed := parsePosition(name); keyed {
				a.s.sawKey(position.key)
			}
			if a.s.Bytes() >= a.maxBytes {
				rest = true
			} else if !a.adoptFile(i, name) {
				rest = true
				a.leave(i, name)
			}
		}
	}
	if a.s.cfg.Sync {
		a.s.trouble("sync", i.path, syncDir(i.handle))
	}
	if !rest {
		i.remove(a.s.dir)
	}
}

// adoptFile moves a segment, or removes it if there is nothing in it. It
// reports whether the file has left the instance.
func (a *adoption) adoptFile(i *instance, name string) bool {
	s, path := a.s, filepath.Join(i.path, name)
	segment, info, damaged, err := a.scanFile(i, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true
	case errors.Is(err, errUnfinished):
		err = i.root.Remove(name)
		s.trouble("remove", path, err)
		return err == nil
	case errors.Is(err, errForeignFile):
		s.trouble("adopt", path, err)
		err = s.setAside(i, name)
		s.trouble("set aside", path, err)
		return err == nil
	case err != nil:
		s.trouble("adopt", path, err)
		return false
	}
	if damaged > 0 {
		s.trouble("adopt", path, fmt.Errorf("%d lines are damaged", damaged))
	}
	if segment.live == 0 {
		if segment.damaged {
			err = s.setAside(i, name)
		} else {
			err = i.root.Remove(name)
		}
		s.trouble("remove", path, err)
		return err == nil
	}
	if err := a.move(i, name, segment, info); err != nil {
		s.trouble("adopt", path, err)
		return false
	}
	a.segments = append(a.segments, segment)
	s.bytes += segment.size
	return true
}

// scanFile finds out what is in a file.
func (a *adoption) scanFile(i *instance, name string) (s *segment, info fs.FileInfo, damaged int, err error) {
	file, info, err := i.openFile(name, os.O_RDONLY)
	if err != nil {
		return nil, nil, 0, err
	}
	defer func() { _ = file.Close() }() // it is only read
	s = &segment{adopted: true}
	result, err := a.scanner.scan(s, file, info.Size())
	if err != nil {
		return nil, nil, 0, err
	}
	var keyed bool
	if s.position, keyed = parsePosition(name); !keyed && !result.oldest.IsZero() {
		s.position.key = result.oldest.UnixMicro()
		a.s.sawKey(s.position.key)
	}
	if result.lastIdentify.After(a.s.lastIdentify) {
		a.s.lastIdentify = result.lastIdentify
	}
	if info.Size() > maxSegmentRead {
		a.s.trouble("cut", filepath.Join(i.path, name), cut(i, name, s, result.whole))
	}
	return s, info, result.damaged, nil
}

// cut takes off what lies behind the lines that were read: notes of outcomes
// would not be found there.
func cut(i *instance, name string, s *segment, whole int64) error {
	file, _, err := i.openFile(name, os.O_WRONLY)
	if err != nil {
		return err
	}
	if err := errors.Join(file.Truncate(whole), file.Close()); err != nil {
		return err
	}
	s.size = whole // it counts as torn: then the next line begins anew
	return nil
}

// move renames a file into this client's instance. It may not be the one that
// was scanned: then it stays there, and is not read.
func (a *adoption) move(i *instance, name string, segment *segment, scanned fs.FileInfo) error {
	mine := a.s.instance
	target, err := a.s.freeName(name)
	if err != nil {
		return err
	}
	if err := a.s.dir.Rename(filepath.Join(i.name, name), filepath.Join(mine.name, target)); err != nil {
		return err
	}
	moved, err := mine.root.Lstat(target)
	if err != nil {
		return err
	}
	if !os.SameFile(scanned, moved) {
		return errNotOurs
	}
	segment.instance, segment.position.name = mine, target
	key := segment.position.key
	segment.position, _ = parsePosition(target)
	segment.position.key = key
	return nil
}
