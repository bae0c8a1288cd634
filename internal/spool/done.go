package spool

import (
	"cmp"
	"errors"
	"io/fs"
	"slices"
)

// Done notes that messages have their outcome. A file whose messages all have
// theirs leaves the disk; freed reports whether one did. It reorders refs.
func (s *Spool) Done(refs []Ref) (freed bool) {
	slices.SortFunc(refs, func(a, b Ref) int {
		return cmp.Or(cmp.Compare(a.segment.number, b.segment.number), cmp.Compare(a.seq, b.seq))
	})
	for len(refs) > 0 {
		segment := refs[0].segment
		n := 0
		for n < len(refs) && refs[n].segment == segment {
			segment.unnoted = append(segment.unnoted, refs[n].seq)
			n++
		}
		refs = refs[n:]
		freed = s.bury(segment, n) || freed
	}
	if freed {
		s.retry()
	}
	return freed
}

// bury counts n messages of a segment as dead, and discards the segment if none
// is alive then. It reports whether that freed room. The note is written first:
// a file that cannot be removed does not come back.
func (s *Spool) bury(segment *segment, n int) (freed bool) {
	segment.live -= n
	s.live -= n
	err := s.note(segment)
	if segment.live == 0 && s.discard(segment) {
		return true
	}
	if err != nil {
		s.trouble("note", segment.path(), err)
	}
	return false
}

// note writes which messages of a segment have their outcome. If that fails,
// they are noted the next time.
func (s *Spool) note(segment *segment) error {
	if len(segment.unnoted) == 0 {
		return nil
	}
	slices.Sort(segment.unnoted)
	seqs := slices.Compact(segment.unnoted)
	err := s.write(segment, appendDone(nil, seqs), false)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		segment.unnoted = nil
		return nil
	}
	segment.unnoted = seqs
	return err
}

// discard gives up a segment without live messages. It reports whether that
// freed room: what cannot be removed takes some.
func (s *Spool) discard(dead *segment) (freed bool) {
	if s.current == dead {
		s.current = nil
	}
	dead.seal()
	i := slices.Index(s.segments, dead)
	s.segments = slices.Delete(s.segments, i, i+1)
	if err := s.remove(dead); err != nil {
		s.stuck = append(s.stuck, dead)
		s.trouble("remove", dead.path(), err)
		return false
	}
	s.closeOld()
	s.openRoom()
	return true
}

// remove takes a segment without live messages off the disk, or aside.
func (s *Spool) remove(dead *segment) (err error) {
	if dead.damaged && dead.instance == s.instance {
		err = s.setAside(dead.instance, dead.position.name) // it was reported when it was met
	} else {
		err = dead.instance.root.Remove(dead.position.name)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	s.bytes -= dead.size
	return nil
}

// retry does what could not be done before: notes, and removals.
func (s *Spool) retry() {
	for _, segment := range s.segments {
		s.noteAgain(segment)
	}
	before := len(s.stuck)
	s.stuck = slices.DeleteFunc(s.stuck, func(dead *segment) bool {
		s.noteAgain(dead)
		return s.remove(dead) == nil
	})
	if len(s.stuck) < before {
		s.closeOld()
		s.openRoom()
	}
}

func (s *Spool) noteAgain(segment *segment) {
	if err := s.note(segment); err != nil {
		s.trouble("note", segment.path(), err)
	}
}
