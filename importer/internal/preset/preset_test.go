package preset_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/duckdb/duckdb-go/v2"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/importer/internal/preset"
)

// A row has the columns of a result that are not NULL, as text.
type row map[string]string

func open(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open("duckdb", "")
	require.NoError(t, err)
	t.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1)
	run(t, db, "SET TimeZone = 'UTC'")
	return db
}

func run(t *testing.T, db *sql.DB, q string) {
	t.Helper()
	_, err := db.Exec(q)
	require.NoError(t, err, q)
}

// lines makes the table source of the lines of a fixture.
func lines(t *testing.T, db *sql.DB, fixture string) {
	t.Helper()
	run(t, db, fmt.Sprintf(`CREATE OR REPLACE TABLE source AS SELECT row_number() OVER () AS _row, line AS _json
		FROM read_csv('%s', columns = {'line': 'VARCHAR'}, delim = chr(1), quote = '', escape = '', header = false, auto_detect = false)`,
		filepath.Join("..", "..", "testdata", fixture)))
}

// mapped is the result of a preset over source, an identify before the event of
// the same row.
func mapped(t *testing.T, db *sql.DB, name string, json bool) []row {
	t.Helper()
	q, err := preset.SQL(name, json, columns(t, db, "source"))
	require.NoError(t, err)
	// As -print-sql has it: the mapping stands in another statement.
	return result(t, db, "SELECT * FROM (\n"+q+"\n) ORDER BY _file, _row, endpoint")
}

func columns(t *testing.T, db *sql.DB, table string) []string {
	t.Helper()
	rows, err := db.Query("SELECT * FROM " + table + " LIMIT 0")
	require.NoError(t, err)
	defer rows.Close()
	names, err := rows.Columns()
	require.NoError(t, err)
	return names
}

func result(t *testing.T, db *sql.DB, q string) []row {
	t.Helper()
	rows, err := db.Query("SELECT COLUMNS(*)::VARCHAR FROM (" + q + "\n)")
	require.NoError(t, err)
	defer rows.Close()
	names, err := rows.Columns()
	require.NoError(t, err)
	var all []row
	for rows.Next() {
		values := make([]sql.NullString, len(names))
		into := make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		require.NoError(t, rows.Scan(into...))
		r := row{}
		for i, v := range values {
			if v.Valid {
				r[names[i]] = v.String
			}
		}
		all = append(all, r)
	}
	require.NoError(t, rows.Err())
	return all
}

func TestDump(t *testing.T) {
	for _, f := range []string{"segment/calls.ndjson", "rudderstack/calls.ndjson", "posthog/events.ndjson", "posthog/persons.ndjson", "mixpanel/events.ndjson", "mixpanel/profiles.ndjson", "amplitude/events.ndjson"} {
		db := open(t)
		lines(t, db, f)
		fmt.Fprintln(os.Stderr, "==", f)
		for _, r := range mapped(t, db, strings.Split(f, "/")[0], true) {
			fmt.Fprintf(os.Stderr, "%v\n", r)
		}
	}
}
