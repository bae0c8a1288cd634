package stage

import (
	"context"
	"fmt"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
	"github.com/altertable-ai/altertable-go/importer/internal/message"
	"github.com/altertable-ai/altertable-go/importer/internal/record"
)

// move makes the instants of each person's identifies differ: of two at the same
// one the platform ignores the second. Each gets its own instant, or a microsecond
// after the one before it, if this is later. It keeps its place in the order: that
// of a person's identifies is the same by both instants. Messages that are ready
// (_message) are left as they are.
//
// The new instants are in the table moves, by position: most imports have none.
func (s *Stage) move(ctx context.Context, environment string) error {
	n := s.Endpoints[record.Identify]
	if n < 2 || s.shape.raw {
		return nil
	}
	sh := s.shape
	first := s.Endpoints[""]
	ready := "NULL"
	if c := sh.column(message.Message); c != "" {
		ready = c
	}
	statement := fmt.Sprintf(`CREATE TABLE moves AS
		SELECT position, moved AS stamp FROM (
			SELECT position, stamp, n + max(stamp - n) OVER (PARTITION BY zone, person ORDER BY position) AS moved FROM (
				SELECT position, stamp, zone, person, row_number() OVER (PARTITION BY zone, person ORDER BY position) AS n FROM (
					SELECT rowid AS position, stamp, coalesce(%s, %s) AS zone, %s AS person FROM sorted
					WHERE rowid >= %d AND rowid < %d AND stamp IS NOT NULL AND %s IS NULL)
				WHERE person IS NOT NULL))
		WHERE moved <> stamp ORDER BY position`,
		sh.kept("zone", sh.zone()), duck.Quote(environment), sh.kept("person", sh.person()), first, first+n, ready)
	err := s.db.Large(ctx, func() error {
		_, err := s.db.ExecContext(ctx, statement)
		return err
	})
	if err != nil {
		return sentence(ctx, "the identifies cannot be compared", err)
	}
	if err := s.db.QueryRowContext(ctx, "SELECT count(*) FROM moves").Scan(&s.Moved); err != nil {
		return sentence(ctx, "the identifies cannot be compared", err)
	}
	return nil
}
