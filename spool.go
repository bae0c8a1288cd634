package altertable

import (
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
	minSpoolBytes = 1 << 10
	spoolOverhead = 128 // of a segment's header and a message's line, and then some
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
// personal data, and are readable by their owner only.
func WithSpool(dir string, opts ...SpoolOption) Option {
	return func(cfg *config) error {
		s := &spoolConfig{dir: dir, maxBytes: 1 << 30}
		if strings.TrimSpace(dir) == "" {
			return &ConfigError{"WithSpool", "must name a directory"}
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
// 1 GiB. At least 1 KiB; a larger message is ErrTooLarge. At the bound, WithOverflow decides; DropOldest then
// makes room for a while at once, since the disk gives up whole files.
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

// A spool is the files of one client: a house of its own below the directory,
// locked as long as the client lives. Its fields below mu are guarded by it. A
// goroutine that needs both locks takes mu before queue.mu.
type spool struct {
	cfg         *spoolConfig
	tenant      string // hash of key and base URL: only the same client adopts
	segmentSize int64

	mu       sync.Mutex
	house    string
	lock     *os.File
	segments []*segment // oldest first; the last one takes what is written
	files    int        // ever made, for their names
	bytes    int64      // of all segments
	reading  int        // index of the segment that is read next
	offset   int64      // in it
	room     chan struct{}
	checked  time.Time // when the house was last seen to exist
	scratch  []byte
}

// A ref says where in a spool a message is.
type ref struct {
	segment *segment
	seq     uint32
}

// openSpool makes a house and adopts those of dead clients. The troubles are
// not fatal; left is what there is to deliver.
func openSpool(cfg *config) (s *spool, left tally, troubles []error, err error) {
	sum := sha256.Sum256([]byte("altertable spool\x00" + strings.TrimSuffix(cfg.baseURL.String(), "/") + "\x00" + *cfg.key))
	s = &spool{
		cfg:         cfg.spool,
		tenant:      hex.EncodeToString(sum[:16]),
		segmentSize: min(max(cfg.spool.maxBytes/64, 1<<10), 16<<20),
		room:        make(chan struct{}),
	}
	if err := os.MkdirAll(s.cfg.dir, 0o700); err != nil {
		return nil, left, nil, err
	}
	if err := s.build(); err != nil {
		return nil, left, nil, err
	}
	left, troubles, err = s.adoptAll()
	return s, left, troubles, err
}

// build makes a house that is locked. Between the making and the locking it
// looks like a dead client's, and another client may tear it down: then the
// next one gets a new name.
func (s *spool) build() (err error) {
	for range 10 {
		s.house = filepath.Join(s.cfg.dir, s.tenant+"-"+uuid.Must(uuid.NewV7()).String())
		if err = os.MkdirAll(s.house, 0o700); err != nil {
			return err
		}
		s.lock, err = lockFile(filepath.Join(s.house, "lock"), true)
		if err == nil && isWhereItWas(s.lock) {
			return nil
		}
		if err == nil {
			err = errors.Join(os.ErrNotExist, s.lock.Close())
		}
	}
	return err
}

// isWhereItWas reports whether an open file is still the one of its name.
func isWhereItWas(file *os.File) bool {
	held, errHeld := file.Stat()
	now, errNow := os.Stat(file.Name())
	return errHeld == nil && errNow == nil && os.SameFile(held, now)
}

// adoptAll moves the segments of dead clients into this house. A file is
// moved, not copied, so that it is in one house at any time.
func (s *spool) adoptAll() (left tally, troubles []error, err error) {
	entries, err := os.ReadDir(s.cfg.dir) // oldest first: their names begin with a time
	if err != nil {
		return left, nil, err
	}
	for _, entry := range entries {
		path := filepath.Join(s.cfg.dir, entry.Name())
		switch {
		case path == s.house, strings.HasSuffix(path, ".damaged"):
			continue
		case !entry.IsDir():
			troubles = append(troubles, &SpoolError{"adopt", path, errForeignFile})
			continue
		case !strings.HasPrefix(entry.Name(), s.tenant+"-"):
			continue
		}
		lock, err := lockFile(filepath.Join(path, "lock"), false)
		if err != nil { // it lives, or its removal was not finished
			_ = os.Remove(path) // succeeds if it is empty
			continue
		}
		if isWhereItWas(lock) {
			troubles = append(troubles, s.adopt(path, &left)...)
			if !holdsSegments(path) {
				_ = os.Remove(lock.Name())
			}
		}
		_ = lock.Close()
		_ = os.Remove(path) // unless something is left in it
	}
	return left, troubles, nil
}

// holdsSegments reports whether a house has files that could not be moved out.
func holdsSegments(house string) bool {
	entries, err := os.ReadDir(house)
	return err != nil || slices.ContainsFunc(entries, func(e os.DirEntry) bool { return filepath.Ext(e.Name()) == ".spool" })
}

func (s *spool) adopt(house string, left *tally) (troubles []error) {
	entries, err := os.ReadDir(house)
	if err != nil {
		return []error{&SpoolError{"adopt", house, err}}
	}
	for _, entry := range entries {
		path := filepath.Join(house, entry.Name())
		if entry.Name() == "lock" {
			continue
		}
		moved := s.newPath()
		if filepath.Ext(path) != ".spool" {
			troubles = append(troubles, &SpoolError{"adopt", path, errForeignFile})
			continue
		}
		if err := os.Rename(path, moved); err != nil {
			troubles = append(troubles, &SpoolError{"adopt", path, err})
			continue
		}
		segment, bytes, damaged, err := adoptSegment(moved, s.tenant)
		if err != nil {
			troubles = append(troubles, &SpoolError{"adopt", moved, err}, s.setAside(moved))
			continue
		}
		if damaged > 0 {
			troubles = append(troubles, &SpoolError{"adopt", moved, fmt.Errorf("%d lines are damaged", damaged)})
		}
		s.segments = append(s.segments, segment)
		s.bytes += segment.size
		left.add(segment.live, bytes)
		if segment.live == 0 {
			s.discard(segment)
		}
	}
	return slices.DeleteFunc(troubles, func(err error) bool { return err == nil })
}

// setAside keeps a damaged file where no client reads it.
func (s *spool) setAside(path string) error {
	aside := filepath.Join(s.cfg.dir, filepath.Base(s.house)+"-"+filepath.Base(path)+".damaged")
	if err := os.Rename(path, aside); err != nil {
		return &SpoolError{"set aside", path, err}
	}
	return nil
}

func (s *spool) newPath() string {
	s.files++
	return filepath.Join(s.house, fmt.Sprintf("%08d.spool", s.files))
}

// active returns the segment that is written to, a new one if need be.
func (s *spool) active() (*segment, error) {
	if n := len(s.segments); n > 0 {
		last := s.segments[n-1]
		if !last.sealed && last.size < s.segmentSize {
			return last, nil
		}
	}
	segment, err := createSegment(s.newPath(), s.tenant)
	if err != nil {
		return nil, err
	}
	s.segments = append(s.segments, segment)
	s.bytes += segment.size
	return segment, nil
}

// write puts the message in e on disk. The caller holds mu.
func (s *spool) write(e *envelope, accepted time.Time) (ref, error) {
	if err := s.checkHouse(accepted); err != nil {
		return ref{}, err
	}
	if s.bytes+int64(len(e.json))+spoolOverhead > s.cfg.maxBytes {
		return ref{}, errSpoolFull
	}
	segment, err := s.active()
	if err != nil {
		return ref{}, &SpoolError{"create", s.house, err}
	}
	m := spooled{segment.next, e.endpoint, accepted.UnixMicro(), e.json}
	s.scratch = m.append(s.scratch[:0])
	if err := segment.write(s.scratch); err != nil {
		segment.sealed = true // another file may have better luck
		if segment.live == 0 {
			s.discard(segment)
		}
		return ref{}, &SpoolError{"write", segment.path, err}
	}
	s.bytes += int64(len(s.scratch))
	if cap(s.scratch) > maxPooledJSON {
		s.scratch = nil
	}
	segment.next++
	segment.live++
	r := ref{segment, m.seq}
	if s.cfg.sync {
		if err := segment.file.Sync(); err != nil {
			s.markDone([]ref{r})
			return ref{}, &SpoolError{"sync", segment.path, err}
		}
	}
	return r, nil
}

// checkHouse finds out, once a second, whether somebody has removed the
// directory: a file without a name takes what is written, and keeps nothing.
func (s *spool) checkHouse(now time.Time) error {
	if !s.checked.IsZero() && now.Sub(s.checked) < time.Second {
		return nil
	}
	if _, err := os.Stat(filepath.Join(s.house, "lock")); err != nil {
		old := s.house
		_ = s.lock.Close()
		if err := s.build(); err != nil {
			return &SpoolError{"rebuild", old, err}
		}
		if n := len(s.segments); n > 0 {
			s.segments[n-1].sealed = true
		}
		s.checked = now
		return &SpoolError{"find", old, err}
	}
	s.checked = now
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
	_ = dead.file.Close()
	if dead.damaged {
		_ = s.setAside(dead.path) // it was reported when it was adopted
	} else {
		_ = os.Remove(dead.path)
	}
	close(s.room)
	s.room = make(chan struct{})
}

// markDone notes that messages have their outcome. The caller holds mu.
func (s *spool) markDone(refs []ref) {
	slices.SortFunc(refs, func(a, b ref) int {
		if a.segment != b.segment {
			return strings.Compare(a.segment.path, b.segment.path)
		}
		return int(a.seq) - int(b.seq)
	})
	for len(refs) > 0 {
		segment := refs[0].segment
		var seqs []uint32
		for len(refs) > 0 && refs[0].segment == segment {
			seqs = append(seqs, refs[0].seq)
			refs = refs[1:]
		}
		segment.live -= len(seqs)
		if segment.live == 0 {
			s.discard(segment)
			continue
		}
		line := appendDone(nil, seqs)
		if segment.write(line) == nil { // else they may be delivered again after a crash
			s.bytes += int64(len(line))
		}
	}
}

// close unlocks the house, and removes it if nothing is left.
func (s *spool) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, segment := range s.segments {
		_ = segment.file.Close()
	}
	if len(s.segments) == 0 {
		_ = os.Remove(s.lock.Name())
	}
	_ = s.lock.Close()
	_ = os.Remove(s.house) // unless segments are left in it
}
