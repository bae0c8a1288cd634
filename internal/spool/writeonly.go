package spool

import (
	"cmp"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// maxTakeovers is how many dead instances a write-only spool tries to take over.
const maxTakeovers = 4

// others is what the tenant's other instances take.
type others struct {
	bytes int64
	at    int64 // the bytes of this one when that was found out
	fresh bool  // nothing was appended since
	stale bool  // a second has passed since
}

// A seen instance is what the names and sizes of an instance's files tell.
type seen struct {
	name  string
	bytes int64
	last  position // of its last segment
}

// openWriteOnly takes over a dead instance in place, so that processes that
// live for milliseconds do not leave a directory each, or makes one.
func (s *Spool) openWriteOnly(entries []fs.DirEntry) (err error) {
	instances := s.seeInstances(entries)
	for _, at := range instances[:min(len(instances), maxTakeovers)] {
		if s.takeOver(at, instances[0].last) {
			break
		}
	}
	if s.instance == nil {
		if s.instance, err = s.build(); err != nil {
			return err
		}
	}
	for _, at := range instances {
		if at.name == s.instance.name {
			s.bytes += at.bytes
		} else {
			s.others.bytes += at.bytes
		}
	}
	s.others.at, s.others.fresh = s.bytes, true
	return nil
}

// seeInstances looks at the tenant's instances, those with the last segments first.
func (s *Spool) seeInstances(entries []fs.DirEntry) (all []seen) {
	for _, entry := range entries {
		if !entry.IsDir() || !s.isOfTenant(entry.Name()) {
			continue
		}
		if at, ok := s.seeInstance(entry.Name()); ok {
			all = append(all, at)
		}
	}
	slices.SortStableFunc(all, func(a, b seen) int {
		return cmp.Or(b.last.compare(a.last), strings.Compare(b.name, a.name))
	})
	return all
}

func (s *Spool) seeInstance(name string) (at seen, ok bool) {
	at.name = name
	dir, err := s.dir.Open(name)
	if err != nil {
		return at, false
	}
	defer func() { _ = dir.Close() }() // it is only read
	if info, err := dir.Stat(); err != nil || !isOurDir(info) {
		return at, false
	}
	entries, err := dir.ReadDir(-1)
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || !isSegment(entry.Name()) || !isOurs(info) {
			continue
		}
		at.bytes += info.Size()
		if position, keyed := parsePosition(entry.Name()); keyed && position.compare(at.last) > 0 {
			at.last = position
			s.sawKey(position.key)
		}
	}
	return at, err == nil
}

// takeOver makes a dead client's instance this one's, where it is. Its last
// segment is appended to if none is behind it, in any instance.
func (s *Spool) takeOver(at seen, last position) bool {
	i, err := openInstance(s.dir, at.name)
	if err != nil {
		return false
	}
	if !i.isTrusted() || i.seize(s.cfg.Dir, func(*instance) bool { return false }) != nil {
		i.close()
		return false
	}
	s.instance = i
	if at.last == last && last.name != "" {
		s.resume(last)
	}
	return true
}

// resume goes on with a segment, if it is intact and not full.
func (s *Spool) resume(last position) {
	file, info, err := s.instance.openFile(last.name, os.O_RDWR)
	if err != nil {
		return
	}
	segment := &segment{instance: s.instance, position: last, file: file}
	scanner := scanner{header: header(s.cfg.Tenant)}
	if info.Size() < s.segmentSize {
		if result, err := scanner.scan(segment, file, info.Size()); err == nil && result.damaged == 0 {
			segment.unread = Tally{} // that is for who adopts it
			s.add(segment)
			s.bytes -= segment.size // is counted with the instance
			s.current = segment
			return
		}
	}
	segment.seal()
}

// refreshOthers finds out anew how much other instances take, once a second or
// when much has been appended since. It reports whether it did.
func (s *Spool) refreshOthers() bool {
	if !s.cfg.WriteOnly || !s.others.stale && s.bytes-s.others.at < s.cfg.MaxBytes/16 {
		return false
	}
	entries, err := readDir(s.dir)
	if err != nil {
		return false
	}
	s.surveyDamaged(entries)
	s.others = others{at: s.bytes}
	for _, at := range s.seeInstances(entries) {
		if at.name != s.instance.name {
			s.others.bytes += at.bytes
		}
	}
	return true
}
