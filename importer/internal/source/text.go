package source

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

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

// A finding is what was found out about a file of text by looking at each of its
// rows.
type finding struct {
	rows     int64 // what DuckDB has to find
	numbered int64 // rows and torn rows
	torn     int64
	bytes    int64 // of its text
	copy     bool  // DuckDB has to read a copy
	breaks   bool  // a row has more than one line
	lf, crlf bool
}

// add counts a row, and gives it its number.
func (d *finding) add(rec *record, f *file) {
	d.bytes += int64(len(rec.text)) + 1
	if f.format == csvFormat && rec.blank {
		d.copy = d.copy || len(f.columns) == 1 // DuckDB takes it for a row
		return
	}
	d.numbered++
	if rec.torn != "" {
		d.torn++
		d.copy = true
		if f.format == csvFormat {
			return // a line of JSON becomes a blank one, which keeps the numbers
		}
	}
	d.rows++
	d.copy = d.copy || rec.odd
	d.breaks = d.breaks || rec.breaks
	d.crlf, d.lf = d.crlf || rec.crlf, d.lf || !rec.crlf
}

// each visits all rows of a file except the header.
func (f *file) each(ctx context.Context, visit func(*record) error) error {
	in, err := f.open()
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	r := f.reader(in)
	header := f.format == csvFormat
	for n := 0; ; n++ {
		rec, err := r.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if header {
			header = rec.blank
			continue
		}
		if n%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		rec.check(f)
		if err := visit(&rec); err != nil {
			return err
		}
	}
}

// open opens the file's text.
func (f *file) open() (io.ReadCloser, error) {
	in, err := os.Open(f.path)
	if err != nil {
		return nil, err
	}
	text, _, err := decompress(in)
	if err != nil {
		_ = in.Close()
		return nil, err
	}
	return &closers{decode(text, f.encoding), text, in}, nil
}

type closers struct {
	io.Reader
	inner, outer io.Closer
}

func (c *closers) Close() error {
	_ = c.inner.Close()
	return c.outer.Close()
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
	if err := tx.Commit(); err != nil {
		return err
	}
	return nil
}

// loadCopy loads a copy that has the rows that are not torn, with their numbers.
func (l *load) loadCopy(ctx context.Context, f *file, before int64, found finding) error {
	path := filepath.Join(l.db.Dir, "copy.csv")
	defer func() { _ = os.Remove(path) }()
	torn, err := l.newTorn(f)
	if err != nil {
		return err
	}
	defer torn.close()
	if err := f.writeCopy(ctx, path, torn); err != nil {
		return l.unreadable(ctx, f, err)
	}
	if err := torn.load(ctx); err != nil {
		return err
	}
	c := file{path: f.path, name: f.name, label: f.label, format: f.format, compression: "none", delimiter: f.delimiter}
	read := c.readLines(path, dataPrefix)
	if f.format == csvFormat {
		read = c.readCSV(path, append([]string{numberColumn}, prefixed(f.columns)...), false)
	}
	return l.insert(ctx, &c, before, found, read)
}

func (f *file) writeCopy(ctx context.Context, path string, torn *torn) error {
	out, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }()
	w := bufio.NewWriterSize(out, 1<<18)
	var number int64
	var row []byte
	err = f.each(ctx, func(rec *record) error {
		if f.format == csvFormat && rec.blank {
			return nil
		}
		number++
		if rec.torn != "" {
			if err := torn.add(number, rec); err != nil || f.format == csvFormat {
				return err
			}
			rec.text = nil
		}
		row = row[:0]
		if f.format == csvFormat {
			row = append(strconv.AppendInt(row, number, 10), f.delimiter)
			row = rec.tidy(row, f.delimiter)
		} else {
			row = appendLine(row, rec)
		}
		_, err := w.Write(append(row, '\n'))
		return err
	})
	if err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return out.Close()
}

// appendLine writes a line of JSON: the end of a line that is in it can only be
// white space, or an error.
func appendLine(out []byte, rec *record) []byte {
	from := len(out)
	out = append(out, rec.text...)
	if rec.odd {
		for i, b := range out[from:] {
			if b == '\r' || b == '\n' {
				out[from+i] = ' '
			}
		}
	}
	if len(bytes.TrimSpace(out[from:])) == 0 {
		return out[:from]
	}
	return out
}
