// Package spool keeps messages in files until they have their outcome. Their
// format is in docs/spool-format.md.
//
// The owner of a Spool makes one call at a time: it has no lock. Every call
// except Advance, Unread, Room and LastIdentify may do I/O.
package spool

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Overhead is what a message takes on disk at most beside its JSON: the head of
// its line, the note of its outcome, and a file's header.
const Overhead = 160

const (
	noteOverhead = 32 // of the note alone

	minSegmentSize = 256
	maxSegmentSize = 2 << 20

	maxScratch = 64 << 10 // is kept for the next call
)

// ErrFull says that a message has no room within Config.MaxBytes.
var ErrFull = errors.New("spool is full")

// An Error says that an operation on a file or a directory failed.
type Error struct {
	Op   string // "write", "adopt", ...
	Path string
	Err  error
}

func (e *Error) Error() string {
	return "spool: " + e.Op + " " + filepath.Base(e.Path) + ": " + e.Err.Error()
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// Config says where the files are, and whose.
type Config struct {
	Dir      string // clients share it
	Tenant   string // 32 hexadecimal digits: only what the same tenant left is adopted
	MaxBytes int64  // bounds the files of one spool
	Sync     bool   // each message is on the medium when Append returns

	// WriteOnly is for a spool that is only appended to: it adopts nothing, and
	// MaxBytes bounds the files of all instances of the tenant in Dir.
	WriteOnly bool
}

// A Spool is the files of one client: an instance directory of its own below
// the one that clients share, locked until Close.
type Spool struct {
	cfg         Config // Dir is absolute: the process may change its own
	segmentSize int64

	instance string    // path of its directory
	lock     *os.File  // nil if no instance directory could be built
	checked  time.Time // when the instance directory was last seen to exist

	segments []*segment // oldest first; the last one takes what is appended
	files    int        // ever made, for their names
	bytes    int64      // of all segments
	live     int        // messages in them without an outcome
	room     chan struct{}
	scratch  []byte
	troubles []error
}

// Open makes an instance directory, and adopts what dead clients of the same
// tenant left. Troubles tells of single files.
func Open(cfg Config) (s *Spool, err error) {
	if cfg.Dir, err = filepath.Abs(cfg.Dir); err != nil {
		return nil, err
	}
	s = &Spool{
		cfg:         cfg,
		segmentSize: min(max(cfg.MaxBytes/64, minSegmentSize), maxSegmentSize),
		room:        make(chan struct{}),
	}
	if err := s.build(); err != nil {
		return nil, err
	}
	if cfg.WriteOnly {
		return s, nil
	}
	if s.troubles, err = s.adoptAll(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Troubles returns what went wrong since the last call and is no call's own
// error, as values of type *Error.
func (s *Spool) Troubles() (troubles []error) {
	troubles, s.troubles = s.troubles, nil
	return troubles
}

// Left is what Open met of dead clients and may not adopt.
type Left struct {
	Files  int
	Oldest time.Time
}

// Left tells what Open met of dead clients and may not adopt, whatever the reason.
func (s *Spool) Left() Left { return Left{} }

// Tend does what is due from time to time, and adopts what clients left that
// died since. The owner calls it about every minute.
func (s *Spool) Tend() (adopted Tally) { return Tally{} }

// Close gives up the instance directory, and removes it if no message is in
// it. Otherwise the next client adopts it.
func (s *Spool) Close() {
	for _, segment := range s.segments {
		segment.seal()
	}
	if s.lock == nil {
		return
	}
	if len(s.segments) == 0 {
		_ = os.Remove(s.lock.Name())
	}
	_ = s.lock.Close()
	_ = os.Remove(s.instance) // fails if segments are left in it
}

// Append writes m to disk and sets m.Ref. The message is unread until Advance.
// The error is ErrFull or an *Error; the message is not on disk then.
func (s *Spool) Append(m *Message) error {
	if err := s.findInstance(m.Accepted); err != nil {
		return err
	}
	if s.bytes+int64(s.live)*noteOverhead+int64(len(m.JSON)+Overhead) > s.cfg.MaxBytes {
		return ErrFull
	}
	segment, err := s.last()
	if err != nil {
		return &Error{"create", s.instance, err}
	}
	m.Ref = Ref{segment, segment.next}
	s.scratch = appendMessage(s.scratch[:0], m)
	err = s.write(segment, s.scratch, s.cfg.Sync)
	if cap(s.scratch) > maxScratch {
		s.scratch = nil
	}
	if err != nil {
		segment.seal() // another file may have better luck
		if segment.live == 0 {
			s.discard(segment)
		}
		return &Error{"write", segment.path, err}
	}
	m.end = segment.size
	segment.next++
	segment.live++
	segment.unread.add(m.tally())
	s.live++
	return nil
}

// last returns the segment that is written to, a new one if need be.
func (s *Spool) last() (*segment, error) {
	if n := len(s.segments); n > 0 {
		last := s.segments[n-1]
		if last.file != nil && last.size < s.segmentSize {
			return last, nil
		}
		last.seal()
	}
	segment, err := createSegment(s.newPath(), s.cfg.Tenant)
	if err != nil {
		return nil, err
	}
	s.segments = append(s.segments, segment)
	s.bytes += segment.size
	if s.cfg.Sync {
		err = syncDir(s.instance)
	}
	return segment, err
}

func (s *Spool) newPath() string {
	s.files++
	return filepath.Join(s.instance, fmt.Sprintf("%08d.spool", s.files))
}

// write puts lines at the end of a segment.
func (s *Spool) write(segment *segment, lines []byte, sync bool) error {
	before := segment.size
	err := segment.write(lines, sync)
	s.bytes += segment.size - before
	return err
}

// Done notes that messages have their outcome. A file whose messages all have
// theirs leaves the disk; freed reports whether one did. It reorders refs.
func (s *Spool) Done(refs []Ref) (freed bool) {
	slices.SortFunc(refs, func(a, b Ref) int {
		if a.segment != b.segment {
			return strings.Compare(a.segment.path, b.segment.path)
		}
		return cmp.Compare(a.seq, b.seq)
	})
	for len(refs) > 0 {
		segment := refs[0].segment
		var seqs []uint32
		for len(refs) > 0 && refs[0].segment == segment {
			seqs = append(seqs, refs[0].seq)
			refs = refs[1:]
		}
		if s.bury(segment, len(seqs)) {
			freed = true
			continue
		}
		_ = s.write(segment, appendDone(nil, seqs), false) // if it fails, they may be delivered again after a crash
	}
	return freed
}

// bury counts n messages of a segment as dead, and discards the segment if none
// is alive then. It reports whether it did.
func (s *Spool) bury(segment *segment, n int) (discarded bool) {
	segment.live -= n
	s.live -= n
	if segment.live > 0 {
		return false
	}
	s.discard(segment)
	return true
}

// discard gives up a segment without live messages.
func (s *Spool) discard(dead *segment) {
	i := slices.Index(s.segments, dead)
	s.segments = slices.Delete(s.segments, i, i+1)
	s.bytes -= dead.size
	_ = s.remove(dead) // if it fails, the next client does it
	close(s.room)
	s.room = make(chan struct{})
}

// remove takes a segment without live messages off the disk, or aside.
func (s *Spool) remove(dead *segment) error {
	dead.seal()
	if dead.damaged {
		return s.setAside(dead.path) // it was reported when it was adopted
	}
	return os.Remove(dead.path)
}

// Bytes returns the size of the files.
func (s *Spool) Bytes() int64 { return s.bytes }

// Room returns a channel that is closed when something leaves the disk next.
func (s *Spool) Room() <-chan struct{} { return s.room }
