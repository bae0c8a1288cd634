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

	// describe, if not nil, says more about an error than duck.Explain has. It returns
	// one line without values.
	describe func(err, explained error) string
}

// Load fills the tables source and torn. Its errors are sentences.
func (s *Source) Load(ctx context.Context, db *duck.DB) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	l := &load{s: s, db: db, conn: conn}
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

// attach is exec for ATTACH, which reads no rows.
func (l *load) attach(ctx context.Context, statement string) error {
	if _, err := l.conn.ExecContext(ctx, statement); err != nil {
		return l.sentence(ctx, err, duck.Refused(err, statement))
	}
	return nil
}

// explain is for an error that arose while rows may have been read.
func (l *load) explain(ctx context.Context, err error) error {
	return l.sentence(ctx, err, duck.Failed(err, ""))
}

func (l *load) sentence(ctx context.Context, err, explained error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case l.describe != nil:
		return fmt.Errorf("%s: %s", l.s.Name, l.describe(err, explained))
	}
	return fmt.Errorf("%s: %w", l.s.Name, explained)
}

func (l *load) count(ctx context.Context, query string) (n int64, err error) {
	if err := l.conn.QueryRowContext(ctx, query).Scan(&n); err != nil {
		return 0, l.explain(ctx, err)
	}
	return n, nil
}

// columnList joins names for SQL.
func columnList(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = duck.Name(name)
	}
	return strings.Join(quoted, ", ")
}
