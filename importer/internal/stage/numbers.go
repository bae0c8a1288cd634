package stage

import (
	"context"
	"fmt"
	"strings"

	duckdb "github.com/duckdb/duckdb-go/v2"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
	"github.com/altertable-ai/altertable-go/importer/internal/message"
)

// sampleText is how many rows of text show whether a column has numbers.
const sampleText = 20_000

// What is a number, and what a boolean: what package message makes one of. Digits
// that a float64 would change are an id.
const (
	jsonNumber  = `-?(0|[1-9][0-9]{0,14})(\.[0-9]+)?`
	jsonBoolean = `true|false`
)

// findNumbers marks the columns of a source without types whose first values are
// all numbers, or all booleans. Zeros in front make a text: they are part of a zip
// code. All columns are in one list: each expression with a pattern has a machine
// of megabytes for it, and there may be thousands of columns.
func (sh *shape) findNumbers(ctx context.Context, db *duck.DB) error {
	var found []int
	var names []string
	for i, c := range sh.columns {
		if c.Role == message.Other && !c.JSON && c.Type.InternalType() == duckdb.TYPE_VARCHAR {
			found = append(found, i)
			names = append(names, column(i))
		}
	}
	if found == nil {
		return nil
	}
	query := fmt.Sprintf(`SELECT place FROM (SELECT unnest(range(%d)) AS place, unnest([%s]) AS value FROM (SELECT * FROM %s LIMIT %d))
		WHERE value <> '' GROUP BY place
		HAVING bool_and(regexp_full_match(value, '%s')) OR bool_and(regexp_full_match(value, '%s'))`,
		len(found), strings.Join(names, ", "), sh.from(), sampleText, jsonNumber, jsonBoolean)
	err := db.Large(ctx, func() error {
		places, err := numbers(ctx, db, query)
		for _, place := range places {
			sh.columns[found[place]].Numeric = true
		}
		return err
	})
	if err != nil {
		return sh.sentence(ctx, "the first rows cannot be read", err)
	}
	return nil
}

// numbers are those of a query's rows.
func numbers(ctx context.Context, db *duck.DB, query string) (list []int64, err error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			return nil, err
		}
		list = append(list, n)
	}
	return list, rows.Err()
}
