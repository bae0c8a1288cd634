package stage

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
	"github.com/altertable-ai/altertable-go/importer/internal/record"
	"github.com/altertable-ai/altertable-go/importer/internal/source"
)

func TestTheEndpointIsGuessed(t *testing.T) {
	db := open(t)
	for name, test := range map[string]struct{ query, as, want, because string }{
		"track":         {"SELECT 'e' AS Event, 'u' AS Distinct_ID, now() AS timestamp", "", record.Track, "event"},
		"anonymous":     {"SELECT 'e' AS event, 'u' AS anonymous_id, now() AS timestamp", "", record.Track, "event"},
		"identify":      {"SELECT 'u' AS distinct_id", "", record.Identify, "distinct_id"},
		"alias":         {"SELECT 'u' AS distinct_id, 'v' AS new_user_id, 'e' AS event", "", record.Alias, "new_user_id"},
		"said":          {"SELECT 'u' AS distinct_id, 'e' AS event", record.Identify, record.Identify, ""},
		"rows say":      {"SELECT 'track' AS endpoint, 'e' AS event", "", "", ""},
		"messages":      {"SELECT '{}' AS _message", "", "", ""},
		"json track":    {`SELECT '{"event":"e","distinct_id":"u","timestamp":1}' AS _json`, "", record.Track, "event"},
		"json identify": {`SELECT '{"distinct_id":"u"}' AS _json`, "", record.Identify, "distinct_id"},
		"json rows say": {`SELECT '{"distinct_id":"u","endpoint":"identify"}' AS _json`, "", "", ""},
		"json late":     {`SELECT CASE WHEN range = 900 THEN '{"event":"e","anonymous_id":"u","timestamp":1}' ELSE '{"a":' END AS _json FROM range(2000)`, "", record.Track, "event"},
		"no rows":       {`SELECT '{}' AS _json LIMIT 0`, "", "", ""},
		"no columns":    {"SELECT 1 AS event, 2 AS distinct_id, 3 AS timestamp LIMIT 0", "", record.Track, "event"},
	} {
		t.Run(name, func(t *testing.T) {
			s := buildNext(t, db, test.query, Options{As: test.as})
			assert.Equal(t, test.want, s.As)
			assert.Equal(t, test.because, s.Because)
			assert.Equal(t, test.because != "", s.Guessed)
		})
	}
}

func TestMissingColumnsAreASentence(t *testing.T) {
	for name, test := range map[string]struct {
		query, as string
		want      []string
	}{
		"users": {"SELECT 1 AS _row, 'u' AS user_id, 'x' AS email", "", []string{
			"users.csv: an identify needs the column distinct_id: the columns are user_id, email.",
			`-sql "SELECT user_id AS distinct_id, * EXCLUDE (user_id) FROM source"`}},
		"users or events": {"SELECT 'u' AS user_id, 'x' AS name, now() AS created_at", "", []string{
			`-sql "SELECT user_id AS distinct_id, * EXCLUDE (user_id) FROM source". If rows are events and not users, say -as track`}},
		"users beside visitors": {"SELECT 'e' AS event, 'u' AS user_id, 'a' AS anonymous_id, now() AS timestamp", "", []string{
			"needs the column distinct_id:", "user_id AS distinct_id, * EXCLUDE (user_id)"}},
		"events": {"SELECT 'e' AS eventName, 'u' AS userId, now() AS created_at", "", []string{
			"a track needs the columns event, distinct_id and timestamp:",
			`-sql "SELECT eventName AS event, userId AS distinct_id, created_at AS timestamp, * EXCLUDE (eventName, userId, created_at) FROM`}},
		"no time": {"SELECT 'e' AS event, 'u' AS distinct_id, now() AS ts", "", []string{"needs the column timestamp:", "ts AS timestamp, * EXCLUDE (ts)"}},
		"unknown": {"SELECT 1 AS a", "", []string{"distinct_id", "SELECT ... AS distinct_id, * FROM"}},
		"said":    {"SELECT 'u' AS distinct_id, now() AS timestamp, 'x' AS event_type", record.Track, []string{"needs the column event:", "event_type AS event"}},
		"alias":   {"SELECT 'u' AS distinct_id, 'v' AS user_id", record.Alias, []string{"an alias needs the column new_user_id:", "user_id AS new_user_id"}},
		"quoted":  {`SELECT 'u' AS "user id", 'v' AS "User_ID"`, "", []string{`\"user id\" AS distinct_id`}},
		"json": {`SELECT '{"userId":"u","Event":"e"}' AS _json`, "", []string{"needs the member distinct_id:", "the first rows have Event, userId",
			"SELECT _json->>'userId' AS distinct_id, * FROM source"}},
		"keywords": {`SELECT 'e' AS event, 'u' AS distinct_id, now() AS "time"`, "", []string{`time AS timestamp`}},
	} {
		t.Run(name, func(t *testing.T) {
			db := openSource(t, test.query)
			_, err := Build(context.Background(), db, &source.Source{Name: "users.csv", Path: "in/users.csv", JSON: name == "json"}, Options{As: test.as})
			require.Error(t, err)
			for _, want := range test.want {
				assert.Contains(t, err.Error(), want)
			}
		})
	}
}

func TestSuggestionsAreForAShell(t *testing.T) {
	for name, test := range map[string]struct {
		names  []string
		source source.Source
		want   string
	}{
		"names that SQL quotes":   {[]string{"$User Id"}, source.Source{Path: "a.csv"}, `\"\$User Id\" AS distinct_id`},
		"a table that SQL quotes": {[]string{"id"}, source.Source{Path: "a.sqlite", SQL: `SELECT * FROM "$users"`}, `FROM \"\$users\""`},
		"a table":                 {[]string{"id"}, source.Source{Path: "a.sqlite", SQL: `SELECT * FROM "users"`}, `(id) FROM users"`},
		"a table in a schema":     {[]string{"id"}, source.Source{Path: "a.duckdb", SQL: `SELECT * FROM "other"."my events"`}, `(id) FROM other.\"my events\""`},
		"a table with a word":     {[]string{"id"}, source.Source{Path: "a.duckdb", SQL: `SELECT * FROM "order"`}, `(id) FROM \"order\""`},
		"a table with dots":       {[]string{"id"}, source.Source{SQL: "select *\nfrom app.main.users"}, `(id) FROM app.main.users"`},
		"a file":                  {[]string{"id"}, source.Source{SQL: "SELECT * FROM 'x.csv'"}, `(id) FROM 'x.csv'"`},
		"a file with a space":     {[]string{"id"}, source.Source{SQL: "SELECT * FROM 'it''s (1) \"a\".csv' "}, `(id) FROM 'it''s (1) \"a\".csv'"`},
		"a file in quotes":        {[]string{"id"}, source.Source{SQL: `SELECT * FROM "a b.csv"`}, `(id) FROM \"a b.csv\""`},
		"a part of a table":       {[]string{"id"}, source.Source{SQL: "SELECT * FROM users WHERE true"}, `(id) FROM ..."`},
		"a function":              {[]string{"id"}, source.Source{SQL: "SELECT * FROM read_csv('a.csv')"}, `(id) FROM ..."`},
		"a query":                 {[]string{"id"}, source.Source{SQL: "SELECT id FROM a, b"}, `(id) FROM ..."`},
		"standard input":          {[]string{"id"}, source.Source{Text: true}, `(id) FROM source"`},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Contains(t, suggestion([]string{"distinct_id"}, test.names, &test.source), test.want)
		})
	}
}

// TestSuggestionsRun gives what is suggested to DuckDB.
func TestSuggestionsRun(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	require.NoError(t, os.WriteFile("it's x.csv", []byte("id,order\n1,2\n"), 0o600))
	db := open(t)
	for _, query := range []string{"SELECT * FROM 'it''s x.csv'", `SELECT * FROM "order"`, `SELECT * FROM "main"."select *"`, "select * from t"} {
		for _, table := range []string{`"order"`, `"select *"`, "t"} {
			exec(t, db, "CREATE OR REPLACE TABLE "+table+" AS SELECT 1 AS id, 2 AS \"order\"")
		}
		suggested := suggestion([]string{"distinct_id"}, []string{"id", "order"}, &source.Source{SQL: query})
		_, suggested, _ = strings.Cut(suggested, `-sql "`)
		suggested = strings.NewReplacer(`\"`, `"`).Replace(strings.TrimSuffix(suggested, `"`))
		_, err := db.Exec(suggested)
		require.NoError(t, err, suggested)
	}
	words, err := duck.Texts(context.Background(), db, "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category = 'reserved'")
	require.NoError(t, err)
	assert.Subset(t, reserved, words)
}

func TestTypesThatDoNotFitAreASentence(t *testing.T) {
	for _, columns := range []string{
		"{'a': 1} AS distinct_id", "[1] AS distinct_id", "MAP {'a': 1} AS event, 1 AS distinct_id",
		"1 AS distinct_id, {'a': 1} AS timestamp", "1 AS distinct_id, true AS timestamp", "1 AS distinct_id, 5 AS traits",
		"1 AS distinct_id, [1] AS properties", "1 AS distinct_id, 'a'::BLOB AS environment",
	} {
		t.Run(columns, func(t *testing.T) {
			_, err := Build(context.Background(), openSource(t, "SELECT "+columns), &source.Source{Name: "a.csv"}, Options{})
			require.ErrorContains(t, err, "has to be")
		})
	}
}
