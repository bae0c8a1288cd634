package source

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
)

func TestQuery(t *testing.T) {
	s, db := load1(t, Spec{SQL: "SELECT 'signed_up' AS event, 1.50 AS price; -- all\n;"})
	assert.Equal(t, []any{"the query", "", false}, []any{s.Name, s.Path, s.JSON})
	assert.Equal(t, []string{"1|signed_up|1.5"}, rows(t, db, "SELECT _row, event, price::DOUBLE FROM source"))

	s, db = load1(t, Spec{SQL: `SELECT 7 AS _row, '{"endpoint":"track","message":{}}' AS _json`})
	assert.True(t, s.JSON)
	assert.True(t, s.Raw)
	assert.Equal(t, []string{`7|{"endpoint":"track","message":{}}`}, rows(t, db, "FROM source"))

	for _, query := range []string{"FROM (SELECT 5 AS a)", "VALUES (5)", "SELECT ';', /* ; */ 5 -- ;", "PIVOT (SELECT 'x' AS a) ON a USING count(*)", "SELECT 5;;"} {
		_, db = load1(t, Spec{SQL: query})
		assert.Len(t, rows(t, db, "FROM source"), 1, query)
	}

	_, db = load1(t, Spec{SQL: "SELECT 1 AS a WHERE false"})
	assert.Empty(t, rows(t, db, "FROM source"), "a query may find nothing new")
}

func TestQueryRejects(t *testing.T) {
	path := file1(t, "a.csv", "event,n\na,1\nb\nc,3\n")
	_, db := load1(t, Spec{SQL: fmt.Sprintf("SELECT * FROM read_csv('%s', columns = {'event': 'VARCHAR', 'n': 'INT'}, header = true, auto_detect = false, store_rejects = true, rejects_table = 'mine')", path)})
	assert.Equal(t, []string{"a|1", "c|3"}, rows(t, db, "SELECT event, n FROM source"))
	assert.Equal(t, []string{"2|NULL|b|DuckDB cannot read the row: missing columns"}, rows(t, db, "FROM torn"))
}

func TestQueryRefused(t *testing.T) {
	for query, want := range map[string]string{
		"SELECT * FROM users":                        "Table with name users does not exist!",
		"SELECT a FROM (SELECT 1 AS b)":              `Referenced column "a" not found`,
		"SELEC 1":                                    `syntax error at or near "SELEC"`,
		"SELECT * FROM '/nowhere/a.parquet'":         `No files found that match the pattern "/nowhere/a.parquet"`,
		"DROP TABLE torn":                            "one SELECT",
		"SELECT 1 AS a; SELECT 2 AS a":               "one SELECT",
		"SELECT 1 AS a; DROP TABLE import.main.torn": "one SELECT",
		"PIVOT (SELECT 1 a) ON a; SELECT 2":          "one SELECT",
		"SELECT 'secret value'::INT AS distinct_id":  "Could not convert",
	} {
		sentence := failure(t, Spec{SQL: query})
		assert.Contains(t, sentence, want)
		assert.Contains(t, sentence, "the query: ")
		assert.NotContains(t, sentence, "^")
		assert.NotContains(t, sentence, "secret")
	}
}

// TestPrinted runs the SQL that is printed for a source, and finds the same rows.
func TestPrinted(t *testing.T) {
	dir := files(t, "a.csv", "event,zip\n\"a\nb\",007\n", "b.csv", "n;event\n1;x\n", "latin.csv", "a,b\n\xfc,1\n",
		"a.ndjson", "{\"a\": 1}\n{\"b\":2}\n", "b.ndjson", "{}\n", "array.json", "[{\"a\":\n1},\n{}]", "pretty.json", "{\n\"a\": 1}\n{}",
		"gz.csv.gz", gzipped(t, "a,b\n1,2\n"), "it's.csv", "a,b\n1,2\n")
	made(t, "duckdb", "p.duckdb", "COPY (SELECT 1 AS a, {'b': 2} AS s) TO '"+filepath.Join(dir, "a.parquet")+"'", "COPY (SELECT 1.5 AS c, 3 AS a) TO '"+filepath.Join(dir, "b.parquet")+"'")
	for _, spec := range []Spec{
		{Paths: []string{"a.csv"}}, {Paths: []string{"a.csv", "b.csv"}}, {Paths: []string{"latin.csv"}, Encoding: "latin-1"}, {Paths: []string{"it's.csv"}},
		{Paths: []string{"a.ndjson"}}, {Paths: []string{"a.ndjson", "b.ndjson"}}, {Paths: []string{"array.json"}}, {Paths: []string{"pretty.json"}},
		{Paths: []string{"gz.csv.gz"}}, {Paths: []string{"a.parquet"}}, {Paths: []string{"a.parquet", "b.parquet"}},
	} {
		for i, name := range spec.Paths {
			spec.Paths[i] = filepath.Join(dir, name)
		}
		s, direct := load1(t, spec)
		q, queried := load1(t, Spec{SQL: "WITH source AS (\n  " + s.SQL + "\n)\nSELECT * FROM source"})
		assert.Equal(t, rows(t, direct, "FROM source"), rows(t, queried, "FROM source"), s.SQL)
		assert.Equal(t, columnsOf(t, direct), columnsOf(t, queried))
		assert.Equal(t, []bool{s.JSON, s.Text, s.Raw}, []bool{q.JSON, q.Text, q.Raw}, s.SQL)
	}
}

func TestParquet(t *testing.T) {
	dir := t.TempDir()
	made(t, "duckdb", "p.duckdb", "COPY (SELECT i AS n, {'b': 2} AS s FROM range(5000) t(i)) TO '"+filepath.Join(dir, "a.parquet")+"'",
		"COPY (SELECT 1.5 AS c, 3 AS n) TO '"+filepath.Join(dir, "b.parquet")+"'", "COPY (SELECT 1 AS n WHERE false) TO '"+filepath.Join(dir, "c.parquet")+"'")
	s, db := load1(t, Spec{Paths: []string{filepath.Join(dir, "a.parquet")}})
	assert.False(t, s.Text)
	assert.Equal(t, []string{"5000|0"}, rows(t, db, "SELECT count(*), count(*) FILTER (n + 1 <> _row) FROM source"))
	_, db = load1(t, Spec{Paths: []string{filepath.Join(dir, "[ab].parquet")}})
	assert.Equal(t, []string{"1|b.parquet|3|NULL|1.5"}, rows(t, db, "SELECT _row, _file, n, s, c::DOUBLE FROM source WHERE _file = 'b.parquet'"))
	assert.Equal(t, "c.parquet has no rows", failure(t, Spec{Paths: []string{filepath.Join(dir, "c.parquet")}}))
	damaged := file1(t, "d.parquet", "PAR1 and nothing else")
	assert.Contains(t, failure(t, Spec{Paths: []string{damaged}}), "d.parquet: ")
}

// TestNamesOfOurs is about data whose columns are called like those that say
// where a row is from, or why it is refused.
func TestNamesOfOurs(t *testing.T) {
	const names = "rowid,_row,_File,_json,_message,_reason,_raw,row_number,rows_before,file"
	const renamed = "_row,rowid,_row_1,_File_1,_json_1,_message_1,_reason_1,_raw_1,row_number,rows_before,file"
	csv := file1(t, "a.csv", names+"\n91,2,3,4,5,6,7,8,9,10\n\n92,2,3,4,5,6,7,8,9,10\n")
	copied := file1(t, "b.csv", "\n"+names+"\n91,2,3,4,5,6,7,8,9,10\n1\n92,2,3,4,5,6,7,8,9,10\n")
	table := "(" + strings.ReplaceAll(names, ",", " INT, ") + " INT)"
	values := []string{"CREATE TABLE a " + table, "INSERT INTO a VALUES (91, 2, 3, 4, 5, 6, 7, 8, 9, 10), (92, 2, 3, 4, 5, 6, 7, 8, 9, 10)"}
	duckDB, sqlite := made(t, "duckdb", "a.duckdb", values...), made(t, "sqlite", "a.sqlite", values...)
	parquet := filepath.Join(t.TempDir(), "a.parquet")
	made(t, "duckdb", "p.duckdb", append(values, "COPY a TO '"+parquet+"'")...)
	for name, spec := range map[string]Spec{
		"CSV": {Paths: []string{csv}}, "a copy of CSV": {Paths: []string{copied}}, "DuckDB": {Paths: []string{duckDB}}, "SQLite": {Paths: []string{sqlite}},
		"Parquet": {Paths: []string{parquet}}, "a query": {SQL: "SELECT * FROM '" + parquet + "'"},
	} {
		s, db := load1(t, spec)
		assert.False(t, s.JSON, name)
		assert.Equal(t, renamed, columnsOf(t, db), name)
		second := "2"
		if name == "a copy of CSV" {
			second = "3"
		}
		assert.Equal(t, []string{"1|91|2|3|4|5|6|7|8|9|10", second + "|92|2|3|4|5|6|7|8|9|10"}, rows(t, db, "FROM source"), name)
	}
	_, db := load1(t, Spec{SQL: "SELECT 7 AS _row, 'x' AS _reason, 5 AS rowid"})
	assert.Equal(t, "_row,_reason,rowid", columnsOf(t, db), "who writes a name means it")
}

// TestNamesOfDuckDB is about data whose columns, or folders, are called like what
// DuckDB adds.
func TestNamesOfDuckDB(t *testing.T) {
	dir := t.TempDir()
	at := func(elements ...string) string {
		path := filepath.Join(append([]string{dir}, elements...)...)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		return path
	}
	const own = "SELECT i AS n, 'own ' || i AS %s FROM range(%d, %d) t(i)"
	write := func(path, query string) string {
		made(t, "duckdb", "p.duckdb", "COPY ("+query+") TO "+duck.Quote(path)+" (FORMAT parquet)")
		return path
	}
	for _, name := range []string{"file_row_number", "FILE_ROW_NUMBER", "filename", "Filename", "file_index", "rowid", "row_number", "source", "loaded", "c0", "json"} {
		a := write(at(name, "a.parquet"), fmt.Sprintf(own, name, 1, 3001))
		b := write(at(name, "b.parquet"), fmt.Sprintf(own, name, 3001, 5001))
		_, db := load1(t, Spec{Paths: []string{a}})
		assert.Equal(t, []string{"3000|0"}, rows(t, db, "SELECT count(*), count(*) FILTER (n <> _row OR "+duck.Name(name)+" <> 'own ' || n) FROM source"), name)
		_, db = load1(t, Spec{Paths: []string{a, b}})
		assert.Equal(t, []string{"a.parquet|3000|0", "b.parquet|2000|0"}, rows(t, db,
			"SELECT _file, count(*), count(*) FILTER (n - if(_file = 'b.parquet', 3000, 0) <> _row OR "+duck.Name(name)+" <> 'own ' || n) FROM source GROUP BY 1 ORDER BY 1"), name)
		assert.Equal(t, "_row,_file,n,"+name, columnsOf(t, db), name)
		for _, end := range []string{".csv", ".ndjson"} {
			text := at("event=hidden", "json=1", "_json=1", name+end)
			made(t, "duckdb", "p.duckdb", "COPY ("+fmt.Sprintf(own, name, 1, 20)+") TO "+duck.Quote(text))
			_, db = load1(t, Spec{Paths: []string{text}})
			assert.Contains(t, rows(t, db, "FROM source")[18], "own 19", text)
		}
	}
	hidden := write(at("event=hidden", "day=2026-01-01", "a.parquet"), "SELECT 'signed_up' AS event, 1 AS n")
	_, db := load1(t, Spec{Paths: []string{hidden}})
	assert.Equal(t, []string{"1|signed_up|1"}, rows(t, db, "FROM source"), "the file's own column is not the folder's")
	folder := write(at("day=2026-01-01", "filename=x", "b.parquet"), "SELECT 'signed_up' AS event, 1 AS n")
	_, db = load1(t, Spec{Paths: []string{folder}})
	assert.Equal(t, []string{"1|signed_up|1|2026-01-01|x"}, rows(t, db, "SELECT * REPLACE (day::VARCHAR AS day) FROM source"), "a folder is a column")
	csv := at("event=hidden", "a.csv")
	require.NoError(t, os.WriteFile(csv, []byte("event,n\nsigned_up,1\n"), 0o600))
	s, db := load1(t, Spec{Paths: []string{csv}})
	assert.Equal(t, []string{"1|signed_up|1"}, rows(t, db, "FROM source"))
	_, db = load1(t, Spec{SQL: s.SQL})
	assert.Equal(t, []string{"1|signed_up|1"}, rows(t, db, "FROM source"), "nor in the SQL that is printed")
}
