package duck

import (
	"context"
	"database/sql"
)

// A Queryer is a database or one of its connections.
type Queryer interface {
	QueryContext(ctx context.Context, query string, values ...any) (*sql.Rows, error)
}

// Texts returns the values of a query with one column, which are no NULL. The
// query has few rows: they are all kept.
func Texts(ctx context.Context, db Queryer, query string, values ...any) (all []string, err error) {
	rows, err := db.QueryContext(ctx, query, values...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		all = append(all, text)
	}
	return all, rows.Err()
}
