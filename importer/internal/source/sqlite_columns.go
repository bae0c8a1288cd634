package source

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
	"github.com/altertable-ai/altertable-go/importer/internal/message"
)

// A sqliteColumn is one with the type that all of its values have: SQLite lets
// each have its own, whatever was declared.
type sqliteColumn struct {
	name, kind string
}

// mixed is the kind of a column that has numbers beside texts: each value is JSON.
const mixed = "JSON"

// read is how the column is selected. An expression has no declared type, by
// which the driver would make times of text.
func (c sqliteColumn) read() string {
	name := duck.Name(c.name)
	switch c.kind {
	case "BIGINT":
		return "CAST(" + name + " AS INTEGER)"
	case "DOUBLE":
		return "CAST(" + name + " AS REAL)"
	case "BLOB":
		return "CASE WHEN " + name + " IS NOT NULL THEN hex(" + name + ") END"
	case mixed:
		return "+" + name
	default:
		return "CAST(" + name + " AS TEXT)"
	}
}

// columnsOfTable finds the type of each column. A query does not want JSON, which it
// cannot compare with a text, and neither does what has a meaning by its name.
func columnsOfTable(ctx context.Context, db *sql.DB, table string, whole bool) ([]sqliteColumn, error) {
	all, err := duck.Texts(ctx, db, "SELECT name FROM pragma_table_xinfo(?) WHERE hidden <> 1 ORDER BY cid", table)
	if err != nil {
		return nil, err
	}
	counts, targets := make([]string, 0, kinds*len(all)), make([]any, kinds*len(all))
	for _, name := range all {
		for _, kind := range []string{"integer", "real", "blob", "text"} {
			counts = append(counts, fmt.Sprintf("coalesce(max(typeof(%s) = '%s'), 0)", duck.Name(name), kind))
		}
		counts = append(counts, fmt.Sprintf("coalesce(max(typeof(%[1]s) = 'integer' AND %[1]s NOT BETWEEN -9007199254740992 AND 9007199254740992), 0)", duck.Name(name)))
	}
	has := make([]bool, len(targets))
	for i := range targets {
		targets[i] = &has[i]
	}
	query := "SELECT " + strings.Join(counts, ", ") + " FROM " + duck.Name(table)
	if err := db.QueryRowContext(ctx, query).Scan(targets...); err != nil {
		return nil, err
	}
	columns := make([]sqliteColumn, len(all))
	for i, name := range all {
		columns[i] = sqliteColumn{name, kindOf(has[kinds*i:])}
		if whole && isMixed(has[kinds*i:]) && message.RoleOf([]byte(strings.ToLower(name))) == message.Other {
			columns[i].kind = mixed
		}
	}
	return columns, nil
}

// kinds is how many things are asked about a column: whether it has integers,
// reals, blobs, texts, and integers that a float64 has no room for.
const kinds = 5

func kindOf(has []bool) string {
	integers, reals, blobs, texts, large := has[0], has[1], has[2], has[3], has[4]
	switch {
	case texts, blobs && (integers || reals), reals && large:
		return "VARCHAR"
	case reals:
		return "DOUBLE"
	case integers:
		return "BIGINT"
	case blobs:
		return "BLOB"
	}
	return "VARCHAR"
}

// isMixed reports whether a column has numbers, and texts or numbers that no one type
// has room for.
func isMixed(has []bool) bool {
	integers, reals, blobs, texts, large := has[0], has[1], has[2], has[3], has[4]
	return !blobs && (texts && (integers || reals) || reals && large)
}
