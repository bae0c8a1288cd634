package stage

import (
	"context"
	"database/sql"
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
// code.
func (sh *shape) findNumbers(ctx context.Context, db *duck.DB) error {
	var found []int
	var tests []string
	for i, c := range sh.columns {
		if c.Role != message.Other || c.JSON || c.Type.InternalType() != duckdb.TYPE_VARCHAR {
			continue
		}
		found = append(found, i)
		all := func(pattern string) string {
			return fmt.Sprintf("coalesce(bool_and(regexp_full_match(%[1]s, '%[2]s')) FILTER (%[1]s <> ''), false)", column(i), pattern)
		}
		tests = append(tests, all(jsonNumber)+" OR "+all(jsonBoolean))
	}
	if found == nil {
		return nil
	}
	numeric := make([]sql.NullBool, len(found))
	into := make([]any, len(found))
	for i := range numeric {
		into[i] = &numeric[i]
	}
	query := fmt.Sprintf("SELECT %s FROM (SELECT * FROM %s LIMIT %d)", strings.Join(tests, ", "), sh.from(), sampleText)
	if err := db.QueryRowContext(ctx, query).Scan(into...); err != nil {
		return sentence(ctx, "the first rows cannot be read", err)
	}
	for i, at := range found {
		sh.columns[at].Numeric = numeric[i].Bool
	}
	return nil
}
