package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	duckdb "github.com/duckdb/duckdb-go/v2"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
	"github.com/altertable-ai/altertable-go/importer/internal/show"
)

// Columns of the table loaded that the view over it does not show. Those of the
// data have a prefix there, so that none hides these, or DuckDB's rowid.
const (
	numberColumn = "row_number"  // of a row of a copy: its number in the file
	beforeColumn = "rows_before" // how many rows there were before the file's
	fileColumn   = "file"
	dataPrefix   = "."
)

// prefixed are the columns of data in the table loaded.
func prefixed(names []string) []string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = dataPrefix + name
	}
	return all
}

// loadText fills the table with all files, one after the other. Each is looked at
// first; see records.
func loadText(ctx context.Context, l *load) error {
	if err := l.createLoaded(ctx); err != nil {
		return err
	}
	var before int64
	for i := range l.s.files {
		f := &l.s.files[i]
		rows, err := l.loadFile(ctx, f, before)
		if err != nil {
			return err
		}
		before += rows
	}
	if err := l.createView(ctx); err != nil {
		return err
	}
	return l.needRows(ctx)
}

// needRows refuses files that have none: nobody exports nothing on purpose.
func (l *load) needRows(ctx context.Context) error {
	n, err := l.count(ctx, "SELECT (SELECT count(*) FROM (FROM source LIMIT 1)) + (SELECT count(*) FROM (FROM torn LIMIT 1))")
	switch {
	case err != nil || n > 0:
		return err
	case l.s.format == csvFormat:
		return fmt.Errorf("%s has a header and no rows", l.s.Name)
	}
	return fmt.Errorf("%s has no rows", l.s.Name)
}

func (l *load) createLoaded(ctx context.Context) error {
	columns := numberColumn + " BIGINT, " + beforeColumn + " BIGINT"
	if len(l.s.files) > 1 {
		columns += ", " + fileColumn + " VARCHAR"
	}
	for _, name := range prefixed(l.s.columns()) {
		columns += ", " + duck.Name(name) + " VARCHAR"
	}
	return l.exec(ctx, "CREATE TABLE loaded ("+columns+")")
}

func (l *load) createView(ctx context.Context) error {
	columns, where := "", ""
	if len(l.s.files) > 1 {
		columns = ", " + fileColumn + " AS _file"
	}
	for _, name := range l.s.columns() {
		columns += ", " + duck.Name(dataPrefix+name) + " AS " + duck.Name(name)
	}
	if l.s.JSON {
		where = " WHERE " + duck.Name(dataPrefix+"_json") + " IS NOT NULL" // blank lines, which only count
	}
	return l.exec(ctx, fmt.Sprintf("CREATE VIEW source AS SELECT coalesce(%s, rowid - %s + 1) AS _row%s FROM loaded%s",
		numberColumn, beforeColumn, columns, where))
}

// loadFile loads one, and returns how many rows the table has more.
func (l *load) loadFile(ctx context.Context, f *file, before int64) (int64, error) {
	var found finding
	var long stretch
	err := f.each(ctx, func(rec *record) error {
		found.add(rec, f)
		long.add(len(rec.text))
		return nil
	})
	if err != nil {
		return 0, l.unreadable(ctx, f, err)
	}
	if err := l.db.LongRows(ctx, long.most, found.bytes); err != nil {
		return 0, err
	}
	// The table is a little larger than the text, and a copy is as large.
	need := found.bytes / 4 * 5
	if found.copy = f.needsCopy(found); found.copy {
		need += found.bytes
	}
	if err := l.db.Reserve(need); err != nil {
		return 0, err
	}
	if !found.copy {
		if err := l.insert(ctx, f, before, found, f.readFunction(f.path)); err == nil {
			return found.rows, nil
		}
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		// DuckDB takes the file for something else. It cannot take the copy so.
		if err := l.db.Reserve(need + found.bytes); err != nil {
			return 0, err
		}
	}
	return found.rows, l.loadCopy(ctx, f, before, found)
}

// needsCopy reports whether DuckDB could read the file in another way than it was
// read here.
func (f *file) needsCopy(found finding) bool {
	return found.copy || found.lf && found.crlf || f.newline == '\r' || f.blank > 0 ||
		f.encoding != utf8Encoding || bytes.HasPrefix(f.head, []byte("\ufeff")) || f.format == jsonFormat
}

// unreadable makes a sentence of an error of reading.
func (l *load) unreadable(ctx context.Context, f *file, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if f.compression != "none" {
		return fmt.Errorf("cannot read %s: the %s file is cut off or damaged: %w", f.name, f.compression, show.Cause(err))
	}
	return fmt.Errorf("cannot read %s: %w", f.name, show.Cause(err))
}

// insert adds the rows that DuckDB reads, or none: it has to find as many as were
// found.
func (l *load) insert(ctx context.Context, f *file, before int64, found finding, read string) error {
	err := l.db.Large(ctx, func() error { return l.tryInsert(ctx, f, before, found, read) })
	var e *duckdb.Error
	if errors.As(err, &e) || ctx.Err() != nil {
		return l.explain(ctx, err)
	}
	return err
}

func (l *load) tryInsert(ctx context.Context, f *file, before int64, found finding, read string) error {
	tx, err := l.conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if found.breaks {
		// A thread that begins in the middle of a quoted field guesses.
		read = read[:len(read)-1] + ", parallel = false)"
	}
	file := ""
	if len(l.s.files) > 1 {
		file = duck.Quote(f.label) + " AS " + fileColumn + ", "
	}
	result, err := tx.ExecContext(ctx, fmt.Sprintf("INSERT INTO loaded BY NAME SELECT %d AS %s, %s* FROM %s", before, beforeColumn, file, read))
	if err != nil {
		return err
	}
	if rows, err := result.RowsAffected(); err != nil || rows != found.rows {
		return fmt.Errorf("%s has %d rows, and DuckDB finds %d: was it changed meanwhile?", f.name, found.rows, rows)
	}
	return tx.Commit()
}
