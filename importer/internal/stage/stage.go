// Package stage brings the rows of a source into the order of sending.
//
// It takes the result of a SELECT over the table source. Columns have their
// meaning by name, in any case:
//
//	event, distinct_id, anonymous_id, device_id, new_user_id, environment
//	timestamp    a TIMESTAMP, a DATE, ISO 8601 text, or a number of seconds,
//	             milliseconds, microseconds or nanoseconds since 1970
//	properties   JSON text, a MAP or a STRUCT; for a track
//	traits       the same; for an identify
//	endpoint     track, identify or alias; where it is NULL, Options.As
//	_row, _file  where the row is from; without _row, its number in the result
//	_json        an object whose members are further columns
//	_message     a message as it is sent: the other columns say when and who
//	_reason      why this row is refused, if not NULL
//	_raw         the text of a refused row, for the file of rejects
//
// All others become properties or traits.
//
// Build makes the table sorted: describe.go asks DuckDB for the columns, guess.go
// finds the endpoint, numbers.go the columns of text that have numbers, and
// sort.go writes the SQL, with members.go for what is in JSON, instant.go for
// timestamps and types.go for values. moves.go looks at the identifies again.
//
// Read takes the table apart: chunks.go says how many rows are read at a time,
// mapchunk.go makes their messages, and read.go keeps them in order.
package stage

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
	"github.com/altertable-ai/altertable-go/importer/internal/message"
	"github.com/altertable-ai/altertable-go/importer/internal/record"
	"github.com/altertable-ai/altertable-go/importer/internal/source"
)

// Options are what the command line says about the mapping.
type Options struct {
	Mapping     string          // a SELECT over the table source; empty: all of it
	As          string          // track, identify, alias; empty: guessed by the columns
	Only        map[string]bool // endpoints that are imported; nil: all
	Since       time.Time       // rows with an earlier timestamp are left out; zero: none
	Until       time.Time       // rows at or after it are left out; zero: none
	TraitsNow   bool            // identifies have no timestamp: they get that of sending
	Environment string          // of rows that name none
	Enqueued    bool            // the messages are handed to Enqueue; see message.Options

	keep bool // the tables source and torn stay, for tests; else their space is used again
}

// A Stage has all rows in the order of sending: the rows that are refused already,
// identifies, aliases, tracks, each by timestamp, and last those without. Its
// methods may be called by one goroutine at a time.
type Stage struct {
	As         string           // the endpoint of rows that name none, "" if all do
	Guessed    bool             // As was guessed
	Because    string           // of which column
	Columns    []message.Column // of the mapping
	Messages   int64            // positions
	SourceRows int64            // rows of the source, the torn ones included
	LeftOut    int64            // rows that Only, Since and Until leave out
	Endpoints  map[string]int64 // positions of each endpoint; "" has those of refused rows
	Moved      int64            // identifies at the same instant as another of the person, moved by microseconds
	Engine     string           // version of DuckDB: another one may give other digests

	db     *duck.DB
	shape  *shape
	mapper *message.Mapper
	blocks []int64 // bytes of each blockRows rows

	chunkBytes int64
}

// Build sorts the result of the mapping. Errors are sentences: which column is
// missing and which there are, what is wrong with the SQL, where there is not
// enough room.
func Build(ctx context.Context, db *duck.DB, s *source.Source, o Options) (*Stage, error) {
	st := &Stage{db: db, Endpoints: map[string]int64{}, chunkBytes: chunkBytes}
	if err := db.QueryRowContext(ctx, "SELECT version()").Scan(&st.Engine); err != nil {
		return nil, sentence(ctx, "DuckDB does not answer", err)
	}
	sh, err := describe(ctx, db, s, o)
	if err != nil {
		return nil, err
	}
	if st.As, st.Because, err = sh.endpointOf(ctx, db, s, o.As); err != nil {
		return nil, err
	}
	if s.Text {
		if err := sh.findNumbers(ctx, db); err != nil {
			return nil, err
		}
	}
	sh.as, st.Guessed, st.shape = st.As, st.Because != "", sh
	sh.setRead()
	st.Columns = sh.columns
	if err := st.sort(ctx, o); err != nil {
		return nil, err
	}
	st.mapper = message.New(sh.read, message.Options{As: st.As, Environment: o.Environment, TraitsNow: o.TraitsNow, Enqueued: o.Enqueued})
	return st, nil
}

// sort makes the table sorted, and looks at what it has become.
func (s *Stage) sort(ctx context.Context, o Options) error {
	var torn, rows int64
	err := s.db.QueryRowContext(ctx, "SELECT (SELECT count(*) FROM torn), (SELECT count(*) FROM source)").Scan(&torn, &rows)
	if err != nil {
		return sentence(ctx, "the source was not loaded", err)
	}
	s.SourceRows = torn + rows
	if err := s.reserve(ctx, s.SourceRows); err != nil {
		return err
	}
	err = s.db.Large(ctx, func() error {
		_, err := s.db.ExecContext(ctx, s.shape.sortSQL(o, torn > 0))
		return err
	})
	if err != nil {
		return s.shape.sentence(ctx, "the rows cannot be sorted", err)
	}
	if err := s.count(ctx, o, torn); err != nil {
		return err
	}
	if !o.keep {
		if err := s.dropSource(ctx); err != nil {
			return err
		}
	}
	if !o.TraitsNow {
		if err := s.move(ctx, o.Environment); err != nil {
			return err
		}
	}
	return s.measure(ctx)
}

// dropSource removes all tables and views except the sorted one.
func (s *Stage) dropSource(ctx context.Context) error {
	const drops = `SELECT 'DROP ' || CASE WHEN table_type = 'VIEW' THEN 'VIEW' ELSE 'TABLE' END || ' ' || format('"{}"', replace(table_name, '"', '""'))
		FROM information_schema.tables
		WHERE table_catalog = current_database() AND table_schema = current_schema() AND table_name <> 'sorted'
		ORDER BY table_type = 'VIEW' DESC`
	statements, err := duck.Texts(ctx, s.db, drops)
	if err == nil {
		_, err = s.db.ExecContext(ctx, strings.Join(statements, "; "))
	}
	if err != nil {
		return sentence(ctx, "the copy of the source cannot be removed", err)
	}
	return nil
}

// count fills in how many rows there are of what.
func (s *Stage) count(ctx context.Context, o Options, torn int64) error {
	rows, err := s.db.QueryContext(ctx, "SELECT rank, count(*) FROM sorted GROUP BY rank")
	if err != nil {
		return sentence(ctx, "the rows cannot be counted", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var rank, n int64
		if err := rows.Scan(&rank, &n); err != nil {
			return sentence(ctx, "the rows cannot be counted", err)
		}
		s.Endpoints[endpoints[rank]] = n
		s.Messages += n
	}
	if err := rows.Err(); err != nil {
		return sentence(ctx, "the rows cannot be counted", err)
	}
	if o.Only == nil && o.Since.IsZero() && o.Until.IsZero() {
		return nil
	}
	var all int64
	if err := s.db.QueryRowContext(ctx, "SELECT count(*) FROM "+s.shape.from()).Scan(&all); err != nil {
		return s.shape.sentence(ctx, "the rows cannot be counted", err)
	}
	s.LeftOut = max(0, all+torn-s.Messages)
	return nil
}

// endpoints are the values of the column rank: the order of sending.
var endpoints = []string{"", record.Identify, record.Alias, record.Track}

func rankOf(endpoint string) int {
	for rank, e := range endpoints {
		if e == endpoint {
			return rank
		}
	}
	return 0
}

// sentence makes one of an error of DuckDB, except where the caller ended ctx. Rows
// may have been read.
func sentence(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return fmt.Errorf("%s: %w", what, duck.Failed(err, ""))
}

// sentence is that for a statement that runs the mapping. Where a value is at fault,
// the SQL of the mapping is what has to be mended.
func (sh *shape) sentence(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil || sh.written == "" {
		return sentence(ctx, what, err)
	}
	if duck.IsOfValues(err) {
		what = theMapping
	}
	return fmt.Errorf("%s: %w", what, duck.Failed(err, sh.written))
}

const theMapping = "the SQL of the mapping"
