package server

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"
)

const (
	maxRows   = 10_000
	maxResult = 32 << 20 // bytes of cells
)

// A sqlError is a query's own fault, or was caused by its limits.
type sqlError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (e *sqlError) Error() string { return e.Message }

// query runs one statement that reads, and returns a packed result. Its error is
// a *sqlError.
func (s *store) query(ctx context.Context, text string) (packer, error) {
	conn, err := s.sql.Conn(ctx)
	if err != nil {
		return packer{}, &sqlError{"sql-error", err.Error()}
	}
	defer func() { _ = conn.Close() }()
	found, err := read(ctx, conn, text)
	var own *sqlError
	if err != nil && !errors.As(err, &own) {
		err = &sqlError{"sql-error", err.Error()}
	}
	return found, err
}

func read(ctx context.Context, conn *sql.Conn, text string) (found packer, err error) {
	explains, err := checkReadOnly(ctx, conn, text)
	if err != nil {
		return found, err
	}
	defer func() {
		// The pool must not hand out a connection within a transaction. If ctx has
		// ended, BEGIN may have begun one and failed all the same, and a ROLLBACK
		// may wait for what was interrupted, for good.
		err := ctx.Err()
		if err == nil {
			_, err = conn.ExecContext(ctx, `ROLLBACK`)
		}
		if err != nil {
			_ = conn.Raw(func(any) error { return driver.ErrBadConn })
		}
	}()
	if _, err := conn.ExecContext(ctx, `BEGIN TRANSACTION READ ONLY`); err != nil {
		return found, err
	}
	names, err := prepare(conn, text)
	if err != nil {
		return found, err
	}
	if explains {
		return fetch(ctx, conn, text, plainCells(names))
	}
	cells, err := describe(ctx, conn, text, names)
	if err != nil {
		return found, err
	}
	return fetch(ctx, conn, cells.wrap(text), cells)
}

// prepare lets DuckDB check the statement, and returns the columns' names.
func prepare(conn *sql.Conn, text string) (names []string, err error) {
	err = conn.Raw(func(c any) error {
		prepared, err := c.(*duckdb.Conn).Prepare(text)
		if err != nil {
			return err
		}
		statement := prepared.(*duckdb.Stmt)
		defer func() { err = errors.Join(err, statement.Close()) }()
		switch kind, err := statement.StatementType(); {
		case err != nil:
			return err
		case kind != duckdb.STATEMENT_TYPE_SELECT && kind != duckdb.STATEMENT_TYPE_EXPLAIN:
			return notReadOnly()
		case statement.NumInput() > 0:
			return &sqlError{"sql-error", "the statement has parameters, and there are no values for them"}
		}
		n, err := statement.ColumnCount()
		if err != nil {
			return err
		}
		names = make([]string, n)
		for i := range names {
			if names[i], err = statement.ColumnName(i); err != nil {
				return err
			}
		}
		return nil
	})
	return names, err
}

// A cell says how a column's values become JSON.
type cell struct {
	column
	conversion conversion
}

type cells []cell

type conversion int

const (
	asJSON    conversion = iota // by DuckDB's to_json
	asNumber                    // its text is a number, or NaN, or infinite
	asInstant                   // a timestamp
	asText
)

func plainCells(names []string) cells {
	var c cells
	for _, name := range names {
		c = append(c, cell{column{name, "VARCHAR"}, asText})
	}
	return c
}

// describe returns the columns with their types.
func describe(ctx context.Context, conn *sql.Conn, text string, names []string) (cells, error) {
	rows, err := conn.QueryContext(ctx, `SELECT column_type FROM (DESCRIBE FROM `+subquery(text)+`)`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var described cells
	for i := 0; rows.Next() && i < len(names); i++ {
		c := cell{column: column{Name: names[i]}}
		if err := rows.Scan(&c.Type); err != nil {
			return nil, err
		}
		base, _, _ := strings.Cut(c.Type, "(")
		switch base {
		case "DECIMAL", "FLOAT", "DOUBLE":
			c.conversion = asNumber
		case "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS":
			c.conversion = asInstant
		}
		if strings.HasSuffix(c.Type, "]") {
			c.conversion = asJSON
		}
		described = append(described, c)
	}
	return described, rows.Err()
}

// subquery makes a table of a statement, wherever its text ends: with a
// semicolon, with a comment.
func subquery(text string) string { return `query('` + strings.ReplaceAll(text, `'`, `''`) + `')` }

// wrap lets DuckDB itself write the values as JSON and stop after enough rows.
func (c cells) wrap(text string) string {
	var names, values []string
	for i, cell := range c {
		name := fmt.Sprintf("c%d", i)
		names = append(names, name)
		switch cell.conversion {
		case asJSON:
			name = "to_json(" + name + ")::VARCHAR"
		case asNumber, asText:
			name += "::VARCHAR"
		}
		values = append(values, name)
	}
	return fmt.Sprintf("SELECT %s FROM %s AS q(%s) LIMIT %d",
		strings.Join(values, ", "), subquery(text), strings.Join(names, ", "), maxRows+1)
}

func fetch(ctx context.Context, conn *sql.Conn, text string, c cells) (found packer, err error) {
	rows, err := conn.QueryContext(ctx, text)
	if err != nil {
		return found, err
	}
	defer func() { _ = rows.Close() }()
	found.columns(c)
	values, into := make([]any, len(c)), make([]any, len(c))
	for i := range values {
		into[i] = &values[i]
	}
	truncated := false
	var cell []byte
	for n := 0; rows.Next(); n++ {
		if truncated = n == maxRows; truncated {
			break
		}
		if err := rows.Scan(into...); err != nil {
			return found, err
		}
		before := len(found.data)
		found.bool(true)
		for i, value := range values {
			cell = c[i].conversion.append(cell[:0], value)
			found.bytes(cell)
		}
		if len(found.data) > maxResult {
			if n == 0 {
				return found, &sqlError{"sql-error", "a row of the result is larger than 32 MiB"}
			}
			found.data, truncated = found.data[:before], true
			break
		}
	}
	found.bool(false)
	found.bool(truncated)
	return found, rows.Err()
}

// append makes JSON of a value as the driver returns it. What DuckDB writes for
// infinite numbers is not JSON, and becomes a string.
func (c conversion) append(b []byte, value any) []byte {
	switch v := value.(type) {
	case nil:
		return append(b, "null"...)
	case time.Time:
		return append(v.UTC().AppendFormat(append(b, '"'), time.RFC3339Nano), '"')
	case string:
		if c != asText && json.Valid([]byte(v)) {
			return append(b, v...)
		}
		return appendText(b, v)
	}
	return appendText(b, fmt.Sprint(value))
}
