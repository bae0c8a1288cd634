package duck

import (
	"context"
	"errors"
	"testing"

	duckdb "github.com/duckdb/duckdb-go/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func opened(t *testing.T) *DB {
	t.Helper()
	db, err := Open(context.Background(), t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	return db
}

// explained runs a query that fails.
func explained(t *testing.T, db *DB, query string) error {
	t.Helper()
	statement := "CREATE TABLE made AS " + query
	_, err := db.Exec(statement)
	if !assert.Error(t, err, query) {
		return errors.New("none")
	}
	return Explain(context.Background(), db, err, statement, query)
}

func TestExplain(t *testing.T) {
	db := opened(t)
	_, err := db.Exec(`CREATE TABLE source AS SELECT 'it''s "secret" x' AS name, 'secret(' AS pattern`)
	require.NoError(t, err)
	for query, want := range map[string]string{
		"SELECT * FROM nowhere":                                       "Table with name nowhere does not exist!",
		"SELECT * FROM sourcee":                                       `Did you mean "source"?`,
		"SELECT FROM":                                                 "syntax error at end of input",
		"SELECT 1 +\n  missing FROM range(1) t(a)":                    `Referenced column "missing" not found in FROM clause!`,
		"SELECT sum(name) FROM source":                                "argument types 'sum(VARCHAR)'",
		"SELECT * FROM '/nowhere/a.parquet'":                          `No files found that match the pattern "/nowhere/a.parquet"`,
		"SELECT * FROM '/nowhere/it''s a.parquet'":                    `No files found that match the pattern "/nowhere/it's a.parquet"`,
		`SELECT "a ""b" FROM source`:                                  `Referenced column "a "b" not found in FROM clause!`,
		"SELECT 'it''s \"secret\" x'::INT":                            "Could not convert a value to INTEGER: TRY_CAST",
		"SELECT name::DATE FROM source":                               "Could not convert a value of the column name to a date: TRY_CAST",
		"SELECT name::UUID FROM source":                               "Could not convert a value of the column name to another type: TRY_CAST",
		"SELECT name::BOOL FROM source":                               "Could not convert a value of the column name to BOOLEAN: TRY_CAST",
		"SELECT name::STRUCT(a INT) FROM source":                      "Could not convert a value of the column name to STRUCT: TRY_CAST",
		"SELECT COLUMNS(*)::INT FROM source":                          "Could not convert a value to INTEGER: TRY_CAST",
		"SELECT strptime(name, '%Y') FROM source":                     "Could not parse a value with the format of strptime: TRY_CAST instead of a cast, and try_strptime",
		"SELECT regexp_matches('', pattern) FROM source":              "a function cannot use a value: TRY(...)",
		"SELECT TIMESTAMP '2026-01-01' AT TIME ZONE name FROM source": "a value is no time zone: TRY(...)",
		"SELECT error(name) FROM source":                              "a function cannot use a value",
	} {
		err := explained(t, db, query)
		assert.Contains(t, err.Error(), want, query)
		for _, word := range []string{"LINE", "\n", "secret", "Error:"} {
			assert.NotContains(t, err.Error(), word, query)
		}
	}
	assert.Equal(t, outOfMemoryText, Sentence(&duckdb.Error{Type: duckdb.ErrorTypeOutOfMemory, Msg: "failed to pin block"}))
	assert.Equal(t, "a file cannot be read or written: No space left on device",
		Sentence(&duckdb.Error{Type: duckdb.ErrorTypeIO, Msg: `IO Error: Could not write file "/a/secret": No space left on device`}))
	assert.Equal(t, "DuckDB cannot read the rows"+seeMore, Sentence(&duckdb.Error{Type: duckdb.ErrorTypeInvalidInput, Msg: "Invalid Input Error: secret"}), "nobody has written a function")
	assert.Equal(t, "another error", Sentence(errors.New("another\nerror")))
}

func TestWithValues(t *testing.T) {
	db := opened(t)
	err := errors.Join(explained(t, db, "SELECT ('a ' || range)::INT AS n FROM range(1)"))
	assert.NotContains(t, err.Error(), "'a 0'")
	assert.Contains(t, err.Error(), "-show-values")
	assert.Contains(t, WithValues(err), "TRY_CAST")
	assert.Contains(t, WithValues(err), ". DuckDB says: Could not convert string 'a 0' to INT32")
	assert.NotContains(t, WithValues(err), "-show-values")
	assert.Equal(t, "another", WithValues(errors.New("another")))
}

// TestRefusedSaysNoValue is about what DuckDB knows before it reads rows: names of
// columns, which a file without a header takes from its first row, members of
// STRUCTs, and the values of an ENUM.
func TestRefusedSaysNoValue(t *testing.T) {
	db := opened(t)
	for _, statement := range []string{
		"CREATE TYPE ids AS ENUM ('zq7x', 'zq7x (b)', 'it''s zq7x')",
		`CREATE TABLE source AS SELECT 'zq7x'::ids AS id, {'zq7x': 1, 'zq7x "b)': 2} AS s, 1 AS "zq7x@example.com", 2 AS "zq7x ""c"" q"`,
	} {
		_, err := db.Exec(statement)
		require.NoError(t, err)
	}
	for query, want := range map[string]string{
		"SELECT id + 1 FROM source":                            "No function matches",
		"SELECT sum(s) FROM source":                            "No function matches",
		"SELECT id = {'a': 1} FROM source":                     "",
		"SELECT s + id FROM source":                            "No function matches",
		"SELECT s = 5 FROM source":                             "",
		"SELECT s.nope FROM source":                            `"nope"`,
		"SELECT nope FROM source":                              `Referenced column "nope"`,
		"SELECT source.nope FROM source":                       "nope",
		"SELECT *, count(*) FROM source":                       "GROUP BY",
		"SELECT * EXCLUDE (id, s), count(*) FROM source":       "column",
		"SELECT * FROM source GROUP BY id":                     "GROUP BY",
		"SELECT * EXCLUDE (nope) FROM source":                  "nope",
		"SELECT CASE WHEN true THEN s ELSE id END FROM source": "",
		"SELECT [s, id] FROM source":                           "",
		"SELECT * FROM source UNION SELECT 1":                  "",
	} {
		err := explained(t, db, query)
		assert.Contains(t, err.Error(), want, query)
		assert.NotContains(t, err.Error(), "zq7x", query)
		assert.NotContains(t, err.Error(), `q"`, query)
	}
}
