// Package duck opens the DuckDB database in which an import is sorted, and makes
// sentences of DuckDB's errors.
//
//	duck       opens and closes the database; memory has its limits
//	dir        its directory, which the next import removes if this one is killed
//	extension  DuckDB's extension for Postgres
//	quote      names and strings in SQL; texts runs a query with one column
//
// DuckDB quotes values in its errors, and those are somebody's:
//
//	sentence   which errors may have values, and what is said of them
//	row_error  of errors at rows nothing is repeated; causes has what is said instead
//	redact     of errors at a query's text only what the query says itself is kept
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
	"strings"
	"sync"

	duckdb "github.com/duckdb/duckdb-go/v2"
	"github.com/gofrs/flock"

	"github.com/altertable-ai/altertable-go/importer/internal/show"
)

// flushThreshold is how much a thread of DuckDB may have allocated at its most before
// its part of the allocator gives unused pages back at the end of a task.
const flushThreshold = "4MB"

// slowCompression is compression of text that costs as much time as all else that is done
// with a row here. The tables are written once, read twice, and removed.
const slowCompression = "fsst,dictionary,dict_fsst,zstd"

// A DB is a database in a temporary directory of its own. Its sessions are in
// UTC, keep the order of rows, and have bounded memory; what does not fit goes
// to the directory.
type DB struct {
	*sql.DB
	Dir string

	threads int          // that DuckDB has, except within Large
	limit   int64        // of its memory in bytes, likewise
	lock    *flock.Flock // held as long as the directory is in use
	close   func() error
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
	d := &DB{Dir: dir, threads: usualThreads(), limit: usualLimit, lock: lock}
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
		limitOf(d.limit),
		threadsOf(d.threads),
		"preserve_insertion_order = true",
		// The database is removed at the end, so nothing of it has to be moved from its
		// log to its file, which takes memory for a part of all rows.
		"checkpoint_threshold = '1TB'",
		"disabled_compression_methods = '" + slowCompression + "'",
		// What DuckDB frees stays in the process until its allocator looks at it again.
		// A sort keeps the threads busy in one task, so that this took 100 MB more than
		// the limit, and more with each gigabyte sorted. A thread of the allocator's own
		// gives pages back within a second.
		"allocator_background_threads = true",
		"allocator_flush_threshold = '" + flushThreshold + "'",
	} {
		if _, err := d.ExecContext(ctx, "SET GLOBAL "+set); err != nil {
			return err
		}
	}
	_, err = d.ExecContext(ctx, "PRAGMA disable_checkpoint_on_shutdown")
	return err
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
