package altertable

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// SpoolOption configures WithSpool.
type SpoolOption func(*spoolConfig) error

type spoolConfig struct {
	dir      string
	maxBytes int64
	sync     bool
}

const (
	minSegmentSize = 256
	maxSegmentSize = 2 << 20

	minSpoolBytes = 1 << 10
	spoolOverhead = 160 // of a message's line, the note of its outcome and a segment's header, and then some
	noteOverhead  = 32  // of the note alone
)

// WithSpool keeps accepted messages on disk, below the directory dir, until
// they have their outcome: a process that is killed at any instant loses none,
// and the next client with the same directory, key and base URL delivers what
// is left. By default what is queued dies with the process.
//
// A call then returns after a write to a local file, and memory no longer
// bounds the queue: what does not fit waits on disk, up to SpoolMaxBytes.
// Several processes may share dir; each has files of its own. After a crash,
// what was in flight may arrive twice: see WithEventIDs. The files hold
// personal data, and are readable by their owner only. New refuses it on
// systems that cannot lock files, such as WebAssembly.
func WithSpool(dir string, opts ...SpoolOption) Option {
	return func(cfg *config) error {
		s := &spoolConfig{dir: dir, maxBytes: 1 << 30}
		if strings.TrimSpace(dir) == "" {
			return &ConfigError{"WithSpool", fmt.Sprintf("%q is out of range: must name a directory", dir)}
		}
		for _, option := range opts {
			if option == nil {
				continue
			}
			if err := option(s); err != nil {
				return err
			}
		}
		cfg.spool = s
		return nil
	}
}

// SpoolMaxBytes bounds the files of one client's spool, overriding the default
// 1 GiB. At least 1 KiB; a larger message is ErrTooLarge. At the bound,
// WithOverflow decides; DropOldest then evicts until a whole file can be
// deleted, which is more than one message needs.
func SpoolMaxBytes(n int64) SpoolOption {
	return func(s *spoolConfig) error {
		s.maxBytes = n
		if n < minSpoolBytes {
			return &ConfigError{"SpoolMaxBytes", fmt.Sprintf("%d is out of range: at least %d", n, minSpoolBytes)}
		}
		return nil
	}
}

// SpoolSync makes each call wait until its message is on the medium, so that a
// power cut loses nothing either. It costs a call what the disk needs for
// that, often milliseconds. Without it, a power cut may lose the last moments.
func SpoolSync() SpoolOption {
	return func(s *spoolConfig) error { s.sync = true; return nil }
}

// A SpoolError is trouble with the spool's files. A call that returns one did
// not accept its message. WithOnError's function gets one for a file that is
// damaged or not a spool's: what could be read of it is delivered.
type SpoolError struct {
	Op   string // "write", "adopt", ...
	Path string
	Err  error
}

// Error names the operation, the file without its directory, and the cause.
func (e *SpoolError) Error() string {
	return "altertable: spool: " + e.Op + " " + filepath.Base(e.Path) + ": " + cause(e.Err).Error()
}

// Unwrap returns Err.
func (e *SpoolError) Unwrap() error { return e.Err }

// cause takes the *os.PathError off err, which repeats the path.
func cause(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// errSpoolFull says that the disk's bound is reached.
var errSpoolFull = errors.New("spool is full")

// A spool is the files of one client: an instance directory of its own below
// the one that clients share, locked as long as the client lives. Its fields
// below mu are guarded by it. A goroutine that needs both locks takes mu before
// queue.mu.
type spool struct {
	cfg         *spoolConfig
	dir         string // absolute: the process may change its own
	tenant      string // hash of key and base URL: only the same client adopts
	segmentSize int64

	mu        sync.Mutex
	instance  string     // path of its directory
	lock      *os.File   // nil if no instance directory could be built
	segments  []*segment // oldest first; the last one takes what is written
	files     int        // ever made, for their names
	bytes     int64      // of all segments
	live      int        // messages in them without an outcome
	reading   int        // index of the segment that is read next
	offset    int64      // in it
	forgotten []*segment // without live messages, to be discarded
	room      chan struct{}
	checked   time.Time // when the instance directory was last seen to exist
	scratch   []byte
}

// A ref says where in a spool a message is.
type ref struct {
	segment *segment
	seq     uint32
}

// openSpool makes an instance directory and adopts those of dead clients. The
// troubles are not fatal.
func openSpool(cfg *config) (s *spool, troubles []error, err error) {
	sum := sha256.Sum256([]byte("altertable spool\x00" + strings.TrimSuffix(cfg.baseURL.String(), "/") + "\x00" + *cfg.key))
	s = &spool{
		cfg:         cfg.spool,
		tenant:      hex.EncodeToString(sum[:16]),
		segmentSize: min(max(cfg.spool.maxBytes/64, minSegmentSize), maxSegmentSize),
		room:        make(chan struct{}),
	}
	if s.dir, err = filepath.Abs(s.cfg.dir); err != nil {
		return nil, nil, err
	}
	if err := s.build(); err != nil {
		return nil, nil, err
	}
	if troubles, err = s.adoptAll(); err != nil {
		s.close()
		return nil, nil, err
	}
	return s, troubles, nil
}

// build makes an instance directory that is locked. Between the making and the
// locking it looks like a dead client's, and another client may tear it down:
// then the next one gets a new name.
func (s *spool) build() (err error) {
	for range 10 {
		s.lock, s.instance = nil, filepath.Join(s.dir, s.tenant+"-"+uuid.Must(uuid.NewV7()).String())
		if err = os.MkdirAll(s.instance, 0o700); err != nil {
			return err
		}
		lock, failed := lockFile(filepath.Join(s.instance, "lock"), true)
		if err = failed; err != nil {
			_ = os.RemoveAll(s.instance) // it holds nothing yet
			continue
		}
		if isWhereItWas(lock) {
			s.lock = lock
			break
		}
		err = errors.Join(os.ErrNotExist, lock.Close())
	}
	if err == nil && s.cfg.sync {
		err = syncDir(s.dir)
	}
	return err
}

// isWhereItWas reports whether an open file is still the one of its name.
func isWhereItWas(file *os.File) bool {
	held, errHeld := file.Stat()
	now, errNow := os.Stat(file.Name())
	return errHeld == nil && errNow == nil && os.SameFile(held, now)
}

func (s *spool) newPath() string {
	s.files++
	return filepath.Join(s.instance, fmt.Sprintf("%08d.spool", s.files))
}

// active returns the segment that is written to, a new one if need be.
func (s *spool) active() (*segment, error) {
	if n := len(s.segments); n > 0 {
		last := s.segments[n-1]
		if last.file != nil && last.size < s.segmentSize {
			return last, nil
		}
		last.seal()
	}
	segment, err := createSegment(s.newPath(), s.tenant)
	if err != nil {
		return nil, err
	}
	s.segments = append(s.segments, segment)
	s.bytes += segment.size
	if s.cfg.sync {
		err = syncDir(s.instance)
	}
	return segment, err
}

// write puts the message in e on disk. The caller holds mu.
func (s *spool) write(e *envelope, accepted time.Time) (ref, error) {
	if err := s.checkInstance(accepted); err != nil {
		return ref{}, err
	}
	if s.bytes+int64(s.live)*noteOverhead+int64(len(e.json)+spoolOverhead) > s.cfg.maxBytes {
		return ref{}, errSpoolFull
	}
	segment, err := s.active()
	if err != nil {
		return ref{}, &SpoolError{"create", s.instance, err}
	}
	m := spooled{segment.next, e.endpoint, accepted.UnixMicro(), e.json}
	s.scratch = m.append(s.scratch[:0])
	if err := s.append(segment, s.scratch, s.cfg.sync); err != nil {
		segment.seal() // another file may have better luck
		if segment.live == 0 {
			s.discard(segment)
		}
		return ref{}, &SpoolError{"write", segment.path, err}
	}
	if cap(s.scratch) > maxPooledJSON {
		s.scratch = nil
	}
	segment.next++
	segment.live++
	s.live++
	return ref{segment, m.seq}, nil
}

// append writes lines to a segment.
func (s *spool) append(segment *segment, lines []byte, sync bool) error {
	before := segment.size
	err := segment.write(lines, sync)
	s.bytes += segment.size - before
	return err
}

// checkInstance finds out, once a second, whether somebody has removed the
// directory: a file without a name takes what is written, and keeps nothing.
func (s *spool) checkInstance(now time.Time) error {
	if !s.checked.IsZero() && now.Sub(s.checked) < time.Second {
		return nil
	}
	s.checked = time.Time{}
	old, known := s.instance, s.lock == nil
	if known || !isWhereItWas(s.lock) {
		if err := s.rebuild(); err != nil {
			return &SpoolError{"rebuild", old, err}
		}
		if !known {
			return &SpoolError{"find", old, os.ErrNotExist}
		}
	}
	s.checked = now
	return nil
}

// rebuild makes a new instance directory in place of one that was removed. The
// segment that is open moves in; the others are gone.
func (s *spool) rebuild() error {
	if s.lock != nil {
		_ = s.lock.Close()
	}
	if err := s.build(); err != nil {
		return err
	}
	if n := len(s.segments); n > 0 && s.segments[n-1].file != nil {
		if err := s.segments[n-1].copyTo(s.newPath()); err != nil {
			s.segments[n-1].seal()
			return err
		}
	}
	return nil
}

// discard gives up a segment without live messages.
func (s *spool) discard(dead *segment) {
	i := slices.Index(s.segments, dead)
	s.segments = slices.Delete(s.segments, i, i+1)
	switch {
	case i < s.reading:
		s.reading--
	case i == s.reading:
		s.offset = 0
	}
	s.bytes -= dead.size
	_ = s.remove(dead) // else the next client does
	close(s.room)
	s.room = make(chan struct{})
}

// remove takes a segment without live messages off the disk, or aside.
func (s *spool) remove(dead *segment) error {
	dead.seal()
	if dead.damaged {
		return s.setAside(dead.path) // it was reported when it was adopted
	}
	return os.Remove(dead.path)
}

// markDone notes that messages have their outcome. The caller holds mu.
func (s *spool) markDone(refs []ref) {
	for _, segment := range s.forgotten {
		s.discard(segment)
	}
	s.forgotten = nil
	slices.SortFunc(refs, func(a, b ref) int {
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
		segment.live -= len(seqs)
		s.live -= len(seqs)
		if segment.live == 0 {
			s.discard(segment)
			continue
		}
		_ = s.append(segment, appendDone(nil, seqs), false) // else they may be delivered again after a crash
	}
}

// forget notes that n messages are lost with their segment.
func (s *spool) forget(segment *segment, n int) {
	segment.live -= n
	s.live -= n
	if segment.live == 0 {
		s.forgotten = append(s.forgotten, segment)
	}
}

// close unlocks the instance directory, and removes it if nothing is left.
func (s *spool) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
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
	_ = os.Remove(s.instance) // unless segments are left in it
}
