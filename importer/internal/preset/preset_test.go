package preset_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
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
	q, err := preset.SQL(name, preset.Source{JSON: json, Columns: columns(t, db, "source")})
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

// mappedLines is the result of a preset over lines.
func mappedLines(t *testing.T, name string, lines ...string) []row {
	t.Helper()
	db := open(t)
	run(t, db, "CREATE TABLE source (_row BIGINT, _json VARCHAR)")
	for i, line := range lines {
		_, err := db.Exec("INSERT INTO source VALUES (?, ?)", i+1, line)
		require.NoError(t, err)
	}
	return mapped(t, db, name, true)
}

// requireReasons maps lines that are refused. What is kept of one is the line.
func requireReasons(t *testing.T, name string, reasons map[string]string) {
	t.Helper()
	for line, reason := range reasons {
		got := mappedLines(t, name, line)
		require.Len(t, got, 1, line)
		require.Equal(t, reason, got[0]["_reason"], line)
		require.Equal(t, line, got[0]["_raw"])
	}
}

// requireLines maps a fixture, and compares row by row. A refused row has the
// line as it is.
func requireLines(t *testing.T, name, fixture string, want []row) {
	t.Helper()
	db := open(t)
	lines(t, db, fixture)
	text := map[string]string{}
	for _, r := range result(t, db, "SELECT _row, _json FROM source") {
		text[r["_row"]] = r["_json"]
	}
	got := mapped(t, db, name, true)
	for i, r := range got {
		if r["_reason"] != "" {
			require.Equal(t, text[r["_row"]], r["_raw"])
		}
		delete(r, "_raw")
		require.Less(t, i, len(want), "a row too many: %v", r)
		require.Equal(t, want[i], r)
	}
	require.Len(t, got, len(want))
}

func TestSQLNamesThePresets(t *testing.T) {
	_, err := preset.SQL("heap", preset.Source{JSON: true})
	require.EqualError(t, err, `there is no preset "heap"; there are amplitude, mixpanel, posthog, rudderstack, segment`)

	var names []string
	for _, p := range preset.All() {
		names = append(names, p.Name)
		require.NotEmpty(t, p.Doc)
	}
	require.Equal(t, []string{"amplitude", "mixpanel", "posthog", "rudderstack", "segment"}, names)
}

func TestSQLNamesTheColumnsThatAreMissing(t *testing.T) {
	const columns = "; the source has the columns a, b. presets.md says which exports it reads, and has queries for others"
	for name, want := range map[string]string{
		"amplitude":   "the preset amplitude needs the columns event_type, event_time",
		"mixpanel":    "the preset mixpanel needs the columns event, properties; or $distinct_id, $properties",
		"posthog":     "the preset posthog needs the columns event, distinct_id, timestamp; or person_id, distinct_id, properties",
		"rudderstack": "the preset rudderstack needs the columns type, userId; or type, anonymousId; or id, user_id and received_at of a warehouse table",
		"segment":     "the preset segment needs the columns type, userId; or type, anonymousId; or id, user_id and received_at of a warehouse table",
	} {
		_, err := preset.SQL(name, preset.Source{Columns: []string{"_row", "a", "b"}})
		require.EqualError(t, err, want+columns)
	}
}

func TestSQLNamesTheOtherPreset(t *testing.T) {
	_, err := preset.SQL("mixpanel", preset.Source{Columns: []string{"_row", "AMPLITUDE_ID", "EVENT_TYPE"}})
	require.EqualError(t, err, "the preset mixpanel needs the columns event, properties; or $distinct_id, $properties; "+
		"the source has the columns AMPLITUDE_ID, EVENT_TYPE. They look like an export for -preset amplitude")
}

// Members that are columns of their own would be lost.
func TestFlattenedColumnsAreRefused(t *testing.T) {
	for name, columns := range map[string][]string{
		"posthog": {"_row", "event", "distinct_id", "timestamp", "Properties.plan"},
		"segment": {"_row", "type", "userId", "event", "traits", "context", "Properties.plan"},
	} {
		_, err := preset.SQL(name, preset.Source{Columns: columns})
		require.EqualError(t, err, "the column Properties.plan is a part of an object, and the preset "+name+" needs the whole object: presets.md has a query for such a file")
	}
	_, err := preset.SQL("posthog", preset.Source{Columns: []string{"_row", "event", "distinct_id", "timestamp", "properties", "properties.plan"}})
	require.NoError(t, err)
}

// What is no export of the tool must not end the query, and each row must be
// seen again: sent, or refused.
func TestEveryRowComesThrough(t *testing.T) {
	for _, p := range preset.All() {
		t.Run(p.Name, func(t *testing.T) {
			db := open(t)
			run(t, db, "CREATE TABLE source (_row BIGINT, _json VARCHAR)")
			require.Empty(t, mapped(t, db, p.Name, true))

			for i, line := range odd {
				_, err := db.Exec("INSERT INTO source VALUES (?, ?)", i+1, line)
				require.NoError(t, err)
			}
			seen := map[string]bool{}
			for _, r := range mapped(t, db, p.Name, true) {
				seen[r["_row"]] = true
				require.True(t, r["endpoint"] != "" || r["_reason"] != "", "row %v", r)
			}
			require.Len(t, seen, len(odd))
		})
	}
}

// odd are lines that no tool should write.
var odd = []any{
	nil, "", " ", "null", "1", `"text"`, "[]", "{", "{}", "\t {}", `{"a":NaN,}`, `{"a":"\ud800"}`,
	`{"type":{},"event":[],"userId":{"a":1},"properties":[1],"context":"text","timestamp":[]}`,
	`{"type":"track","event":"e","userId":true,"properties":"{","traits":"[","context":[]}`,
	`{"event":"e","distinct_id":{},"properties":"{","person_properties":"{","timestamp":1e999}`,
	`{"event":"$identify","distinct_id":"u_42","properties":{"$set":"text","$set_once":[1]},"person_properties":[]}`,
	`{"event":"$merge","properties":{"time":-1e300,"$distinct_ids":"text","$device_id":{}}}`,
	`{"event":"$merge","properties":{"time":"infinity","$distinct_ids":[]}}`,
	`{"event":"e","properties":{"time":"nan","$user_id":"","$device_id":""}}`,
	`{"$distinct_id":{},"$properties":"{"}`,
	`{"event_type":"$identify","user_properties":{"$set":1,"$setOnce":"x"},"event_time":"never","session_id":"x"}`,
	`{"event_type":"e","user_id":"u_42","user_properties":"{\"$set\"","event_properties":[]}`,
	`{"event":"e","event":"f","event_type":"e","event_type":"f","type":"track","type":"page"}`,
}
