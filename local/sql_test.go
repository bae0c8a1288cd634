package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSQLOnlyReads(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret.csv")
	require.NoError(t, os.WriteFile(secret, []byte("password\nhunter2\n"), 0o600))
	r := startLocal(t, config{data: filepath.Join(dir, "data.duckdb")})
	r.post("/track", `{"environment":"production","event":"e","distinct_id":"u","properties":{}}`)
	const untouched = `SELECT (SELECT count(*) FROM altertable.analytics.events), (SELECT count(*) FROM duckdb_tables()), current_setting('memory_limit')`
	before := r.rows(untouched)

	for _, sql := range []string{
		`INSERT INTO altertable.store.ids VALUES ('a', 'b', 'c', 1)`,
		`INSERT INTO altertable.analytics.events SELECT * FROM altertable.analytics.events`,
		`UPDATE altertable.store.events SET event = 'x'`,
		`DELETE FROM altertable.store.events`,
		`TRUNCATE altertable.store.events`,
		`MERGE INTO altertable.store.ids USING altertable.store.ids AS other ON true WHEN MATCHED THEN DELETE`,
		`DROP VIEW altertable.analytics.events`,
		`ALTER TABLE altertable.store.events ADD COLUMN x INTEGER`,
		`CREATE TABLE altertable.analytics.t (x INTEGER)`,
		`CREATE TEMP TABLE t AS SELECT 1`,
		`CREATE OR REPLACE MACRO f() AS 1`,
		`CREATE SECRET (TYPE s3)`,
		`WITH t AS (INSERT INTO altertable.store.format VALUES (2) RETURNING *) SELECT * FROM t`,
		`ATTACH '` + secret + `' AS other`, `ATTACH ':memory:' AS other`, `DETACH altertable`,
		`COPY altertable.analytics.events TO '` + dir + `/out.csv'`,
		`COPY altertable.store.events FROM '` + secret + `'`,
		`EXPORT DATABASE '` + dir + `/out'`, `IMPORT DATABASE '` + dir + `'`,
		`SELECT * FROM read_csv('` + secret + `')`, `SELECT * FROM READ_CSV_AUTO('` + secret + `')`,
		`SELECT * FROM read_text('` + secret + `')`, `SELECT * FROM read_blob('` + secret + `')`,
		`SELECT * FROM read_json('` + secret + `')`, `SELECT * FROM read_parquet('` + secret + `')`,
		`SELECT * FROM sniff_csv('` + secret + `')`, `SELECT * FROM glob('/*')`, `SELECT * FROM read_duckdb('` + secret + `')`,
		`SELECT * FROM '` + secret + `'`, `SELECT * FROM '/etc/passwd'`, `FROM "` + secret + `"`,
		`SELECT (SELECT content FROM read_text('` + secret + `'))`,
		`WITH t AS (FROM read_text('` + secret + `')) SELECT * FROM t`,
		`SELECT 1 UNION ALL SELECT size FROM read_text('` + secret + `')`,
		`DESCRIBE SELECT * FROM read_csv('` + secret + `')`, `SUMMARIZE '` + secret + `'`,
		`FROM query('SELECT * FROM read_text(''` + secret + `'')')`, `FROM query_table('` + secret + `')`,
		`FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))`,
		`EXPLAIN ANALYZE INSERT INTO altertable.store.format VALUES (2)`, `EXPLAIN DELETE FROM altertable.store.events`,
		`EXPLAIN ANALYZE SELECT * FROM read_text('` + secret + `')`, `EXPLAIN EXPLAIN SELECT 1`,
		`EXPLAIN ANALYZE COPY altertable.analytics.events TO '` + dir + `/out.csv'`,
		`INSTALL httpfs`, `LOAD httpfs`, `FORCE INSTALL '` + secret + `'`,
		`SET memory_limit = '100GB'`, `SET GLOBAL enable_external_access = true`, `RESET memory_limit`, `SET VARIABLE x = 1`, `USE memory`,
		`PRAGMA database_list`, `PRAGMA enable_profiling`, `CHECKPOINT altertable`, `VACUUM`, `ANALYZE`,
		`CALL pragma_version()`, `CALL enable_logging()`,
		`SELECT * FROM enable_logging(storage = 'file', storage_path = '` + dir + `/log')`,
		`SELECT * FROM "enable_profiling"(save_location = '` + dir + `/profile')`,
		`SELECT * FROM system.main.force_checkpoint('altertable')`,
		`FROM (VALUES (1)) t, enable_logging()`, `FROM arrow_scan(1, 2, 3)`, `FROM seq_scan('x')`,
		`SELECT getenv('HOME')`,
		`PREPARE p AS SELECT 1`, `EXECUTE p`, `BEGIN`, `COMMIT`, `ROLLBACK`,
		`SELECT 1; SELECT 2`, `SELECT 1; DROP VIEW altertable.analytics.events`, `COMMIT; DELETE FROM altertable.store.events`,
		``, ` `, `;`, `-- nothing`, `SELECT ?`, `SELECT $1`,
	} {
		status, answer := r.ask(sql)
		assert.Equal(t, http.StatusBadRequest, status, "%s: %s", sql, answer)
		assert.NotContains(t, answer, "hunter2", sql)
		var body struct{ Error sqlError }
		require.NoError(t, json.Unmarshal([]byte(answer), &body), sql)
		assert.Contains(t, []string{"read-only", "sql-error"}, body.Error.Code, sql)
		assert.NotEmpty(t, body.Error.Message, sql)
	}
	assert.Equal(t, before, r.rows(untouched))
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, file := range files {
		assert.Contains(t, []string{"secret.csv", "data.duckdb", "data.duckdb.wal"}, file.Name())
	}
}

// Each lock holds without the others.
func TestSQLLocks(t *testing.T) {
	s, err := openStore("", false)
	require.NoError(t, err)
	defer func() { assert.NoError(t, s.close()) }()
	conn, err := s.sql.Conn(t.Context())
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	_, err = conn.ExecContext(t.Context(), `SET memory_limit = '100GB'`)
	assert.ErrorContains(t, err, "configuration has been locked")
	_, err = conn.ExecContext(t.Context(), `FROM read_text('/etc/passwd')`)
	assert.ErrorContains(t, err, "disabled by configuration")
	_, err = conn.ExecContext(t.Context(), `LOAD httpfs`)
	assert.ErrorContains(t, err, "disabled")

	var refused *sqlError
	for _, sql := range []string{`DELETE FROM altertable.store.events`, `SELECT 1; SELECT 2`, `FROM enable_logging()`, `FROM Read_Text('/etc/passwd')`} {
		_, err = checkReadOnly(t.Context(), conn, sql)
		require.ErrorAs(t, err, &refused, sql)
		assert.Equal(t, "read-only", refused.Code)
	}
	_, err = prepare(conn, `DELETE FROM altertable.store.events`)
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, "read-only", refused.Code)
}

// The file whose path the database has is no way around.
func TestSQLDoesNotReadItsOwnFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "data.duckdb")
	r := startLocal(t, config{data: file})
	for _, sql := range []string{`FROM read_blob('` + file + `')`, `FROM '` + file + `'`} {
		status, _ := r.ask(sql)
		assert.Equal(t, http.StatusBadRequest, status, sql)
	}
}

func TestSQLErrors(t *testing.T) {
	r := startLocal(t, config{})
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
	r := startLocal(t, config{})
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
	r := startLocal(t, config{})
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
	r := startLocal(t, config{})
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
	r := startLocal(t, config{})
	r.database.timeout = 50 * time.Millisecond
	status, answer := r.ask("SELECT count(*) FROM range(100000000) a, range(100000000) b WHERE hash(a.range, b.range) = 1")
	assert.Equal(t, http.StatusBadRequest, status)
	assert.Contains(t, answer, `{"error":{"code":"timeout","message":"the query took longer than 50ms"}}`)
	r.database.timeout = queryTimeout
	assert.JSONEq(t, `[[1]]`, r.rows("SELECT 1"))
}

func TestQueryRequests(t *testing.T) {
	r := startLocal(t, config{})
	for body, status := range map[string]int{``: 400, `nope`: 400, `{}`: 400, `[]`: 400, `{"sql":null}`: 400, `{"sql":1}`: 400, `{"sql":"SELECT 1"}`: 200} {
		got, answer := r.do(http.MethodPost, "/query", body)
		assert.Equal(t, status, got, body+answer)
	}
	status, _ := r.do(http.MethodPost, "/query", `{"sql":"SELECT 1"}`, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") })
	assert.Equal(t, http.StatusUnsupportedMediaType, status)
	status, _ = r.do(http.MethodGet, "/query", "")
	assert.Equal(t, http.StatusNotFound, status)
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
