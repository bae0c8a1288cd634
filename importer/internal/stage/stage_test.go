package stage

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
	"github.com/altertable-ai/altertable-go/importer/internal/record"
	"github.com/altertable-ai/altertable-go/importer/internal/source"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// openSource returns a database with the table source, the result of query, and
// an empty table torn.
func openSource(t testing.TB, query string) *duck.DB {
	t.Helper()
	db := open(t)
	setSource(t, db, query)
	return db
}

func open(t testing.TB) *duck.DB {
	t.Helper()
	db, err := duck.Open(context.Background(), t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// setSource replaces what is in the database.
func setSource(t testing.TB, db *duck.DB, query string) {
	t.Helper()
	exec(t, db, `DROP TABLE IF EXISTS sorted; DROP TABLE IF EXISTS moves;
		CREATE OR REPLACE TABLE torn (row BIGINT, file VARCHAR, line VARCHAR, reason VARCHAR);
		CREATE OR REPLACE TABLE source AS `+query)
}

func exec(t testing.TB, db *duck.DB, statement string) {
	t.Helper()
	_, err := db.Exec(statement)
	require.NoError(t, err)
}

// build stages a source whose name is data.csv.
func build(t testing.TB, query string, o Options) *Stage {
	t.Helper()
	return buildIn(t, openSource(t, query), o)
}

// buildNext stages another source in a database.
func buildNext(t testing.TB, db *duck.DB, query string, o Options) *Stage {
	t.Helper()
	setSource(t, db, query)
	return buildIn(t, db, o)
}

func buildIn(t testing.TB, db *duck.DB, o Options) *Stage {
	t.Helper()
	s, err := Build(context.Background(), db, &source.Source{Name: "data.csv", Path: "data.csv"}, o)
	require.NoError(t, err)
	return s
}

// read returns all rows from a position on.
func read(t testing.TB, s *Stage, position int64) []record.Row {
	t.Helper()
	var all []record.Row
	require.NoError(t, s.Read(context.Background(), position, func(rows []record.Row) error {
		for _, row := range rows {
			require.Equal(t, position+int64(len(all)), row.Position)
			all = append(all, row)
		}
		return nil
	}))
	return all
}

// values is a SELECT of rows with these columns.
func values(columns, rows string) string {
	return fmt.Sprintf("SELECT row_number() OVER () AS _row, * FROM (VALUES %s) AS v(%s)", rows, columns)
}

func TestATrackIsRead(t *testing.T) {
	s := build(t, values("event, distinct_id, timestamp, plan", "('signed_up', 'u1', '2026-01-02T03:04:05Z', 'pro')"), Options{})
	rows := read(t, s, 0)
	require.Len(t, rows, 1)
	row := rows[0]
	require.Empty(t, row.Reason)
	require.Equal(t, record.Track, row.Endpoint)
	require.Equal(t, int64(1), row.Number)
	require.Contains(t, string(row.Message), `"timestamp":"2026-01-02T03:04:05`)
	require.Contains(t, string(row.Message), `"plan":"pro"`)
	require.Equal(t, int64(1), s.Messages)
	require.Equal(t, "event", s.Because)
}
