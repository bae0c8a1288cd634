package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
)

// notCounted is said where a query cannot number the rows as the import does.
const notCounted = `-- A row that DuckDB cannot read is refused, and not counted: rows behind it
-- have smaller numbers than in the file.
`

// print writes the SQL that does what the import would do.
func (j *job) print(ctx context.Context) (int, error) {
	if j.source.SQL == "" {
		return exitFailed, fmt.Errorf("-print-sql: %s cannot be named in SQL: save it as a file first", j.source.Name)
	}
	from := strings.TrimRight(strings.TrimSpace(j.source.SQL), ";")
	mapping := cmp.Or(j.source.Mapping, "SELECT *\nFROM source")
	if j.preset != "" {
		db, err := duck.Open(ctx, j.temp)
		if err != nil {
			return exitFailed, err
		}
		defer db.Close()
		columns, err := columnsOf(ctx, db, from)
		if err != nil {
			return exitFailed, err
		}
		if mapping, err = j.presetSQL(columns); err != nil {
			return exitFailed, err
		}
	}
	if strings.Contains(from, "store_rejects") {
		mapping = notCounted + strings.TrimSpace(mapping)
	}
	fmt.Fprintln(j.out, withSource(from, strings.TrimSpace(mapping)))
	return exitOK, nil
}

// withSource names a query source for a mapping, which may have names of its own,
// and comments before them.
func withSource(from, mapping string) string {
	comments := ""
	for strings.HasPrefix(mapping, "--") {
		line, rest, _ := strings.Cut(mapping, "\n")
		comments, mapping = comments+line+"\n", strings.TrimSpace(rest)
	}
	head := comments + "WITH source AS (\n  " + strings.ReplaceAll(from, "\n", "\n  ") + "\n)"
	if word, rest, ok := strings.Cut(mapping, " "); ok && strings.EqualFold(word, "with") {
		return head + ",\n\n" + strings.TrimSpace(rest)
	}
	return head + "\n" + mapping
}

// columnsOf returns the names of a query's columns.
func columnsOf(ctx context.Context, db *duck.DB, query string) ([]string, error) {
	rows, err := db.QueryContext(ctx, "SELECT * FROM ("+query+"\n) LIMIT 0")
	if err != nil {
		return nil, errors.New(duck.Sentence(err))
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, errors.New(duck.Sentence(err))
	}
	return columns, nil
}
