package server

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSQLErrors(t *testing.T) {
	r := startLocal(t, Config{})
	tests := []struct{ sql, code, message string }{
		{"SELEC 1", "sql-error", `syntax error at or near \"SELEC\"`},
		{"SELECT nothing FROM altertable.analytics.events", "sql-error", `Referenced column \"nothing\" not found`},
		{"SELECT * FROM altertable.analytics.event", "sql-error", "Did you mean"},
		{"SELECT 'x'::INTEGER", "sql-error", "Could not convert string 'x' to INT32"},
		{"SELECT error('my own')::VARCHAR", "sql-error", "my own"},
		{"SELECT 1 +", "sql-error", "syntax error at end of input"},
		{"PIVOT altertable.analytics.events ON event", "read-only", "only one SELECT"},
		{"SELECT repeat('x', 10000000000)", "sql-error", ""},
	}
	for _, tt := range tests {
		status, answer := r.ask(tt.sql)
		assert.Equal(t, http.StatusBadRequest, status, tt.sql)
		assert.Contains(t, answer, `{"error":{"code":"`+tt.code+`"`, tt.sql)
		assert.Contains(t, answer, tt.message, tt.sql)
	}
	assert.JSONEq(t, `[[1]]`, r.rows("SELECT 1"))
}

func TestSQLTypes(t *testing.T) {
	r := startLocal(t, Config{})
	tests := []struct{ sql, value, kind string }{
		{"true", "true", "BOOLEAN"},
		{"NULL", "null", "INTEGER"},
		{"9223372036854775807", "9223372036854775807", "BIGINT"},
		{"170141183460469231731687303715884105727", "170141183460469231731687303715884105727", "HUGEINT"},
		{"count(*)", "1", "BIGINT"},
		{"1.50::DECIMAL(9,2)", "1.50", "DECIMAL(9,2)"},
		{"12345678901234567890123456789.123456789::DECIMAL(38,9)", "12345678901234567890123456789.123456789", "DECIMAL(38,9)"},
		{"0.1::FLOAT", "0.1", "FLOAT"},
		{"0.1::DOUBLE", "0.1", "DOUBLE"},
		{"1e300::DOUBLE", "1e+300", "DOUBLE"},
		{"'NaN'::DOUBLE", `"nan"`, "DOUBLE"},
		{"'-inf'::FLOAT", `"-inf"`, "FLOAT"},
		{"'a\"<b>'", `"a\"<b>"`, "VARCHAR"},
		{"'null'", `"null"`, "VARCHAR"},
		{"'1'", `"1"`, "VARCHAR"},
		{"chr(0)", `"\u0000"`, "VARCHAR"},
		{"'\\xAA\\x00b'::BLOB", `"\\xAA\\x00b"`, "BLOB"},
		{"'101'::BIT", `"101"`, "BIT"},
		{"uuid()", `"`, "UUID"},
		{"'a'::ENUM('a', 'b')", `"a"`, "ENUM('a', 'b')"},
		{"DATE '2026-01-02'", `"2026-01-02"`, "DATE"},
		{"TIME '12:30:00'", `"12:30:00"`, "TIME"},
		{"INTERVAL 1 DAY", `"1 day"`, "INTERVAL"},
		{"TIMESTAMP '2026-01-02 12:00:00.5'", `"2026-01-02T12:00:00.5Z"`, "TIMESTAMP"},
		{"TIMESTAMPTZ '2026-01-02 12:00:00.123456+02'", `"2026-01-02T10:00:00.123456Z"`, "TIMESTAMP WITH TIME ZONE"},
		{"TIMESTAMP_NS '2026-01-02 12:00:00.123456789'", `"2026-01-02T12:00:00.123456789Z"`, "TIMESTAMP_NS"},
		{`'{"z": 12345678901234567890, "a": [1.0, null]}'::JSON`, `{"z":12345678901234567890,"a":[1.0,null]}`, "JSON"},
		{"[1, NULL, 3]", "[1,null,3]", "INTEGER[]"},
		{"['2026-01-02'::DATE]", `["2026-01-02"]`, "DATE[]"},
		{"{'a': 1, 'b': ['x']}", `{"a":1,"b":["x"]}`, "STRUCT(a INTEGER, b VARCHAR[])"},
		{"MAP {'k': 1}", `{"k":1}`, "MAP(VARCHAR, INTEGER)"},
		{"union_value(n := 1)", `{"n":1}`, "UNION(n INTEGER)"},
		{"['NaN'::DOUBLE]", `"[NaN]"`, "DOUBLE[]"},
	}
	for _, tt := range tests {
		status, answer := r.ask("SELECT " + tt.sql + " AS \"the column\"")
		require.Equal(t, http.StatusOK, status, answer)
		column, err := json.Marshal(column{"the column", tt.kind})
		require.NoError(t, err)
		assert.Contains(t, answer, `{"columns":[`+string(column)+`],"rows":[[`, tt.sql)
		var body result
		require.NoError(t, json.Unmarshal([]byte(strings.ReplaceAll(answer, `\u003c`, "<")), &body))
		value := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">").Replace(string(body.Rows[0][0]))
		assert.True(t, value == tt.value || tt.sql == "uuid()" && strings.HasPrefix(value, tt.value), "%s: %s", tt.sql, value)
	}
}

func TestSQLShapes(t *testing.T) {
	r := startLocal(t, Config{})
	r.post("/track", `{"environment":"production","event":"e","distinct_id":"u","properties":{"n":1},"timestamp":"2026-01-02T12:00:00Z"}`)
	for sql, want := range map[string]string{
		"SELECT 1 AS a, 2 AS a":                                                              `[[1,2]]`,
		"VALUES (1), (2)":                                                                    `[[1],[2]]`,
		"FROM range(2) ORDER BY 1 DESC -- and a comment":                                     `[[1],[0]]`,
		"/* first */ SELECT 'it''s; here' ; -- last;":                                        `[["it's; here"]]`,
		"SHOW TABLES":                                                                        `[["events"],["identities"]]`,
		"SELECT event FROM analytics.events":                                                 `[["e"]]`,
		"SELECT event FROM events":                                                           `[["e"]]`,
		"SELECT date_trunc('month', timestamp) FROM events":                                  `[["2026-01-01T00:00:00Z"]]`,
		"SELECT strftime(timestamp, '%d.%m.'), hour(timestamp) FROM events":                  `[["02.01.",12]]`,
		"SELECT count(*) FROM events WHERE timestamp > now() + INTERVAL 1 DAY":               `[[0]]`,
		"SELECT time_bucket(INTERVAL '1 day', timestamp), count(*) FROM events GROUP BY ALL": `[["2026-01-02T00:00:00Z",1]]`,
		"SELECT timestamp = '2026-01-02 12:00:00Z' FROM events":                              `[[true]]`,
		"SELECT (properties->>'n')::INTEGER + 1 FROM events":                                 `[[2]]`,
		"SELECT key FROM events, json_each(properties)":                                      `[["n"]]`,
		"PIVOT events ON event IN ('e') USING count(*) GROUP BY environment":                 `[["production",1]]`,
		"SELECT * FROM events WHERE false":                                                   `[]`,
	} {
		assert.JSONEq(t, want, r.rows(sql), sql)
	}
	assert.Contains(t, r.rows("DESCRIBE events"), `"identity_traits","JSON"`)
	assert.Contains(t, r.rows("SUMMARIZE events"), `"distinct_id"`)
	assert.Contains(t, r.rows("explain analyze SELECT 1"), "Total Time")
	assert.Contains(t, r.rows("EXPLAIN SELECT 1"), "physical_plan")
}

func TestSQLLimits(t *testing.T) {
	r := startLocal(t, Config{})
	r.database.timeout = time.Minute // this is not about it
	var found result
	status, answer := r.ask("SELECT range FROM range(10001) ORDER BY range DESC")
	require.Equal(t, http.StatusOK, status)
	require.NoError(t, json.Unmarshal([]byte(answer), &found))
	assert.True(t, found.Truncated)
	assert.Len(t, found.Rows, 10_000)
	assert.Equal(t, "10000", string(found.Rows[0][0]))

	status, answer = r.ask("FROM range(10000)")
	require.Equal(t, http.StatusOK, status)
	assert.Contains(t, answer, `"truncated":false`)

	status, answer = r.ask("SELECT repeat('x', 1000000) FROM range(200)")
	require.Equal(t, http.StatusOK, status)
	assert.Less(t, len(answer), 40<<20)
	assert.Contains(t, answer[len(answer)-100:], `"truncated":true`)

	status, answer = r.ask("SELECT '" + strings.Repeat("x", 300<<10) + "'")
	assert.Equal(t, http.StatusRequestEntityTooLarge, status)
	assert.Contains(t, answer, `"too-large"`)
}

func TestSQLTakesNoLongerThanItMay(t *testing.T) {
	r := startLocal(t, Config{})
	r.database.timeout = 50 * time.Millisecond
	status, answer := r.ask("SELECT count(*) FROM range(100000000) a, range(100000000) b WHERE hash(a.range, b.range) = 1")
	assert.Equal(t, http.StatusBadRequest, status)
	assert.Contains(t, answer, `{"error":{"code":"timeout","message":"the query took longer than 50ms"}}`)
	r.database.timeout = queryTimeout
	assert.JSONEq(t, `[[1]]`, r.rows("SELECT 1"))
}

// A query that is cancelled at any moment leaves nothing to the next one.
func TestSQLCancelledAtAnyMoment(t *testing.T) {
	s, err := openStore("", false)
	require.NoError(t, err)
	defer func() { assert.NoError(t, s.close()) }()
	for n := range 1500 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(n%500)*5*time.Microsecond)
		_, _ = s.query(ctx, "SELECT count(*) FROM range(100000000) a, range(100000000) b WHERE hash(a.range, b.range) = 1")
		cancel()
		_, err := s.query(t.Context(), "SELECT 1")
		require.NoError(t, err, n)
	}
}
