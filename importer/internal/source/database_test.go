package source

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// made runs statements in a database file of a driver, and returns its path.
func made(t *testing.T, driver, name string, statements ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	db, err := sql.Open(driver, path)
	require.NoError(t, err)
	for _, statement := range statements {
		_, err := db.Exec(statement)
		require.NoError(t, err, statement)
	}
	require.NoError(t, db.Close())
	return path
}

func TestSQLite(t *testing.T) {
	path := made(t, "sqlite", "shop.db",
		`CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, joined DATETIME, score REAL, mixed, picture BLOB, "a ""b" TEXT, empty TEXT)`,
		`INSERT INTO users VALUES (9007199254740993, 'NULL', '2026-01-02 03:04:05', 1, 1, x'00ff', 'x,"y"'||char(10)||'z', NULL)`,
		`INSERT INTO users VALUES (2, '', '2026-01-02', 0.1, 'one', NULL, '\N', NULL)`,
		`CREATE TABLE source (event TEXT)`, `INSERT INTO source VALUES ('signed_up')`)
	s, db := load1(t, Spec{Paths: []string{path}, Table: "Users"})
	assert.Equal(t, "shop.db", s.Name)
	assert.Equal(t, path, s.Path)
	assert.Equal(t, []string{"_row BIGINT", "id BIGINT", "name VARCHAR", "joined VARCHAR", "score DOUBLE", "mixed JSON", "picture BLOB", `a "b VARCHAR`, "empty VARCHAR"},
		rows(t, db, "SELECT column_name || ' ' || column_type FROM (DESCRIBE source)"))
	assert.Equal(t, []string{
		`1|2||2026-01-02|0.1|one|NULL|\N|NULL`,
		"2|9007199254740993|NULL|2026-01-02 03:04:05|1|1|[0 255]|x,\"y\"\nz|NULL",
	}, rows(t, db, "FROM source"))
	assert.Equal(t, []string{"4"}, rows(t, db, "SELECT length(name) FROM source WHERE _row = 2"), "text, and not NULL")

	_, db = load1(t, Spec{Paths: []string{path}, SQL: "SELECT s.event, u.id::INT AS n FROM source s, users u WHERE id = 2;"})
	assert.Equal(t, []string{"1|signed_up|2"}, rows(t, db, "FROM source"))

	assert.Equal(t, "shop.db has 2 tables: choose one with -table, or write a query with -sql; there are source, users", failure(t, Spec{Paths: []string{path}}))
	assert.Equal(t, "shop.db has no table events; it has source, users", failure(t, Spec{Paths: []string{path}, Table: "events"}))
	assert.Contains(t, failure(t, Spec{Paths: []string{path}, SQL: "SELECT * FROM users JOIN"}), "syntax error at end of input")
}

func TestSQLiteOneTable(t *testing.T) {
	path := made(t, "sqlite", "a.db", `CREATE TABLE "my table" (a BOOLEAN)`, `INSERT INTO "my table" VALUES (1)`)
	odd := filepath.Join(filepath.Dir(path), "odd #%20.db")
	require.NoError(t, os.Rename(path, odd))
	_, db := load1(t, Spec{Paths: []string{odd}})
	assert.Equal(t, []string{"1|1"}, rows(t, db, "FROM source"))
	empty := made(t, "sqlite", "empty.db", "CREATE TABLE a (b)", "DROP TABLE a")
	assert.Equal(t, "empty.db has no tables", failure(t, Spec{Paths: []string{empty}}))
	damaged := file1(t, "damaged.db", "SQLite format 3\x00"+strings.Repeat("x", 5000))
	assert.Contains(t, failure(t, Spec{Paths: []string{damaged}}), "cannot read "+damaged)
}

func TestDuckDB(t *testing.T) {
	path := made(t, "duckdb", "shop.duckdb", "CREATE TABLE users (id INT, source STRUCT(a INT))", "INSERT INTO users VALUES (7, {'a': 1})",
		"CREATE SCHEMA other", "CREATE VIEW other.v AS SELECT 1 AS one")
	_, db := load1(t, Spec{Paths: []string{path}, Table: "users"})
	assert.Equal(t, []string{"1|7|1"}, rows(t, db, "SELECT _row, id, source.a FROM source"))
	_, db = load1(t, Spec{Paths: []string{path}, SQL: "SELECT id, one FROM shop.main.users, other.v -- both"})
	assert.Equal(t, []string{"1|7|1"}, rows(t, db, "FROM source"))
	_, db = load1(t, Spec{Paths: []string{path}, Table: "other.v"})
	assert.Equal(t, []string{"1|1"}, rows(t, db, "FROM source"))
	assert.Equal(t, []string{"import"}, rows(t, db, "SELECT database_name FROM duckdb_databases() WHERE NOT internal"), "it is detached")
	assert.Contains(t, failure(t, Spec{Paths: []string{path}}), "there are other.v, users")
}

func TestPostgres(t *testing.T) {
	for _, spec := range []Spec{
		{Paths: []string{"postgres://me:s3cr3t%21@127.0.0.1:1/shop?password=0ther"}},
		{Paths: []string{"postgresql://me:s3cr3t%21@127.0.0.1:1/shop"}, Table: "users"},
	} {
		s, err := Find(spec)
		require.NoError(t, err)
		assert.Equal(t, "the Postgres database shop at 127.0.0.1:1", s.Name)
		assert.Empty(t, s.Path)
		db := database(t)
		_, err = db.Exec("SET GLOBAL autoinstall_known_extensions = false") // a test downloads nothing
		require.NoError(t, err)
		err = s.Load(context.Background(), db)
		require.Error(t, err)
		sentence := err.Error()
		t.Log(sentence)
		assert.Contains(t, sentence, s.Name+": ")
		for _, secret := range []string{"s3cr3t", "0ther", "me:"} {
			assert.NotContains(t, sentence, secret)
		}
	}
	assert.NotContains(t, failure(t, Spec{Paths: []string{"postgres://me:s3cr3t%zz@h/d"}}), "s3cr3t")
	assert.Equal(t, "cannot connect to ...: no password for ...", withoutSecrets("cannot connect to postgres://a:b%21c@h/d: no password for b!c", "postgres://a:b%21c@h/d"))
}

func TestDatabaseFlags(t *testing.T) {
	for _, c := range []struct {
		spec Spec
		want string
	}{
		{Spec{}, "name a file"},
		{Spec{SQL: " ; "}, "-sql is empty"},
		{Spec{SQL: "SELECT 1", Table: "a"}, "exclude one another"},
		{Spec{SQL: "SELECT 1", Format: "csv"}, "a query says them itself"},
		{Spec{Paths: []string{"postgres://h/a", "b.csv"}}, "one after the other"},
		{Spec{Paths: []string{"-", "b.csv"}}, "one after the other"},
		{Spec{Paths: []string{file1(t, "a.csv", "a\n1\n")}, Table: "users"}, "-table is for databases"},
		{Spec{Paths: []string{file1(t, "a.csv", "a\n1\n")}, SQL: "SELECT 1"}, "the query calls a.csv source"},
		{Spec{Paths: []string{file1(t, "a.json", "{}")}, Delimiter: ";"}, "-delimiter is for CSV"},
		{Spec{Paths: []string{file1(t, "a.json", "{}")}, Encoding: "latin-1"}, "-encoding is for CSV"},
	} {
		assert.Contains(t, failure(t, c.spec), c.want)
	}
	_, err := Find(Spec{Paths: []string{file1(t, "a.csv", "a\n1\n"), file1(t, "b.json", "{}")}})
	assert.ErrorContains(t, err, "import them one after the other")
}

func TestSQLiteKeepsValues(t *testing.T) {
	path := made(t, "sqlite", "a.db", `CREATE TABLE a (id, twice AS (id * 2), stored AS (id + 1) STORED, n)`,
		`INSERT INTO a (id, n) VALUES (1, 9007199254740993), (2, 0.5)`)
	_, db := load1(t, Spec{Paths: []string{path}})
	assert.Equal(t, []string{"1|1|2|2|9007199254740993", "2|2|4|3|0.5"}, rows(t, db, "SELECT * REPLACE (n::VARCHAR AS n) FROM source"))

	path = made(t, "sqlite", "b.db", `CREATE TABLE b (id)`, `INSERT INTO b VALUES ('x'), (CAST(x'ff41' AS TEXT))`)
	assert.Contains(t, failure(t, Spec{Paths: []string{path}}), "row 2 has text in the column id that is not UTF-8")
}

// TestSQLiteMixedColumns is about columns in which values have types of their own.
func TestSQLiteMixedColumns(t *testing.T) {
	path := made(t, "sqlite", "a.db", `CREATE TABLE a (distinct_id INTEGER, age INTEGER, rate REAL, "any", blobs, properties)`,
		`INSERT INTO a VALUES (1, 36, 0.1, 9007199254740993, 1, '{}')`,
		`INSERT INTO a VALUES ('u_2', 'unknown', 'n/a', 1e300, x'00', 5)`,
		`INSERT INTO a VALUES ('3', '', 1e999, '5 "a"'||char(10)||'\', 'x', NULL)`,
		`INSERT INTO a VALUES (NULL, NULL, 2, 'NULL', NULL, NULL)`)
	_, db := load1(t, Spec{Paths: []string{path}})
	assert.Equal(t, []string{"distinct_id VARCHAR", "age JSON", "rate JSON", "any JSON", "blobs VARCHAR", "properties VARCHAR"},
		rows(t, db, "SELECT column_name || ' ' || column_type FROM (DESCRIBE source) OFFSET 1"))
	assert.Equal(t, []string{
		`1|36|0.1|9007199254740993`,
		`u_2|"unknown"|"n/a"|1e+300`,
		`3|""|"+Inf"|"5 \"a\"\n\\"`,
		`NULL|NULL|2|"NULL"`,
	}, rows(t, db, "SELECT distinct_id, COLUMNS(['age', 'rate', 'any'])::VARCHAR FROM source ORDER BY _row"))

	_, db = load1(t, Spec{Paths: []string{path}, SQL: "SELECT age FROM a WHERE age = 'unknown' OR TRY_CAST(age AS INT) > 30"})
	assert.Equal(t, []string{"1|36", "2|unknown"}, rows(t, db, "FROM source"), "a query has texts")
}
