package stage

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
)

// People are the distinct_ids of the tracks and identifies of a stage. They are
// exact. Rows that will be refused when their message is made are counted too.
type People struct {
	Count     int64      // different ids
	Emails    int64      // of these, how many look like e-mail addresses
	Constants []Constant // ids that are no person's, the most frequent one first; ten at most
}

// A Constant is an id that hardly is one of a person: it is on a large part of
// the rows.
type Constant struct {
	ID   string // empty, except where the caller wants to show values
	Rows int64
}

// From how many rows on, and from which part of them, an id is a constant.
const (
	constantRows  = 1000
	constantShare = 5 // a fifth
)

// People counts ids. It reads all rows, but no more of them than the ids.
func (s *Stage) People(ctx context.Context, showValues bool) (People, error) {
	var p People
	person := s.shape.kept("person", s.shape.person())
	ids := fmt.Sprintf("SELECT person, count(*) AS n FROM (SELECT %s AS person FROM sorted WHERE rank IN (%d, %d)) WHERE person IS NOT NULL GROUP BY person",
		person, rankOf(record.Identify), rankOf(record.Track))
	var rows int64
	err := s.db.QueryRowContext(ctx, `SELECT count(*), count(*) FILTER (regexp_full_match(person, '[^@\s]+@[^@\s]+\.[^@\s]+')), coalesce(sum(n), 0)::BIGINT FROM (`+ids+")").
		Scan(&p.Count, &p.Emails, &rows)
	if err != nil {
		return People{}, sentence(ctx, "the people cannot be counted", err)
	}
	if rows < constantRows {
		return p, nil
	}
	query := fmt.Sprintf("SELECT person, n FROM (%s) WHERE n > %d ORDER BY n DESC, person LIMIT 10", ids, rows/constantShare)
	err = s.scan(ctx, query, func(row *sql.Rows) error {
		var c Constant
		if err := row.Scan(&c.ID, &c.Rows); err != nil {
			return err
		}
		if !showValues {
			c.ID = ""
		}
		p.Constants = append(p.Constants, c)
		return nil
	})
	return p, err
}

// scan calls each for each row of a query.
func (s *Stage) scan(ctx context.Context, query string, each func(*sql.Rows) error) error {
	rows, err := s.db.QueryContext(ctx, query)
	if err != nil {
		return sentence(ctx, "the rows cannot be counted", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := each(rows); err != nil {
			return sentence(ctx, "the rows cannot be counted", err)
		}
	}
	if err := rows.Err(); err != nil {
		return sentence(ctx, "the rows cannot be counted", err)
	}
	return nil
}
