package source

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"

	_ "modernc.org/sqlite" // the driver

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
	"github.com/altertable-ai/altertable-go/internal/encode"
)

// sqliteSchema is where the tables of an SQLite database are while the query
// runs.
const sqliteSchema = "import.sqlite_tables"

func openSQLite(path string) (*sql.DB, error) {
	address := url.URL{Scheme: "file", Opaque: (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath(), RawQuery: "mode=ro&_pragma=busy_timeout(5000)"}
	return sql.Open("sqlite", address.String())
}

func sqliteTables(ctx context.Context, path string) ([]string, error) {
	db, err := openSQLite(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	return duck.Texts(ctx, db, "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name")
}

// loadSQLite copies the tables that the query may need, and runs it over the
// copies: its SQL is DuckDB's.
func loadSQLite(ctx context.Context, l *load) error {
	path := l.s.files[0].path
	if err := l.db.Reserve(3 * l.s.Bytes); err != nil {
		return err
	}
	tables, err := sqliteTables(ctx, path)
	if err != nil {
		return l.explain(ctx, err)
	}
	db, err := openSQLite(path)
	if err != nil {
		return l.explain(ctx, err)
	}
	defer func() { _ = db.Close() }()
	if err := l.exec(ctx, "CREATE SCHEMA "+sqliteSchema); err != nil {
		return err
	}
	query := strings.ToLower(l.s.SQL)
	for _, table := range tables {
		if !strings.Contains(query, strings.ToLower(table)) {
			continue
		}
		if err := l.copyTable(ctx, db, table); err != nil {
			return fmt.Errorf("%s, table %s: %w", l.s.Name, table, err)
		}
	}
	if err := l.exec(ctx, "SET search_path = '"+sqliteSchema+",import.main'"); err != nil {
		return err
	}
	err = l.fill(ctx, l.s.SQL)
	back := context.WithoutCancel(ctx)
	for _, statement := range []string{"USE import.main", "DROP SCHEMA " + sqliteSchema + " CASCADE"} {
		if failed := l.exec(back, statement); err == nil {
			err = failed
		}
	}
	return err
}

// copyTable copies by way of a file: rows go through memory one by one.
func (l *load) copyTable(ctx context.Context, db *sql.DB, table string) error {
	columns, err := columnsOfTable(ctx, db, table, l.s.spec.SQL == "")
	if err != nil {
		return err
	}
	path := filepath.Join(l.db.Dir, "table.csv")
	defer func() { _ = os.Remove(path) }()
	if err := writeTable(ctx, db, table, columns, path); err != nil {
		return err
	}
	types, values := make([]string, len(columns)), make([]string, len(columns))
	for i, c := range columns {
		read := c.kind
		values[i] = duck.Name(c.name)
		switch c.kind {
		case mixed:
			read = "VARCHAR"
			values[i] += "::JSON AS " + duck.Name(c.name)
		case "BLOB":
			read = "VARCHAR"
			values[i] = "from_hex(" + duck.Name(c.name) + ") AS " + duck.Name(c.name)
		}
		types[i] = duck.Quote(c.name) + ": '" + read + "'"
	}
	_, err = l.conn.ExecContext(ctx, fmt.Sprintf(`CREATE TABLE %s.%s AS SELECT %s FROM read_csv(%s, auto_detect = false, columns = {%s},
		delim = ',', quote = '"', escape = '"', header = false, new_line = '\n', nullstr = '%s', allow_quoted_nulls = false, parallel = false%s)`,
		sqliteSchema, duck.Name(table), strings.Join(values, ", "), duck.Quote(path), strings.Join(types, ", "), sqliteNull, bounds))
	if err != nil {
		return l.explain(ctx, err)
	}
	return nil
}

// sqliteNull is what stands for NULL, without quotes around it.
const sqliteNull = "NULL"

func writeTable(ctx context.Context, db *sql.DB, table string, columns []sqliteColumn, path string) error {
	out, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }()
	w := bufio.NewWriterSize(out, 1<<18)
	reads, values, targets := make([]string, len(columns)), make([]any, len(columns)), make([]any, len(columns))
	for i, c := range columns {
		reads[i], targets[i] = c.read(), &values[i]
	}
	rows, err := db.QueryContext(ctx, "SELECT "+strings.Join(reads, ", ")+" FROM "+duck.Name(table))
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	var row []byte
	for n := 1; rows.Next(); n++ {
		if err := rows.Scan(targets...); err != nil {
			return err
		}
		row = row[:0]
		for i, value := range values {
			if i > 0 {
				row = append(row, ',')
			}
			if text, ok := value.(string); ok && !utf8.ValidString(text) {
				return fmt.Errorf("row %d has text in the column %s that is not UTF-8: convert it in the database first, in a copy of it", n, columns[i].name)
			}
			if columns[i].kind == mixed {
				value = asJSON(value)
			}
			row = appendValue(row, value)
		}
		if len(row) > 2*maxLine {
			return fmt.Errorf("row %d is longer than 2 MiB: leave its long column out, with -sql", n)
		}
		if _, err := w.Write(append(row, '\n')); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return out.Close()
}

// asJSON is a value of a mixed column. JSON has no infinity, which stays a word.
func asJSON(value any) any {
	switch v := value.(type) {
	case string:
		return string(encode.String(nil, v))
	case float64:
		if math.IsInf(v, 0) {
			return string(encode.String(nil, strconv.FormatFloat(v, 'g', -1, 64)))
		}
	}
	return value
}

func appendValue(row []byte, value any) []byte {
	switch v := value.(type) {
	case nil:
		return append(row, sqliteNull...)
	case int64:
		return strconv.AppendInt(row, v, 10)
	case float64:
		return strconv.AppendFloat(row, v, 'g', -1, 64)
	case []byte:
		return appendValue(row, string(v))
	default:
		return append(append(append(row, '"'), strings.ReplaceAll(fmt.Sprint(v), `"`, `""`)...), '"')
	}
}
