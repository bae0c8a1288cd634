package e2e

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What -only, -since and -until leave out is counted, and not sent.
func TestLeftOut(t *testing.T) {
	const source = `{"event":"page_viewed","distinct_id":"zq7x-u1","timestamp":"2024-01-31T23:59:59.999Z","n":0}
{"event":"page_viewed","distinct_id":"zq7x-u1","timestamp":"2024-02-01T00:00:00Z","n":1}
{"event":"page_viewed","distinct_id":"zq7x-u1","timestamp":"2024-02-29T23:59:59Z","n":2}
{"event":"page_viewed","distinct_id":"zq7x-u1","timestamp":"2024-03-01T00:00:00Z","n":3}
{"endpoint":"identify","distinct_id":"zq7x-u1","timestamp":"2024-02-03T00:00:00Z","traits":{"n":0}}
`
	tracks := func(numbers ...int) map[id]bool {
		rows := map[id]bool{}
		for _, n := range numbers {
			rows[id{"track", n}] = true
		}
		return rows
	}
	for name, c := range map[string]struct {
		args    []string
		want    map[id]bool
		leftOut int64
	}{
		"only track":     {[]string{"-only", "track"}, tracks(0, 1, 2, 3), 1},
		"only identify":  {[]string{"-only", "identify"}, map[id]bool{{"identify", 0}: true}, 4},
		"since, a date":  {[]string{"-since", "2024-02-01", "-only", "track"}, tracks(1, 2, 3), 2},
		"until, a date":  {[]string{"-until", "2024-03-01", "-only", "track"}, tracks(0, 1, 2), 2},
		"both, RFC 3339": {[]string{"-since", "2024-02-01T01:00:00+01:00", "-until", "2024-02-29T23:59:59Z", "-only", "track"}, tracks(1), 4},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			r := w.ok(append(c.args, "-as", "track", w.file("events.ndjson", source))...)
			w.require(t, c.want, 0)
			assert.Equal(t, c.leftOut, r.report.LeftOut)
			assert.EqualValues(t, 5, r.report.Rows)
			assert.EqualValues(t, len(c.want), r.report.Delivered)
		})
	}
}

// -environment is that of rows that name none.
func TestEnvironment(t *testing.T) {
	w := newWorld(t)
	w.ok("-environment", "staging", w.file("events.ndjson", `{"event":"a_b","distinct_id":"zq7x-u1","timestamp":"2024-02-01","n":0}
{"event":"a_b","distinct_id":"zq7x-u1","timestamp":"2024-02-01","n":1,"environment":"other"}
`))
	var got []string
	for _, e := range w.srv.Events() {
		got = append(got, e.Environment)
	}
	assert.ElementsMatch(t, []string{"staging", "other"}, got)
}

// Old traits do not count where the platform has newer ones; with -traits-now they do.
func TestTraitsNow(t *testing.T) {
	w := newWorld(t)
	newer := w.file("newer.ndjson", `{"distinct_id":"zq7x-u1","timestamp":"2024-05-01","traits":{"n":1}}`)
	older := w.file("older.ndjson", `{"distinct_id":"zq7x-u1","timestamp":"2024-02-01","traits":{"n":2}}`)
	trait := func() any {
		people := w.srv.Identities()
		require.Len(t, people, 1)
		return people[0].Traits["n"]
	}
	w.ok("-as", "identify", newer)
	w.ok("-as", "identify", older)
	assert.EqualValues(t, 1, trait())
	w.ok("-as", "identify", "-traits-now", "-state", filepath.Join(w.dir, "now.state"), older)
	assert.EqualValues(t, 2, trait())
	assert.Less(t, time.Since(w.srv.Identities()[0].UpdatedAt), patience)
}

// The mapping is SQL. What -print-sql prints does the same through -sql.
func TestPrintSQL(t *testing.T) {
	w := newWorld(t)
	source := bigFile("events.csv")(w)[0]
	printed := w.run("-print-sql", source)
	require.Zero(t, printed.code, tail(printed.said()))
	require.Empty(t, w.srv.Requests())
	w.ok("-sql", printed.stdout, "-state", filepath.Join(w.dir, "s"))
	w.require(t, numbered("track", formatRows), 0)
	w.requireBigEvents(t)
}

// Columns of a query have their meaning by name.
func TestQuery(t *testing.T) {
	w := newWorld(t)
	source := bigFile("events.parquet")(w)[0]
	w.ok("-state", filepath.Join(w.dir, "s"), "-sql",
		"SELECT 'person-' || n AS distinct_id, {'n': n, 'plan': plan} AS traits, timestamp FROM '"+source+"' ORDER BY n DESC")
	w.require(t, numbered("identify", formatRows), 0)
	assert.Len(t, w.srv.Identities(), formatRows)
}
