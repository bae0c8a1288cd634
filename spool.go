package altertable

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/altertable-ai/altertable-go/internal/spool"
)

// SpoolOption configures WithSpool.
type SpoolOption func(*spoolConfig) error

type spoolConfig struct {
	dir      string
	maxBytes int64
	sync     bool
}

const minSpoolBytes = 1 << 10

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

// open opens the files that belong to a client of cfg.
func (s *spoolConfig) open(cfg *config) (files *spool.Spool, troubles []error, err error) {
	tenant := sha256.Sum256([]byte("altertable spool\x00" + strings.TrimSuffix(cfg.baseURL.String(), "/") + "\x00" + *cfg.key))
	return spool.Open(spool.Config{Dir: s.dir, Tenant: hex.EncodeToString(tenant[:16]), MaxBytes: s.maxBytes, Sync: s.sync})
}

// maxMessageBytes returns the size of the largest message that has room on disk.
func (s *spoolConfig) maxMessageBytes() int64 { return s.maxBytes - spool.Overhead }

// A SpoolError says that an operation on the spool's files failed. A call that
// returns one did not accept its message. The function of WithOnError gets one
// for a file that is damaged or not a spool's: what could be read of it is delivered.
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

// spoolError makes a *SpoolError of the files' own error.
func spoolError(err error) error {
	var files *spool.Error
	if errors.As(err, &files) {
		return &SpoolError{files.Op, files.Path, files.Err}
	}
	return err
}

// cause takes the *os.PathError off err, which repeats the path.
func cause(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// accept implements keeper.
func (d *disk) accept(ctx context.Context, e *envelope) error {
	for {
		room, err := d.store(e)
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, spool.ErrFull):
			return d.q.rejectMessage(e, spoolError(err))
		case d.q.cfg.overflow != Block:
			return d.q.rejectMessage(e, ErrQueueFull)
		case ctx.Err() != nil:
			return d.q.rejectMessage(e, blockEnded(ctx))
		}
		if err := d.waitForRoom(ctx, room); err != nil {
			return d.q.rejectMessage(e, err)
		}
	}
}

// rejectMessage counts the message in e, which was refused, and returns the call's error.
func (q *queue) rejectMessage(e *envelope, err error) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.rejectLocked(e, err)
	q.advanceLocked() // sets the timer for a warning
	return err
}

// store writes e to disk, making room for it if need be, and puts it into the
// queue. If there is no room, the channel is closed when there may be some.
func (d *disk) store(e *envelope) (room <-chan struct{}, err error) {
	d.mu.Lock()
	defer d.unlock()
	room = d.files.Room()
	err = d.storeDiskLocked(e)
	for errors.Is(err, spool.ErrFull) && (d.noteDiskLocked() || d.q.cfg.overflow == DropOldest && d.evictFileDiskLocked()) {
		err = d.storeDiskLocked(e)
	}
	return room, err
}

// storeDiskLocked writes e to disk and puts it into the queue or the backlog.
func (d *disk) storeDiskLocked(e *envelope) error {
	if err := d.stamp(e); err != nil {
		return err
	}
	m := spool.Message{Endpoint: spool.Endpoint(e.endpoint), Accepted: d.q.start.Add(e.acceptedAt), JSON: e.json}
	if err := d.files.Append(&m); err != nil {
		if errors.Is(err, spool.ErrFull) {
			d.setFull(true)
		}
		return err
	}
	inMemory, err := d.place(e, &m)
	if inMemory || err != nil {
		d.files.Advance(&m)
	}
	if err != nil {
		d.files.Done([]spool.Ref{m.Ref})
	}
	return err
}

// stamp says when e is accepted.
func (d *disk) stamp(e *envelope) error {
	q := d.q
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.shutdown != nil {
		return ErrClosed
	}
	q.inOrderLocked(e)
	e.acceptedAt = q.now()
	return nil
}

// place puts e, which is on disk as m, into the queue if that has room, and
// otherwise into the backlog.
func (d *disk) place(e *envelope, m *spool.Message) (inMemory bool, err error) {
	q := d.q
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.shutdown != nil {
		return false, ErrClosed
	}
	q.stats.Accepted++
	q.number++
	q.noteStampLocked(e)
	q.onDisk.full = false
	inMemory = q.onDisk.backlog.count == 0 && q.fitsLocked(q.held, len(e.json))
	if inMemory {
		q.placeLocked(e, q.number, m.Ref)
	} else {
		if q.onDisk.backlog.count == 0 {
			q.onDisk.oldest = e.acceptedAt
		}
		q.onDisk.backlog.add(unreadOne(m))
		q.wanted = len(e.json)
	}
	if q.places.moved || q.isFullLocked() {
		q.advanceLocked()
	}
	return inMemory, nil
}

// waitForRoom waits until something has left the disk, or only a callback that
// does not return could make it leave: it may be the very one that called.
func (d *disk) waitForRoom(ctx context.Context, room <-chan struct{}) error {
	patience := time.NewTicker(callbackPatience)
	defer patience.Stop()
	for {
		select {
		case <-room:
			return nil
		case <-d.q.closing:
			return ErrClosed
		case <-ctx.Done():
			return blockEnded(ctx)
		case <-patience.C:
			if d.isStuck() {
				return ErrQueueFull
			}
		}
	}
}

func (d *disk) isStuck() bool {
	q := d.q
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.onlyReportsLeftLocked() && !q.wantsBacklogLocked(d.nextSize) && q.reports.stuck(q.now())
}

// evictFileDiskLocked gives up the oldest messages that no request carries
// until that frees a file, and reports whether it did.
func (d *disk) evictFileDiskLocked() bool {
	for d.evictDiskLocked() {
		if d.noteDiskLocked() {
			return true
		}
	}
	return false
}

// evictDiskLocked gives up the oldest messages that no request carries, as far
// as they are in one file. It reports whether there were any.
func (d *disk) evictDiskLocked() bool {
	for {
		var messages []storedMessage
		carried := d.q.allIsCarried()
		if carried { // the backlog is next
			messages = d.readDiskLocked(backlogChunk)
		}
		evicted, taken := d.evictOneFile(messages)
		d.advanceDiskLocked(messages[:taken])
		if evicted || carried || !d.q.allIsCarried() { // else a request has taken what was idle
			return evicted
		}
	}
}

func (q *queue) allIsCarried() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.places.oldestIdle() == nil
}

// evictOneFile puts messages of the backlog into the lanes, and evicts what is
// oldest then. It returns how many messages it took in.
func (d *disk) evictOneFile(messages []storedMessage) (evicted bool, taken int) {
	q := d.q
	q.mu.Lock()
	defer q.mu.Unlock()
	taken = d.takeInLocked(messages, false)
	var file spool.Ref
	for b := q.places.oldestIdle(); b != nil && q.reports.mayEvict(q.now()); b = q.places.oldestIdle() {
		ref := b.refs[b.gone]
		if evicted && !ref.SameFile(file) {
			break
		}
		file, evicted = ref, true
		q.settleLocked(b, 1, outcome{kind: dropped, err: ErrQueueFull})
	}
	q.advanceLocked()
	return evicted, taken
}
