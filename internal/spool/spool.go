// Package spool keeps messages in files until they have their outcome. Their
// format is in docs/spool-format.md.
//
// The owner of a Spool makes one call at a time: it has no lock. Every call
// except Advance, Unread, Room, LastIdentify, Left, Bytes and Troubles may do I/O.
package spool

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"
)

// Overhead is what a message takes on disk at most beside its JSON: the head of
// its line, the note of its outcome, and a file's header.
const Overhead = 160

const (
	noteOverhead = 32 // of the note alone

	minSegmentSize  = 256
	maxSegmentSize  = 2 << 20
	maxShortSegment = 256 << 10 // of a write-only spool, which reads one when it opens

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

	dir      *os.Root
	instance *instance
	old      []*instance   // were removed or renamed; segments are read through them
	found    bool          // the instance was seen to exist at checked, on the owner's clock
	checked  time.Duration // for Append

	segments []*segment // in the order in which they are read
	current  *segment   // takes what is appended; nil if a new one is to be made
	stuck    []*segment // have no live messages, and cannot be removed
	met      int        // segments, for their numbers
	lastKey  int64      // the greatest of all names
	bytes    int64      // of all segments, stuck ones included
	live     int        // messages in them without an outcome
	others   others     // of a write-only spool
	damaged  []damagedFile

	lastIdentify time.Time
	left         Left
	room         chan struct{}
	scratch      []byte
	troubles     []error
	told         map[[2]string]bool // operations and paths of the troubles ever told
}

// Open makes an instance directory, and adopts what dead clients of the same
// tenant left. Troubles tells of single files.
func Open(cfg Config) (s *Spool, err error) {
	if cfg.Dir, err = filepath.Abs(cfg.Dir); err != nil {
		return nil, err
	}
	largest := int64(maxSegmentSize)
	if cfg.WriteOnly {
		largest = maxShortSegment
	}
	s = &Spool{
		cfg:         cfg,
		segmentSize: min(max(cfg.MaxBytes/64, minSegmentSize), largest),
		room:        make(chan struct{}),
		told:        map[[2]string]bool{},
	}
	if s.dir, err = openDir(cfg.Dir, cfg.Sync); err != nil {
		return nil, err
	}
	if err = s.open(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Spool) open() error {
	entries, err := readDir(s.dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if s.isOfTenant(entry.Name()) {
			s.sawKey(instanceKey(entry.Name()))
		}
	}
	s.surveyDamaged(entries)
	if s.cfg.WriteOnly {
		return s.openWriteOnly(entries)
	}
	if s.instance, err = s.build(); err != nil {
		return err
	}
	s.adoptAll(entries, &s.left, math.MaxInt64)
	s.makeRoom(0)
	return nil
}

// Close gives up the instance directory, and removes it if no message is in
// it. Otherwise the next client adopts it.
func (s *Spool) Close() {
	s.sealCurrent()
	for _, segment := range s.segments {
		segment.seal()
	}
	s.retry()
	for _, old := range s.old {
		old.close()
	}
	if s.instance != nil {
		if s.bytes == 0 {
			s.instance.remove(s.dir)
		} else {
			s.instance.close()
		}
	}
	_ = s.dir.Close()
}

// Append writes m to disk and sets m.Ref. The message is unread until Advance.
// The error is ErrFull or an *Error; the message is not on disk then.
func (s *Spool) Append(m *Message) error {
	if err := s.findInstance(m.At); err != nil {
		return err
	}
	if !s.hasRoom(int64(len(m.JSON) + Overhead)) {
		return ErrFull
	}
	base := m.Accepted.Round(0).Add(-m.At) // without a monotonic clock
	segment, err := s.segmentFor(base)
	if err != nil {
		return &Error{"create", s.instance.path, err}
	}
	m.Ref = Ref{segment, segment.next}
	s.scratch = appendMessage(s.scratch[:0], m)
	err = s.write(segment, s.scratch, s.cfg.Sync)
	if cap(s.scratch) > maxScratch {
		s.scratch = nil
	}
	if err != nil {
		s.sealCurrent() // another file may have better luck
		if segment.live == 0 {
			s.discard(segment)
		}
		return &Error{"write", segment.path(), err}
	}
	m.end, m.next = segment.size, m.Accepted
	if segment.unread.Count == 0 {
		segment.oldest = m.Accepted
	}
	segment.next++
	segment.live++
	segment.unread.add(m.tally())
	s.live++
	return nil
}

// Withdraw takes back m, which Append wrote and nobody has read.
func (s *Spool) Withdraw(m *Message) {
	segment := m.Ref.segment
	segment.unread.sub(m.tally())
	segment.done = append(segment.done, seqRange{m.Ref.seq, m.Ref.seq})
	if segment.unread.Count == 0 {
		segment.taken = m.end
	}
	s.Done([]Ref{m.Ref})
}

// segmentFor returns the segment that a message is appended to, a new one if
// need be. A segment's messages have the same base, within a second: when the
// wall clock is set, the next one begins.
func (s *Spool) segmentFor(base time.Time) (*segment, error) {
	if at := s.current; at != nil && at.size < s.segmentSize && at.next < math.MaxUint32 {
		if at.base.IsZero() {
			at.base = base
		}
		if base.Sub(at.base).Abs() <= time.Second {
			return at, nil
		}
	}
	s.sealCurrent()
	s.refreshOthers()
	var segment *segment
	err := fs.ErrExist
	for errors.Is(err, fs.ErrExist) {
		segment, err = createSegment(s.instance, s.newPosition(), s.cfg.Tenant)
	}
	if err != nil {
		return nil, err
	}
	segment.base = base
	s.add(segment)
	s.current = segment
	if s.cfg.Sync {
		err = syncDir(s.instance.handle)
	}
	return segment, err
}

// add puts a segment behind all others.
func (s *Spool) add(segment *segment) {
	s.met++
	segment.number = s.met
	s.segments = append(s.segments, segment)
	s.bytes += segment.size
	s.live += segment.live
}

func (s *Spool) newPosition() position {
	key := s.nextKey()
	return position{key: key, name: segmentName(key)}
}

func (s *Spool) sealCurrent() {
	if s.current != nil {
		s.current.seal()
		s.current = nil
	}
}

// write puts lines at the end of a segment.
func (s *Spool) write(segment *segment, lines []byte, sync bool) error {
	before := segment.size
	err := segment.write(lines, sync)
	s.bytes += segment.size - before
	return err
}

// hasRoom makes room for n bytes if need be, and reports whether there is some.
func (s *Spool) hasRoom(n int64) bool {
	return s.fits(n) || s.refreshOthers() && s.fits(n) || s.fits(n-s.damagedBytes()) && s.makeRoom(n)
}

func (s *Spool) fits(n int64) bool {
	return s.Bytes()+s.others.bytes+int64(s.live)*noteOverhead+n <= s.cfg.MaxBytes
}

// Bytes returns the size of the files, damaged ones of the tenant included.
func (s *Spool) Bytes() int64 { return s.bytes + s.damagedBytes() }

// Room returns a channel that is closed when something leaves the disk next.
func (s *Spool) Room() <-chan struct{} { return s.room }

func (s *Spool) openRoom() {
	close(s.room)
	s.room = make(chan struct{})
}

// Troubles returns what went wrong since the last call and is no call's own
// error, as values of type *Error.
func (s *Spool) Troubles() (troubles []error) {
	troubles, s.troubles = s.troubles, nil
	return troubles
}

// trouble keeps an error for Troubles. The same operation on the same path is told of once.
func (s *Spool) trouble(op, path string, err error) {
	if key := [2]string{op, path}; err != nil && !s.told[key] {
		s.told[key] = true
		s.troubles = append(s.troubles, &Error{op, path, err})
	}
}
