package stage

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
)

// A Day is how many tracks there are of one day in UTC.
type Day struct {
	Day  time.Time
	Rows int64
}

// An Event is how many tracks there are of one name.
type Event struct {
	Name        string
	Rows        int64
	First, Last time.Time // zero: none has a timestamp
}

// Days returns the days that have tracks, in order. Tracks without a timestamp
// are in none.
func (s *Stage) Days(ctx context.Context) (days []Day, err error) {
	query := fmt.Sprintf("SELECT floor(stamp / 86400e6)::BIGINT AS day, count(*) FROM sorted WHERE rank = %d AND stamp IS NOT NULL GROUP BY day ORDER BY day", rankOf(record.Track))
	err = s.scan(ctx, query, func(row *sql.Rows) error {
		var day int64
		var d Day
		if err := row.Scan(&day, &d.Rows); err != nil {
			return err
		}
		d.Day = time.Unix(day*24*60*60, 0).UTC()
		days = append(days, d)
		return nil
	})
	return days, err
}

// Events returns the most frequent events, n at most, and how many there are.
func (s *Stage) Events(ctx context.Context, n int) (events []Event, all int64, err error) {
	names := fmt.Sprintf("SELECT event, count(*) AS n, min(stamp) AS first, max(stamp) AS last FROM (SELECT %s AS event, stamp FROM sorted WHERE rank = %d) WHERE event IS NOT NULL GROUP BY event",
		s.shape.kept("event", s.shape.event()), rankOf(record.Track))
	query := fmt.Sprintf("SELECT event, n, first, last, count(*) OVER () FROM (%s) ORDER BY n DESC, event LIMIT %d", names, n)
	err = s.scan(ctx, query, func(row *sql.Rows) error {
		var e Event
		var first, last sql.NullInt64
		if err := row.Scan(&e.Name, &e.Rows, &first, &last, &all); err != nil {
			return err
		}
		e.First, e.Last = instantAt(first), instantAt(last)
		events = append(events, e)
		return nil
	})
	return events, all, err
}

// Span returns the first and the last timestamp of what is sent; zero: there is
// none.
func (s *Stage) Span(ctx context.Context) (first, last time.Time, err error) {
	var from, to sql.NullInt64
	if err := s.db.QueryRowContext(ctx, "SELECT min(stamp), max(stamp) FROM sorted WHERE rank > 0").Scan(&from, &to); err != nil {
		return first, last, sentence(ctx, "the rows cannot be counted", err)
	}
	return instantAt(from), instantAt(to), nil
}

func instantAt(micros sql.NullInt64) time.Time {
	if !micros.Valid {
		return time.Time{}
	}
	return time.UnixMicro(micros.Int64).UTC()
}
