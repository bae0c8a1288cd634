// Package duck opens the DuckDB database in which an import is sorted.
package duck

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	duckdb "github.com/duckdb/duckdb-go/v2"
	"github.com/gofrs/flock"

	"github.com/altertable-ai/altertable-go/importer/internal/show"
)

// memoryLimit is for DuckDB's buffers. The process has almost as much again beside
// it: results, messages, and what DuckDB does not count. With much less than this,
// DuckDB writes a table of twenty columns on one thread.
const memoryLimit = "240MB"

// wideLimit is for what does not fit in that: thousands of columns, of which each
// has buffers of its own.
const wideLimit = "2GB"

// tooSlow is compression of text that costs as much time as all else that is done
// with a row here. The tables are written once, read twice, and removed.
const tooSlow = "fsst,dictionary,dict_fsst,zstd"

// A DB is a database in a temporary directory of its own. Its sessions are in
// UTC, keep the order of rows, and have bounded memory; what does not fit goes
// to the directory.
type DB struct {
	*sql.DB
	Dir string

	lock  *flock.Flock // held as long as the directory is in use
	close func() error
}

// Open makes a directory in temp (empty: the system's) and a database in it. It
// removes the directories that killed imports left there. The caller has to Close
// the result.
func Open(ctx context.Context, temp string) (*DB, error) {
	if temp == "" {
		temp = os.TempDir()
	}
	sweep(temp)
	dir, lock, err := makeDir(temp)
	if err != nil {
		return nil, err
	}
	d := &DB{Dir: dir, lock: lock}
	d.close = sync.OnceValue(d.release)
	if err := d.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot make a database in %s: %s", dir, Sentence(err)), d.Close())
	}
	return d, nil
}

func (d *DB) open(ctx context.Context) error {
	// The driver reads the path as a URL: it takes a ? for the beginning of options,
	// and refuses most that has a %. It knows no way to escape them. The name is made
	// by MkdirTemp, but what it is in is not.
	file := filepath.Join(d.Dir, "import.duckdb")
	if _, err := url.Parse(filepath.ToSlash(file)); err != nil || strings.Contains(file, "?") {
		return errors.New("the name of the directory has a question mark, a percent sign or a control character: choose another one with -temp")
	}
	connector, err := duckdb.NewConnector(filepath.ToSlash(file), d.setUp)
	if err != nil {
		return err
	}
	d.DB = sql.OpenDB(connector)
	// These are of the whole database. A connection that is opened later must not
	// set them: the directory is in use then, and Large may have changed the threads.
	for _, set := range []string{
		"temp_directory = " + Quote(filepath.Join(d.Dir, "spill")),
		"memory_limit = '" + memoryLimit + "'",
		fmt.Sprintf("threads = %d", threads()),
		"preserve_insertion_order = true",
		"disabled_compression_methods = '" + tooSlow + "'",
	} {
		if _, err := d.ExecContext(ctx, "SET GLOBAL "+set); err != nil {
			return err
		}
	}
	return nil
}

// setUp makes each connection alike.
func (d *DB) setUp(c driver.ExecerContext) error {
	for _, set := range []string{"TimeZone = 'UTC'", "enable_progress_bar = false"} {
		if _, err := c.ExecContext(context.Background(), "SET "+set, nil); err != nil {
			return err
		}
	}
	return nil
}

// threads is how many share the memory: with more of them each has too little.
func threads() int { return min(runtime.GOMAXPROCS(0), 2) }

// Large runs a statement that may need more memory than there is. Two threads that
// sort some gigabytes can want more, and one does not: then run is called again.
// Thousands of columns need more with one thread, too, and get it the third time.
func (d *DB) Large(ctx context.Context, run func() error) error {
	err := run()
	if !outOfMemory(err) {
		return err
	}
	defer func() {
		for _, set := range []string{fmt.Sprintf("threads = %d", threads()), "memory_limit = '" + memoryLimit + "'"} {
			_, _ = d.ExecContext(context.WithoutCancel(ctx), "SET GLOBAL "+set)
		}
	}()
	for _, set := range []string{"threads = 1", "memory_limit = '" + wideLimit + "'"} {
		if ctx.Err() != nil || !outOfMemory(err) {
			return err
		}
		if _, err := d.ExecContext(ctx, "SET GLOBAL "+set); err != nil {
			return err
		}
		err = run()
	}
	return err
}

func outOfMemory(err error) bool {
	var e *duckdb.Error
	return errors.As(err, &e) && e.Type == duckdb.ErrorTypeOutOfMemory
}

// Close closes the database and removes its directory. A second call returns
// what the first one did.
func (d *DB) Close() error { return d.close() }

func (d *DB) release() error {
	var err error
	if d.DB != nil {
		err = d.DB.Close()
	}
	return errors.Join(err, removeDir(d.Dir, d.lock))
}

// Reserve returns an error, a sentence with both sizes and the directory, if
// there is less room than bytes for what is about to be written.
func (d *DB) Reserve(bytes int64) error {
	free, err := freeIn(d.Dir)
	if err != nil {
		return fmt.Errorf("cannot see how much room is left in %s: %w", d.Dir, err)
	}
	if bytes <= 0 || uint64(bytes) <= free {
		return nil
	}
	return fmt.Errorf("the import needs about %s in %s and there are %s left: make room, or choose another directory with -temp",
		show.Bytes(bytes), filepath.Dir(d.Dir), show.Bytes(int64(free)))
}
