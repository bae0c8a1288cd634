package spool

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

var errLocked = errors.New("is locked by a living client")

// adoptAll moves the segments of dead clients into this client's directory. A
// file is moved, not copied, so that it is in one directory at any time; what
// cannot be moved or read now stays, for the next client.
func (s *Spool) adoptAll() (troubles []error, err error) {
	entries, err := os.ReadDir(s.cfg.Dir)
	if err != nil {
		return nil, err
	}
	var lines *bufio.Reader
	for _, entry := range entries {
		path := filepath.Join(s.cfg.Dir, entry.Name())
		switch {
		case path == s.instance, strings.HasSuffix(path, ".damaged"):
			continue
		case !entry.IsDir():
			troubles = append(troubles, &Error{"adopt", path, errForeignFile})
			continue
		case !strings.HasPrefix(entry.Name(), s.cfg.Tenant+"-"):
			continue
		}
		lock, err := lockFile(filepath.Join(path, "lock"), holdsSegments(path))
		switch {
		case errors.Is(err, errLocked): // it lives
			continue
		case errors.Is(err, fs.ErrNotExist): // its removal was not finished
			_ = os.Remove(path) // succeeds if it is empty
			continue
		case err != nil:
			troubles = append(troubles, &Error{"adopt", path, err})
			continue
		}
		if lines == nil {
			lines = bufio.NewReaderSize(nil, maxSegmentLine)
		}
		if isWhereItWas(lock) {
			troubles = append(troubles, s.adopt(path, lines)...)
			if !holdsSegments(path) {
				_ = os.Remove(lock.Name())
			}
		}
		_ = lock.Close()
		_ = os.Remove(path) // unless something is left in it
	}
	// A client that was killed while it adopted has left later segments in an
	// earlier directory.
	slices.SortStableFunc(s.segments, func(a, b *segment) int { return a.oldest.Compare(b.oldest) })
	return troubles, nil
}

// holdsSegments reports whether an instance directory has files that are not moved out.
func holdsSegments(instance string) bool {
	entries, err := os.ReadDir(instance)
	return err != nil || slices.ContainsFunc(entries, func(e os.DirEntry) bool { return filepath.Ext(e.Name()) == ".spool" })
}

func (s *Spool) adopt(instance string, lines *bufio.Reader) (troubles []error) {
	entries, err := os.ReadDir(instance)
	if err != nil {
		return []error{&Error{"adopt", instance, err}}
	}
	for _, entry := range entries {
		path := filepath.Join(instance, entry.Name())
		switch {
		case entry.Name() == "lock":
		case filepath.Ext(path) != ".spool" || !entry.Type().IsRegular():
			troubles = append(troubles, &Error{"adopt", path, errForeignFile})
		default:
			troubles = append(troubles, s.adoptFile(path, lines)...)
		}
	}
	if s.cfg.Sync {
		if err := syncDir(s.instance); err != nil {
			troubles = append(troubles, &Error{"sync", s.instance, err})
		}
	}
	return troubles
}

func (s *Spool) adoptFile(path string, lines *bufio.Reader) (troubles []error) {
	trouble := func(op string, err error) {
		if err != nil {
			troubles = append(troubles, &Error{op, path, err})
		}
	}
	segment, damaged, err := scanSegment(path, s.cfg.Tenant, lines)
	if err != nil {
		trouble("adopt", err)
		if errors.Is(err, errForeignFile) {
			trouble("set aside", s.setAside(path))
		}
		return troubles
	}
	if damaged > 0 {
		trouble("adopt", fmt.Errorf("%d lines are damaged", damaged))
	}
	if segment.live == 0 {
		trouble("remove", s.remove(segment))
		return troubles
	}
	moved := s.newPath()
	if err := os.Rename(path, moved); err != nil {
		trouble("adopt", err)
		return troubles
	}
	segment.path = moved
	s.segments = append(s.segments, segment)
	s.bytes += segment.size
	s.live += segment.live
	return troubles
}

// setAside keeps a damaged file where no client reads it.
func (s *Spool) setAside(path string) error {
	name := filepath.Base(filepath.Dir(path)) + "-" + filepath.Base(path) + ".damaged"
	return os.Rename(path, filepath.Join(s.cfg.Dir, name))
}
