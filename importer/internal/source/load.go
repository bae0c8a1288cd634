package source

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
)

// A load is one call of Load. It uses one connection alone: what DuckDB rejects
// is in temporary tables, and those belong to a connection.
type load struct {
	s    *Source
	db   *duck.DB
	conn *sql.Conn

	words func(error) string // what an error says, as one line without values
}

// Load fills the tables source and torn. Its errors are sentences.
func (s *Source) Load(ctx context.Context, db *duck.DB) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	l := &load{s: s, db: db, conn: conn, words: duck.Sentence}
	if err := l.exec(ctx, "CREATE TABLE import.main.torn (row BIGINT, file VARCHAR, line VARCHAR, reason VARCHAR)"); err != nil {
		return err
	}
	return s.loader(ctx, l)
}

// exec runs a statement. Its error is a sentence about the source.
func (l *load) exec(ctx context.Context, statement string, values ...any) error {
	if _, err := l.conn.ExecContext(ctx, statement, values...); err != nil {
		return l.explain(ctx, err)
	}
	return nil
}

func (l *load) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("%s: %s", l.s.Name, l.words(err))
}

func (l *load) count(ctx context.Context, query string) (n int64, err error) {
	if err := l.conn.QueryRowContext(ctx, query).Scan(&n); err != nil {
		return 0, l.explain(ctx, err)
	}
	return n, nil
}

// list joins names for SQL.
func list(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = duck.Name(name)
	}
	return strings.Join(quoted, ", ")
}
