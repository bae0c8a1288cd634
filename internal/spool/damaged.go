package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// maxDamagedAge is how long a damaged file is kept for somebody to look at: it
// may hold personal data.
const maxDamagedAge = 30 * 24 * time.Hour

var (
	errNoRoom = errors.New("was damaged, and is removed to make room")
	errTooOld = errors.New("was damaged 30 days ago, and is removed")
)

// A damagedFile was set aside in the shared directory, by any client of the tenant.
type damagedFile struct {
	name     string
	size     int64
	modified time.Time
}

// surveyDamaged finds the damaged files among what is in the shared directory,
// and removes those that are too old.
func (s *Spool) surveyDamaged(entries []fs.DirEntry) {
	s.damaged = nil
	for _, entry := range entries {
		if s.isOfTenant(entry.Name()) && strings.HasSuffix(entry.Name(), damagedSuffix) {
			s.addDamaged(entry.Name())
		}
	}
	s.removeDamaged(errTooOld, func(file damagedFile) bool { return time.Since(file.modified) > maxDamagedAge })
}

func (s *Spool) addDamaged(name string) {
	if info, err := s.dir.Lstat(name); err == nil && isOurs(info) {
		s.damaged = append(s.damaged, damagedFile{name, info.Size(), info.ModTime()})
		slices.SortStableFunc(s.damaged, func(a, b damagedFile) int { return a.modified.Compare(b.modified) })
	}
}

func (s *Spool) damagedBytes() (n int64) {
	for _, file := range s.damaged {
		n += file.size
	}
	return n
}

// removeDamaged removes damaged files, oldest first, for as long as they are due.
func (s *Spool) removeDamaged(why error, due func(damagedFile) bool) {
	before := len(s.damaged)
	for i := 0; i < len(s.damaged) && due(s.damaged[i]); {
		file := s.damaged[i]
		path := filepath.Join(s.cfg.Dir, file.name)
		if err := s.dir.Remove(file.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.trouble("remove", path, err)
			i++
			continue
		}
		s.trouble("give up", path, why)
		s.damaged = slices.Delete(s.damaged, i, i+1)
	}
	if len(s.damaged) < before {
		s.openRoom()
	}
}

// makeRoom removes damaged files until n bytes fit, and reports whether they do.
func (s *Spool) makeRoom(n int64) bool {
	s.removeDamaged(errNoRoom, func(damagedFile) bool { return !s.fits(n) })
	return s.fits(n)
}

// setAside keeps a damaged file where no client reads it.
func (s *Spool) setAside(i *instance, name string) error {
	aside := i.name + "-" + name
	for n := 2; ; n++ {
		taken, err := exists(s.dir, aside+damagedSuffix)
		if err != nil {
			return err
		}
		if !taken {
			break
		}
		aside = fmt.Sprintf("%s-%s-%d", i.name, name, n)
	}
	if err := s.dir.Rename(filepath.Join(i.name, name), aside+damagedSuffix); err != nil {
		return err
	}
	s.addDamaged(aside + damagedSuffix)
	return nil
}
