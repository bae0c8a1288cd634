// Package state is the file that says what was delivered, so that an import can
// be killed and run again.
package state

import (
	"errors"

	_ "github.com/gofrs/flock"
)

// An Import is what has to be the same when an import goes on.
type Import struct {
	Source  string // its name, for people
	Rows    int64  // positions
	Digest  string // of all rows; see stage.Digest
	Engine  string // version of what made the digest
	Mapping string // hash of the SQL, -as, -only, -since, -until, -environment, -traits-now
	Target  string // base URL, for people; no key
	Key     string // hash of the key and the base URL
}

// A State is the file, locked. One goroutine uses it at a time.
type State struct{}

// A ChangedError says that the file is about another import.
type ChangedError struct {
	Sentence string // what differs, and what to do
	Next     int64  // the first position that was not done
	Prefix   string // the digest of the rows before Next
}

func (e *ChangedError) Error() string { return e.Sentence }

// Open opens or makes the file at path, and locks it. The error is a
// *ChangedError if it is about another import, else a sentence. With an empty
// path the state is in memory alone.
func Open(path string, i Import) (*State, error) { return nil, errors.New("not built") }

// Force makes the file be about i, where it was changed: what is done before
// next stays done.
func Force(path string, i Import, next int64) (*State, error) { return nil, errors.New("not built") }

// Next is the first position that is not done. Done reports whether a position
// behind it is.
func (s *State) Next() int64              { return 0 }
func (s *State) Done(position int64) bool { return false }

// A Note is what changes with each batch.
type Note struct {
	Done      []Range // positions that were delivered or refused
	Delivered int64   // messages, of all runs
	Bytes     int64   // of them
	Seconds   float64
	Rejects   int64            // size of the file of rejects
	Rejected  map[string]int64 // messages, by reason
	Issued    int64            // positions below it may have been sent
	Twice     int64            // messages that may have been delivered twice so far
}

// A Range is the positions from First to Last, which belongs to it.
type Range struct{ First, Last int64 }

// Note stores what has changed before it returns: a process killed afterwards
// has it.
func (s *State) Note(n Note) error { return errors.New("not built") }

// Last is the note of the run before, with its sums.
func (s *State) Last() Note { return Note{} }

// Finish says that all positions are done, and Close unlocks the file.
func (s *State) Finish() error { return nil }
func (s *State) Close() error  { return nil }
