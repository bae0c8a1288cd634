package duck

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"

	duckdb "github.com/duckdb/duckdb-go/v2"
)

// usualLimit is for DuckDB's buffers. The process has almost as much again beside
// it: results, messages, and what DuckDB does not count. With much less than this,
// DuckDB writes a table of twenty columns on one thread.
const usualLimit = 200e6

// wideLimit is for what does not fit in that: thousands of columns, of which each
// has buffers of its own, and long rows.
const wideLimit = 2e9

// RowsInMemory is how many rows DuckDB reads at a time, however long they are.
const RowsInMemory = 2048

// mergedRows is how many rows DuckDB has in memory while it merges what it has sorted.
// Up to usualBytes bytes in RowsInMemory of them, the usual limit is enough for that.
const (
	mergedRows = 64 * RowsInMemory
	usualBytes = 2.2e6
)

// LongRows makes room for rows of which RowsInMemory that follow one another have
// bytes, and all of them total. It never makes less.
func (d *DB) LongRows(ctx context.Context, bytes, total int64) error {
	limit := usualLimit + min(bytes*(mergedRows/RowsInMemory), 2*total)
	if limit = min(limit, wideLimit); bytes <= usualBytes || limit <= d.limit {
		return nil
	}
	d.threads, d.limit = 1, limit
	return d.set(ctx, d.threads, d.limit)
}

// Large runs what may need more memory than there is. Two threads that sort some
// gigabytes can want more, and one does not: then run is called again. Thousands of
// columns need more with one thread, too, and so do long rows in what is no text.
// They get it the third time.
func (d *DB) Large(ctx context.Context, run func() error) error {
	err := run()
	if !outOfMemory(err) {
		return err
	}
	defer func() { _ = d.set(context.WithoutCancel(ctx), d.threads, d.limit) }()
	for _, limit := range []int64{d.limit, wideLimit} {
		if ctx.Err() != nil || !outOfMemory(err) {
			return err
		}
		if err := d.set(ctx, 1, limit); err != nil {
			return err
		}
		err = run()
	}
	return err
}

// Reading runs what may need more memory than a sort of the same rows did. It may be
// called by some goroutines at a time, so that memory which one of them needs stays:
// it would be taken from the others.
func (d *DB) Reading(ctx context.Context, run func() error) error {
	err := run()
	if !outOfMemory(err) {
		return err
	}
	if _, err := d.ExecContext(ctx, "SET GLOBAL "+limitOf(wideLimit)); err != nil {
		return err
	}
	return run()
}

func (d *DB) set(ctx context.Context, threads int, limit int64) error {
	for _, set := range []string{threadsOf(threads), limitOf(limit)} {
		if _, err := d.ExecContext(ctx, "SET GLOBAL "+set); err != nil {
			return err
		}
	}
	return nil
}

// outOfMemory reports whether DuckDB had too little memory. Where that happens at
// the end of a statement, it says so of the commit.
func outOfMemory(err error) bool {
	var e *duckdb.Error
	return errors.As(err, &e) && (e.Type == duckdb.ErrorTypeOutOfMemory ||
		e.Type == duckdb.ErrorTypeTransaction && strings.Contains(e.Msg, "memory limit"))
}

func limitOf(bytes int64) string { return fmt.Sprintf("memory_limit = '%dB'", bytes) }

func threadsOf(n int) string { return fmt.Sprintf("threads = %d", n) }

// usualThreads is how many share the memory: with more of them each has too little.
func usualThreads() int { return min(runtime.GOMAXPROCS(0), 2) }
