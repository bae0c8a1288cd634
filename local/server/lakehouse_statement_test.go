package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A statement that is written by DuckDB, and stands in another, means the same.
func TestCanonical(t *testing.T) {
	r := startLocal(t, Config{})
	r.post("/track", `{"environment":"production","event":"e","distinct_id":"u","properties":{"n":1, "it's": "x"},"timestamp":"2026-01-02T12:00:00Z"}`)
	for _, sql := range []string{
		`SELECT 1 AS a, 'x' AS "b c"`,
		`VALUES (1), (2)`,
		`FROM range(20) ORDER BY 1 DESC -- and a comment`,
		`/* first */ SELECT 'it''s; here' ; -- last;`,
		`SELECT $$it's; a$$;;`,
		`SELECT E'\'x;'`,
		`SELECT event FROM analytics.events`,
		`SELECT date_trunc('month', timestamp) FROM events`,
		`SELECT time_bucket(INTERVAL '1 day', timestamp), count(*) FROM events GROUP BY ALL`,
		`SELECT (properties->>'n')::INTEGER + 1, properties->>'$."it''s"' FROM events`,
		`SELECT key FROM events, json_each(properties)`,
		`WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT * FROM t ORDER BY n`,
		`SELECT list_transform([1, 2], x -> x + 1), {'a': 1}, MAP {'k': 1}`,
		`SELECT * EXCLUDE (event) FROM events`,
		`SELECT range, row_number() OVER (ORDER BY range DESC) FROM range(5) QUALIFY range > 1 ORDER BY 1 LIMIT 2 OFFSET 1`,
		`SELECT DISTINCT ON (range % 2) range FROM range(9) ORDER BY range`,
		`SELECT CASE WHEN 1.5::DECIMAL(9,2) > 1 THEN 'a' END, TIMESTAMPTZ '2026-01-02 12:00:00+02', DATE '2026-01-02'`,
		`SHOW TABLES`, `DESCRIBE events`, `SUMMARIZE events`,
		`PIVOT events ON event IN ('e') USING count(*) GROUP BY environment`,
		identitiesQuery, eventsQuery,
	} {
		written := canonical(t.Context(), r.database, sql)
		if !assert.NotEmpty(t, written, sql) {
			continue
		}
		status, answer := r.ask("SELECT * FROM (" + written + ")")
		require.Equal(t, 200, status, answer)
		assert.JSONEq(t, r.rows(sql), r.rows("SELECT * FROM ("+written+")"), sql+"\n"+written)
	}
}

func TestCanonicalOfWhatIsNotOneSelect(t *testing.T) {
	r := startLocal(t, Config{})
	for _, sql := range []string{
		``, `;`, `SELEC 1`, `SELECT 1; SELECT 2`, `EXPLAIN SELECT 1`, `DROP VIEW events`, `SELECT 1) UNION ALL (SELECT 2`, `'`, `SELECT 1 --` + "\n)",
	} {
		assert.Empty(t, canonical(t.Context(), r.database, sql), sql)
	}
}

func TestStatementWindow(t *testing.T) {
	r := startLocal(t, Config{})
	const descending = "FROM range(30000) ORDER BY range DESC; -- all"
	for _, tt := range []struct {
		sql           string
		limit, offset any
		first, last   string
		rows          int
		cut           bool
	}{
		{descending, nil, nil, "29999", "20000", 10_000, true},
		{descending, nil, 0, "29999", "20000", 10_000, true},
		{descending, 0, nil, "", "", 0, false},
		{descending, 1, nil, "29999", "29999", 1, false},
		{descending, 10_000, nil, "29999", "20000", 10_000, false},
		{descending, 10_001, nil, "29999", "20000", 10_000, true},
		{descending, 10, 5, "29994", "29985", 10, false},
		{descending, 10_000, 15_000, "14999", "5000", 10_000, false},
		{descending, nil, 15_000, "14999", "5000", 10_000, true},
		{descending, nil, 20_000, "9999", "0", 10_000, false},
		{descending, 10_000, 29_999, "0", "0", 1, false},
		{descending, 5, 30_000, "", "", 0, false},
		{descending, 9223372036854775807, 9223372036854775807, "", "", 0, false},
		{"EXPLAIN SELECT 1", 1, 1, "", "", 0, false},
		{"VALUES (1), (2), (3)", nil, 1, "2", "3", 2, false},
		{"SELECT 7 AS a, 8 AS a", nil, 1, "", "", 0, false},
	} {
		lines := r.statement(tt.sql, map[string]any{"limit": tt.limit, "offset": tt.offset})
		name := fmt.Sprint(tt.sql, tt.limit, tt.offset)
		metadata, err := json.Marshal([]any{tt.limit, tt.offset})
		require.NoError(t, err)
		limit, offset, _ := strings.Cut(string(metadata[1:len(metadata)-1]), ",")
		assert.Contains(t, lines[0], `"rows_limit":`+limit+`,"rows_offset":`+offset+`,`, name)
		assert.Equal(t, tt.cut, strings.HasPrefix(lines[len(lines)-1], `{"error":"there are more rows`), name)
		if tt.cut {
			lines = lines[:len(lines)-1]
		}
		require.Len(t, lines, 2+tt.rows, name)
		if tt.rows > 0 {
			assert.Equal(t, "["+tt.first+"]\n", lines[2], name)
			assert.Equal(t, "["+tt.last+"]\n", lines[len(lines)-1], name)
		}
	}
}

func TestStatementOptions(t *testing.T) {
	r := startLocal(t, Config{})
	for _, tt := range []struct {
		members string
		refused string // or empty, or after an exclamation mark the query's error
	}{
		{`"catalog": "altertable"`, ""}, {`"catalog": "Altertable", "schema": "ANALYTICS"`, ""},
		{`"catalog": "memory"`, "!no catalog other than altertable"}, {`"schema": "main"`, "!no schema other than analytics"},
		{`"catalog": 1`, "catalog must be a string"},
		{`"dialect": "duckdb"`, ""}, {`"dialect": "DuckDB"`, ""}, {`"dialect": "snowflake"`, "!no dialect other than duckdb"},
		{`"timezone": "UTC"`, ""}, {`"timezone": "Europe/Berlin"`, "!no timezone other than UTC"},
		{`"format": "default"`, ""}, {`"format": "jsonl"`, "no format other than default"},
		{`"format": "csv"`, "no format"}, {`"format": "parquet"`, "no format"}, {`"format": ["default"]`, "format must be a string"},
		{`"limit": -1`, "limit must be a whole number"}, {`"limit": 1.0`, "limit must"}, {`"limit": 1e3`, "limit must"}, {`"limit": "1"`, "limit must"},
		{`"limit": 9223372036854775808`, "limit must"}, {`"offset": -1`, "offset must"}, {`"offset": true`, "offset must"}, {`"offset": 00`, "not a JSON"},
		{`"requested_by": "me", "visible": false, "sanitize": true, "cache": true, "ephemeral": true, "compute_size": "XS"`, ""},
		{`"requested_by": 1`, "requested_by must"}, {`"visible": 1`, "visible must be true or false"}, {`"compute_size": 1`, "compute_size must"},
		{`"session_id": 1`, "session_id must"}, {`"query_id": {}`, "query_id must"},
		{`"catalog": null, "schema": null, "limit": null, "offset": null, "session_id": null, "query_id": null, "format": null, "visible": null, "timezone": null`, ""},
		{`"unknown": {"x": [1]}, "": 1`, ""},
	} {
		status, lines := r.lines(`{"statement": "SELECT 1", ` + tt.members + `}`)
		if tt.refused == "" {
			assert.Equal(t, http.StatusOK, status, tt.members)
			assert.Equal(t, "[1]\n", lines[2], tt.members)
			continue
		}
		if message, ok := strings.CutPrefix(tt.refused, "!"); ok {
			assert.Equal(t, http.StatusOK, status, tt.members)
			require.Len(t, lines, 3)
			assert.Contains(t, lines[0], `"statement":"SELECT 1"`)
			assert.Equal(t, `{"error":"altertable-local has `+message+`"}`+"\n", lines[1])
			continue
		}
		assert.Equal(t, http.StatusBadRequest, status, tt.members)
		require.Len(t, lines, 1)
		assert.Contains(t, lines[0], tt.refused)
	}
}

func TestStatementIDs(t *testing.T) {
	r := startLocal(t, Config{})
	const given = "019f1d9b-84fd-7d11-b66e-a2aeaffcee8c"
	m := metadataOf(t, r.statement("SELECT 1", map[string]any{"session_id": given, "query_id": strings.ToUpper(given)})[0])
	assert.Equal(t, given, m["session_id"])
	assert.Equal(t, given, m["query_id"])

	m = metadataOf(t, r.statement("SELECT 1", map[string]any{"session_id": "my session", "query_id": "my query"})[0])
	assert.Equal(t, "my session", m["session_id"])
	assert.Regexp(t, "^"+anUUID+"$", m["query_id"], "another, as at the platform's mock server")

	seen := map[any]bool{}
	for range 20 {
		m = metadataOf(t, r.statement("SELECT 1", nil)[0])
		seen[m["session_id"]], seen[m["query_id"]] = true, true
	}
	assert.Len(t, seen, 40)
}
