package stage

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
	"github.com/altertable-ai/altertable-go/importer/internal/source"
)

// order is the row numbers in the order of sending.
func order(rows []record.Row) (numbers []int64) {
	for _, row := range rows {
		numbers = append(numbers, row.Number)
	}
	return numbers
}

const mixed = `
	('track', 'signed_up', 'u1', NULL, '2026-01-03'),
	('identify', NULL, 'u2', NULL, '2026-01-05'),
	('page', NULL, 'u2', NULL, '2026-01-01'),
	('alias', NULL, 'u1', 'u9', '2026-01-04'),
	('track', 'signed_up', 'u1', NULL, '2026-01-01'),
	('identify', NULL, 'u1', NULL, '2026-01-02'),
	('identify', NULL, 'u3', NULL, NULL),
	('track', 'signed_up', 'u1', NULL, NULL),
	(NULL, 'signed_up', 'u1', NULL, '2026-01-02')`

func mixedRows() string { return values("endpoint, event, distinct_id, new_user_id, timestamp", mixed) }

func TestUsersComeBeforeEventsAndEachByTime(t *testing.T) {
	s := build(t, mixedRows(), Options{As: record.Track})
	rows := read(t, s, 0)
	assert.Equal(t, []int64{3, 6, 2, 7, 4, 5, 9, 1, 8}, order(rows))
	assert.Equal(t, map[string]int64{"": 1, record.Identify: 3, record.Alias: 1, record.Track: 4}, s.Endpoints)
	assert.Equal(t, int64(9), s.Messages)
	assert.Equal(t, int64(9), s.SourceRows)
	assert.NotEmpty(t, rows[0].Reason)
	assert.Equal(t, "no timestamp", rows[8].Reason)
}

func TestRowsThatNameNoEndpointAreRefusedWithoutAs(t *testing.T) {
	s := build(t, mixedRows(), Options{})
	assert.False(t, s.Guessed)
	assert.Equal(t, int64(2), s.Endpoints[""])
	for _, row := range read(t, s, 0)[:2] {
		assert.NotEmpty(t, row.Reason)
	}
}

func TestTornRowsComeFirst(t *testing.T) {
	db := openSource(t, values("event, distinct_id, timestamp, _reason", `
		('signed_up', 'u1', '2026-01-01', NULL),
		('signed_up', 'u1', '2026-01-01', 'group calls have no endpoint')`))
	exec(t, db, `INSERT INTO torn VALUES (7, 'b.csv', 'x"y,', 'a quote does not end'), (9, NULL, NULL, NULL)`)
	s := buildIn(t, db, Options{})
	rows := read(t, s, 0)
	require.Equal(t, []int64{7, 9, 2, 1}, order(rows))
	assert.Equal(t, "b.csv", rows[0].File)
	assert.Equal(t, "a quote does not end", rows[0].Reason)
	assert.JSONEq(t, `"x\"y,"`, string(rows[0].Message))
	assert.NotEmpty(t, rows[1].Reason)
	assert.Equal(t, "group calls have no endpoint", rows[2].Reason)
	assert.Empty(t, rows[3].Reason)
	assert.Equal(t, int64(4), s.SourceRows)
}

func TestRowsAreLeftOut(t *testing.T) {
	db := open(t)
	day := func(d int) time.Time { return time.Date(2026, 1, d, 0, 0, 0, 0, time.UTC) }
	for name, test := range map[string]struct {
		o    Options
		want []int64
	}{
		"nothing":    {Options{}, []int64{3, 6, 2, 7, 4, 5, 9, 1, 8}},
		"all but":    {Options{Only: map[string]bool{record.Track: true}}, []int64{3, 5, 9, 1, 8}},
		"two":        {Options{Only: map[string]bool{record.Identify: true, record.Alias: true}}, []int64{3, 6, 2, 7, 4}},
		"since":      {Options{Since: day(3)}, []int64{2, 7, 4, 1, 8}},
		"until":      {Options{Until: day(3)}, []int64{3, 6, 7, 5, 9, 8}},
		"a day":      {Options{Since: day(2), Until: day(3)}, []int64{6, 7, 9, 8}},
		"traits now": {Options{TraitsNow: true}, []int64{3, 6, 2, 7, 4, 5, 9, 1, 8}},
	} {
		t.Run(name, func(t *testing.T) {
			test.o.As = record.Track
			s := buildNext(t, db, mixedRows(), test.o)
			assert.Equal(t, test.want, order(read(t, s, 0)))
			assert.Equal(t, int64(9-len(test.want)), s.LeftOut)
		})
	}
}

func TestUsersAtOneInstantKeepTheOrderOfTheSource(t *testing.T) {
	s := build(t, `SELECT 1000 - range AS _row, 'u' || range AS distinct_id, DATE '2026-01-01' AS timestamp FROM range(1000)`, Options{})
	rows := read(t, s, 0)
	for i, row := range rows {
		require.Equal(t, int64(i+1), row.Number)
	}
	assert.Zero(t, s.Moved)
}

func TestFilesKeepTheirOrder(t *testing.T) {
	s := build(t, `SELECT * FROM (VALUES (1, 'b.csv', 'u1'), (2, 'b.csv', 'u2'), (1, 'a.csv', 'u3')) v(_row, _file, distinct_id)`, Options{})
	rows := read(t, s, 0)
	assert.Equal(t, []int64{1, 2, 1}, order(rows))
	assert.Equal(t, "a.csv", rows[2].File)
}

func TestRowsWithoutNumbersAreCounted(t *testing.T) {
	s := build(t, `SELECT 'u' || range AS distinct_id FROM range(3)`, Options{})
	assert.Equal(t, []int64{1, 2, 3}, order(read(t, s, 0)))
}

func TestAMappingIsAnySelect(t *testing.T) {
	for name, mapping := range map[string]string{
		"semicolon":  "SELECT 'u' || id AS distinct_id, id AS n FROM source;\n",
		"comment":    "SELECT 'u' || id AS distinct_id, id AS n FROM source -- all of it",
		"with":       "WITH a AS (SELECT * FROM source) SELECT 'u' || id AS Distinct_ID, id AS n FROM a",
		"from first": "FROM source SELECT 'u' || id AS distinct_id, id AS n",
	} {
		t.Run(name, func(t *testing.T) {
			s := build(t, "SELECT range AS id FROM range(2)", Options{Mapping: mapping})
			rows := read(t, s, 0)
			require.Len(t, rows, 2)
			assert.Equal(t, "u0", rows[0].Person)
			assert.Contains(t, string(rows[0].Message), `"n":0`)
		})
	}
}

func TestAMappingThatFailsIsASentence(t *testing.T) {
	for name, test := range map[string]struct{ mapping, want string }{
		"syntax":      {"SELEC 1", "syntax error"},
		"column":      {"SELECT nothing AS distinct_id FROM source", "nothing"},
		"two":         {"SELECT 1; DROP TABLE source", "syntax error"},
		"conversion":  {"SELECT name::INTEGER AS distinct_id FROM source", "the SQL of the mapping: Could not convert a value of the column name to INTEGER: TRY_CAST"},
		"zone":        {"SELECT timezone(name, TIMESTAMP '2026-01-01') AS timestamp, 'u' AS distinct_id FROM source", "the SQL of the mapping: a value is no time zone: TRY"},
		"message":     {"SELECT error(name) AS distinct_id FROM source", "the SQL of the mapping: a function cannot use a value"},
		"same column": {`SELECT 1 AS event, 2 AS "Event", 3 AS distinct_id, 4 AS timestamp FROM source`, "two columns are named event"},
	} {
		t.Run(name, func(t *testing.T) {
			db := openSource(t, "SELECT 'secret' AS name")
			_, err := Build(context.Background(), db, &source.Source{Name: "a.csv"}, Options{Mapping: test.mapping})
			require.ErrorContains(t, err, test.want)
			assert.NotContains(t, err.Error(), "secret")
			assert.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestTheSourceIsDropped(t *testing.T) {
	for _, keep := range []bool{false, true} {
		db := openSource(t, "SELECT 1 AS distinct_id")
		exec(t, db, `CREATE TABLE "loa""ded" AS SELECT 1 AS distinct_id; DROP TABLE source; CREATE VIEW source AS SELECT * FROM "loa""ded"`)
		buildIn(t, db, Options{keep: keep})
		_, err := db.Exec(`SELECT * FROM "loa""ded"`)
		assert.Equal(t, keep, err == nil)
	}
}

func TestABuildEndsWithItsContext(t *testing.T) {
	db := openSource(t, "SELECT 1 AS distinct_id")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := Build(ctx, db, &source.Source{Name: "a.csv"}, Options{})
	require.ErrorIs(t, err, context.Canceled)
}
