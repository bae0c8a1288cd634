// Package state is the file that says what was delivered, so that an import can
// be killed and run again.
//
// The file is lines of JSON: a header, which says what the import is about, and
// notes of what was done, each appended with one write. When notes have become
// many, the file is written anew beside itself and renamed. The last line of a
// process that was killed may be torn, and then does not count. No line holds the
// key, an id or a value of a row.
package state

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// An Import is what has to be the same when an import goes on.
type Import struct {
	Source   string // its name, for people
	Messages int64  // positions
	Digest   string // of all rows; see stage.Digest
	Engine   string // version of what made the digest
	Mapping  string // hash of the SQL, -as, -only, -since, -until, -environment, -traits-now
	Target   string // base URL, for people; no key
	Key      string // hash of the key and the base URL

	// Flags are what Mapping consists of, by the name of the flag, so that a
	// ChangedError can name those that differ. The file has hashes of them. May be
	// nil.
	Flags map[string]string

	// RejectsBeside says that the file of rejects is beside the state, not beside the
	// source. It may differ.
	RejectsBeside bool
}

// A Range is the positions from First to Last, which belongs to it.
type Range struct{ First, Last int64 }

// A Note is what changes with each batch.
type Note struct {
	Done       []Range // positions that were delivered or refused since the note before
	Delivered  int64   // messages, of all runs
	Bytes      int64   // of them
	Seconds    float64
	Rejects    int64            // size of the file of rejects
	RejectsSum string           // its reject.File's Sum; empty before the first line
	Rejected   map[string]int64 // messages, by reason
	Issued     int64            // positions below it may have been sent
	Unsure     int64            // messages that an ended run has sent without an answer
	Twice      int64            // messages that may have been delivered twice so far
	Chain      string           // what deliver.Verify returns for the rows before Next
}

// A State is the file, locked. One goroutine uses it at a time.
type State struct {
	path   string // empty: in memory alone
	about  Import
	done   []Range // sorted, with gaps between them
	last   Note    // without Done
	unsure int64   // when it was opened
	ended  bool    // Finish was called, by any run

	lock    *lock
	file    *os.File
	size    int64 // of the file
	compact int64 // size of the file when it was last written anew
	synced  time.Time
	err     error // of the first write that failed
}

// Open opens or makes the file at path, and locks it. The error is a
// *ChangedError if it is about another import, of which something was sent, else a
// sentence. Another key does not make it one before anything was sent: the first one
// was wrong then. With an empty path the state is in memory alone.
func Open(path string, i Import) (*State, error) {
	return open(path, i, func(s *State, stored *header) error {
		switch changed := stored.compare(i); {
		case len(changed) == 0:
			return nil
		case s.untouched():
			s.restart(i, 0)
			return s.rewrite()
		case s.nothingSent() && stored.differsInKey(i):
			return s.rewrite()
		default:
			return s.changed(changed)
		}
	})
}

// Force makes the file be about i, where it was changed: what is done before
// next stays done. next is 0, or ChangedError.Next if the rows before it are the
// same. With 0 all sums begin anew, except that what was sent counts as possibly
// delivered twice. The file of rejects has to begin anew then: reject.Discard.
func Force(path string, i Import, next int64) (*State, error) {
	return open(path, i, func(s *State, _ *header) error {
		s.restart(i, min(next, s.Next(), i.Messages))
		return s.rewrite()
	})
}

// open locks and reads the file, and lets accept judge what it is about.
func open(path string, i Import, accept func(*State, *header) error) (*State, error) {
	s := &State{path: path, about: i, synced: time.Now()}
	if path == "" {
		return s, nil
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		s.path = target
	}
	if err := s.open(accept); err != nil {
		_ = s.release()
		return nil, err
	}
	s.unsure = s.last.Unsure + missing(s.done, s.last.Issued)
	return s, nil
}

func (s *State) open(accept func(*State, *header) error) (err error) {
	if s.lock, err = lockFile(s.path); err != nil {
		return err
	}
	stored, err := s.read()
	switch {
	case err != nil:
		return err
	case stored == nil:
		return s.rewrite()
	}
	if err := accept(s, stored); err != nil || s.file != nil {
		return err
	}
	return s.append()
}

// nothingSent reports whether no message of the import can have arrived.
func (s *State) nothingSent() bool {
	return s.last.Delivered == 0 && s.last.Twice == 0 && s.last.Unsure+missing(s.done, s.last.Issued) == 0
}

// untouched reports whether the runs before have sent nothing and refused nothing:
// the key was a wrong one, say.
func (s *State) untouched() bool {
	n := s.last
	return len(s.done) == 0 && n.Delivered == 0 && n.Issued == 0 && n.Unsure == 0 && n.Twice == 0 && n.Rejects == 0 && n.RejectsSum == ""
}

// restart forgets what is done from next on.
func (s *State) restart(i Import, next int64) {
	sent := max(s.last.Issued, upTo(s.done)) - next
	s.about, s.ended = i, false
	if next <= 0 {
		known := count(s.done) + missing(s.done, s.last.Issued)
		s.done, s.last = nil, Note{Twice: s.last.Twice + known}
		return
	}
	s.done = []Range{{0, next - 1}}
	s.last.Unsure += max(0, sent)
	s.last.Issued = 0
	s.last.Delivered = next
	for _, n := range s.last.Rejected {
		s.last.Delivered -= n
	}
}

// Next is the first position that is not done.
func (s *State) Next() int64 {
	if len(s.done) == 0 || s.done[0].First > 0 {
		return 0
	}
	return s.done[0].Last + 1
}

// Ahead returns what is done behind Next, in order.
func (s *State) Ahead() []Range {
	if s.Next() > 0 {
		return slices.Clone(s.done[1:])
	}
	return slices.Clone(s.done)
}

// Messages is the number of positions that the import has.
func (s *State) Messages() int64 { return s.about.Messages }

// Last is the note of the run before, with its sums, and later the last one of
// this run. Done is nil.
func (s *State) Last() Note {
	last := s.last
	last.Rejected = maps.Clone(last.Rejected)
	return last
}

// Unsure is how many messages the runs before may have sent, of which no outcome is
// noted. They are sent again.
func (s *State) Unsure() int64 { return s.unsure }

// Note stores what has changed before it returns: a process killed afterwards
// has it. Positions that are done already may be in n.Done. The error is a
// sentence; all later calls return it as well, since the file is then behind.
func (s *State) Note(n Note) error {
	if s.err != nil {
		return s.err
	}
	s.done = merge(s.done, n.Done)
	s.last = n
	s.last.Done, s.last.Rejected = nil, maps.Clone(n.Rejected)
	return s.write(n.Done)
}

// Finish says that all positions are done, and stores it for good. It may be
// called again.
func (s *State) Finish() error {
	if s.ended {
		return s.err
	}
	s.ended = true
	if s.path == "" {
		return nil
	}
	if s.err == nil {
		s.err = s.rewrite()
	}
	return s.err
}

// Close stores what was noted for good, and unlocks the file.
func (s *State) Close() error {
	var err error
	if s.file != nil && s.err == nil {
		err = s.sync()
	}
	return errors.Join(err, s.release())
}

// release lets go of the files.
func (s *State) release() (err error) {
	if s.file != nil {
		err = s.told(s.file.Close())
		s.file = nil
	}
	if s.lock != nil {
		s.lock.release()
		s.lock = nil
	}
	if s.err == nil {
		s.err = errors.New("the state of the import is closed")
	}
	return err
}
