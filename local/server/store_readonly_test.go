package server

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSQLOnlyReads(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret.csv")
	require.NoError(t, os.WriteFile(secret, []byte("password\nhunter2\n"), 0o600))
	r := startLocal(t, Config{Data: filepath.Join(dir, "data.duckdb")})
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
	r := startLocal(t, Config{Data: file})
	for _, sql := range []string{`FROM read_blob('` + file + `')`, `FROM '` + file + `'`} {
		status, _ := r.ask(sql)
		assert.Equal(t, http.StatusBadRequest, status, sql)
	}
}
