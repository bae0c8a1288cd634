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
package stage

import (
	"context"
	"errors"
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
}

// A Stage has all rows in the order of sending: identifies, aliases, tracks, each
// by timestamp. Its methods may be called by one goroutine at a time.
type Stage struct {
	As        string           // the endpoint of rows that name none, "" if all do
	Guessed   bool             // As was guessed
	Because   string           // of which column
	Columns   []message.Column // of the mapping
	Rows      int64            // positions
	Source    int64            // rows of the source, the torn ones included
	LeftOut   int64            // rows that Only, Since and Until leave out
	Endpoints map[string]int64 // positions of each endpoint
	Moved     int64            // identifies at the same instant as another of the person, moved by microseconds
}

// Build sorts the result of the mapping. Errors are sentences: which column is
// missing and which there are, what is wrong with the SQL, where there is not
// enough room.
func Build(ctx context.Context, db *duck.DB, s *source.Source, o Options) (*Stage, error) {
	return nil, errors.New("not built")
}

// Read gives yield the rows from position on, in order, in chunks; it makes the
// messages of some chunks ahead. It ends with yield's error, if there is one.
func (s *Stage) Read(ctx context.Context, position int64, yield func([]record.Row) error) error {
	return errors.New("not built")
}

// Digest identifies the rows before a position, and their order.
func (s *Stage) Digest(ctx context.Context, position int64) (string, error) {
	return "", errors.New("not built")
}
