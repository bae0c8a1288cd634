package altertable

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/altertable-ai/altertable-go/internal/spool"
)

// SpoolOption configures WithSpool.
type SpoolOption func(*spoolConfig) error

type spoolConfig struct {
	dir       string // "": NewFromEnv takes it from the environment
	dirFrom   string // what errors call dir: the option, or the variable
	maxBytes  int64
	sync      bool
	name      string // "": the files belong to the key and the base URL
	writeOnly bool
}

const minSpoolBytes = 1 << 10

// WithSpool keeps accepted messages on disk, below the directory dir, until
// they have their outcome: a process that is killed at any instant loses none,
// and the next client with the same directory, key and base URL delivers what
// is left. By default what is queued dies with the process.
//
// A call then returns after a write to a local file, and memory no longer
// bounds the queue: what does not fit waits on disk, up to SpoolMaxBytes. A key
// that is refused, and an environment that does not exist, are not final: the
// messages stay, and the client tries again every MaxInterval, until MaxElapsed
// gives them up: see RetryPolicy. Shutdown leaves on disk what is not delivered by
// then, and returns nil.
//
// Several processes may share dir; each has files of its own. New adopts what
// dead clients left, and so does every client about once a minute while it
// runs. What it adopts then is delivered after what it has on disk. So an identify
// may come after a newer one of that person, and the platform ignores its traits.
// After a crash, what was in flight may arrive twice: see WithEventIDs.
//
// The files hold personal data, and are readable by their owner only. dir may be
// another user's and writable by others; what a client did not write itself, as
// far as the system can tell, it leaves alone and warns of. New makes dir if need
// be. It refuses a dir that begins with ~ or $HOME, which only a shell expands,
// and any dir on systems that cannot lock files, such as WebAssembly. An empty dir
// is refused, except by NewFromEnv: see there.
func WithSpool(dir string, opts ...SpoolOption) Option {
	return func(cfg *config) error {
		s := newSpoolConfig()
		for _, option := range opts {
			if option == nil {
				continue
			}
			if err := option(s); err != nil {
				return err
			}
		}
		cfg.spool, cfg.given.spool = s, dir != ""
		if dir == "" {
			return nil // an error of New, not of NewFromEnv
		}
		return cfg.setSpoolDir("WithSpool", dir)
	}
}

func newSpoolConfig() *spoolConfig { return &spoolConfig{maxBytes: 1 << 30} }

// setSpoolDir sets the directory, which came from the option or variable of that
// name.
func (cfg *config) setSpoolDir(name, dir string) error {
	if strings.TrimSpace(dir) == "" {
		return &ConfigError{name, fmt.Sprintf("must name a directory, got %q", dir)}
	}
	for _, home := range []string{"~", "$HOME", "${HOME}"} {
		if strings.HasPrefix(dir, home) {
			return &ConfigError{name, fmt.Sprintf("must not begin with %s, which only a shell expands, got %q; use os.UserHomeDir or os.UserCacheDir", home, dir)}
		}
	}
	if cfg.spool == nil {
		cfg.spool = newSpoolConfig()
	}
	cfg.spool.dir, cfg.spool.dirFrom = dir, name
	return nil
}

// SpoolMaxBytes bounds the files of one client's spool, in bytes, overriding
// the default 1 GiB. It is at least 1 KiB. A message that is larger is
// ErrTooLarge. Damaged files that were set aside count, and leave the disk
// first, with a report.
//
// At the bound, WithOverflow decides. DropOldest evicts until a whole file can be
// deleted, which is more than one message needs. The file is deleted after the
// callbacks were told of its messages. The call waits for that, and no longer
// than 250 ms for a callback that does not return: then it returns ErrQueueFull.
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
// that, often milliseconds. Off by default: a power cut may then lose
// the last moments.
func SpoolSync() SpoolOption {
	return func(s *spoolConfig) error { s.sync = true; return nil }
}

// SpoolName makes the files belong to name alone, overriding the default, under
// which they belong to the key and the base URL. A client with another key, one
// that replaced a revoked key for example, then delivers what is left. All
// clients that use a name in a directory are one tenant. It must not be blank.
func SpoolName(name string) SpoolOption {
	return func(s *spoolConfig) error {
		s.name = name
		if isBlank(name) {
			return &ConfigError{"SpoolName", fmt.Sprintf("must not be blank, got %q", name)}
		}
		return nil
	}
}

// SpoolWriteOnly makes a client that only writes to the spool: it never touches
// the network and adopts nothing, for a command-line tool or a function that
// lives for milliseconds. Another client with the same directory and SpoolName,
// or key and base URL, delivers, as the same user of the system.
//
// A message is on disk when its call returns. So Flush returns nil, and
// Shutdown returns at once. Synchronous calls return ErrClosed. Stats counts
// what was written as Queued. SpoolMaxBytes bounds the files of all clients of
// the name in the directory together. At the bound, calls return ErrQueueFull,
// whatever WithOverflow says. Callbacks hear of trouble with the files only, and
// the functions that Enqueue was given receive ErrClosed at Shutdown. Off by
// default.
func SpoolWriteOnly() SpoolOption {
	return func(s *spoolConfig) error { s.writeOnly = true; return nil }
}

// writesOnly reports whether other clients deliver: see SpoolWriteOnly.
func (cfg *config) writesOnly() bool { return cfg.spool != nil && cfg.spool.writeOnly }

// open opens the files that belong to a client of cfg.
func (s *spoolConfig) open(cfg *config) (*spool.Spool, error) {
	return spool.Open(spool.Config{Dir: s.dir, Tenant: s.tenant(cfg), MaxBytes: s.maxBytes, Sync: s.sync, WriteOnly: s.writeOnly})
}

// tenant tells whose the files are, without telling the key.
func (s *spoolConfig) tenant(cfg *config) string {
	owner := "altertable spool\x00" + strings.TrimSuffix(cfg.baseURL.String(), "/") + "\x00" + *cfg.key
	if s.name != "" {
		owner = "altertable spool name\x00" + s.name
	}
	sum := sha256.Sum256([]byte(owner))
	return hex.EncodeToString(sum[:16])
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
