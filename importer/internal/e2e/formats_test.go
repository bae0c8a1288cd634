package e2e

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // a driver

	"github.com/altertable-ai/altertable-go/importer/internal/bigfile"
)

const formatRows = 1000

// formats make a source of the same rows, and return the arguments that import it.
var formats = map[string]func(w *world) []string{
	"csv":          bigFile("events.csv"),
	"tsv":          bigFile("events.tsv"),
	"ndjson":       bigFile("events.ndjson"),
	"json array":   bigFile("events.json"),
	"parquet":      bigFile("events.parquet"),
	"csv gz":       bigFile("events.csv.gz"),
	"ndjson zst":   bigFile("events.ndjson.zst"),
	"ndjson gz":    bigFile("events.ndjson.gz"),
	"json gz":      bigFile("events.json.gz"),
	"csv zst":      bigFile("events.csv.zst"),
	"named format": func(w *world) []string { return append([]string{"-format", "csv"}, renamed(w, "events.csv", "export")) },
	"glob":         globOfFiles,
	"duckdb":       duckdbFile,
	"sqlite":       sqliteFile,
	"query":        queryOverFile,
	"database":     queryOverDatabase,
	"delimiter":    otherDelimiter,
	"utf-16":       utf16File,
}

func TestFormats(t *testing.T) {
	for name, source := range formats {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.secrets = append(w.secrets, "person_", "/products/")
			w.sqlite = name == "sqlite"
			args := source(w)
			r := w.ok(args...)
			assert.EqualValues(t, formatRows, r.report.Rows)
			assert.EqualValues(t, formatRows, r.report.Delivered)
			w.require(t, numbered("track", formatRows), 0)
			w.requireBigEvents(t)
			switch name {
			case "glob", "query", "sqlite", "duckdb", "parquet": // what they read has to be in the same order
				w.nothingMore(r.report, args...)
			}
		})
	}
}

// requireBigEvents compares what is stored with the rows of bigfile.
func (w *world) requireBigEvents(t *testing.T) {
	t.Helper()
	for _, e := range w.srv.Events() {
		n := number(e.Properties)
		require.GreaterOrEqual(t, n, 0, "%v", e.Properties)
		want := map[string]any{
			"n": float64(n), "seats": float64(n * 31 % 97), "amount": float64(n*17%100_000) / 100,
			"plan": []string{"free", "team", "business"}[n%3], "trial": n%5 == 0, "path": fmt.Sprintf("/products/%d", n*13%4000),
			"country": []string{"DE", "FR", "JP", "BR", "US", "KE", "IN"}[n%7], "token": e.Properties["token"],
			"$lib": "altertable-import", "$lib_version": e.Properties["$lib_version"], "$ip": 0.0, "$event_id": e.Properties["$event_id"],
		}
		if w.sqlite { // it has no booleans: what is declared as one is a number
			want["trial"] = map[bool]float64{true: 1}[n%5 == 0]
		}
		require.Equal(t, want, e.Properties, "row %d", n)
		require.Len(t, e.Properties["token"], 32)
		require.NotEmpty(t, e.Properties["$lib_version"])
		require.Equal(t, []string{"page_viewed", "checkout_completed", "plan_upgraded", "signed_up"}[n%4], e.Event)
		require.Equal(t, fmt.Sprintf("person_%d", n*7919%50_000), e.DistinctID)
		require.EqualValues(t, 1_700_000_000_000+int64(n)*104_729%31_536_000_000, e.Timestamp.UnixMilli())
		require.Equal(t, "production", e.Environment)
	}
}

func renamed(w *world, from, to string) string {
	path := filepath.Join(w.dir, to)
	require.NoError(w.t, os.Rename(bigFile(from)(w)[0], path))
	return path
}

// globOfFiles has the rows in three files, of which each has the header.
func globOfFiles(w *world) []string {
	lines := strings.SplitAfter(w.read(bigFile("all.csv")(w)[0]), "\n")
	require.NoError(w.t, os.Remove(filepath.Join(w.dir, "all.csv")))
	header, rows := lines[0], lines[1:]
	for i, part := range [][]string{rows[:300], rows[300:301], rows[301:]} {
		w.file(fmt.Sprintf("part-%d.csv", i), header+strings.Join(part, ""))
	}
	return []string{filepath.Join(w.dir, "part-*.csv")}
}

func otherDelimiter(w *world) []string {
	text := w.read(bigFile("events.csv")(w)[0]) // no value has a comma
	return []string{"-delimiter", "|", w.file("piped.csv", strings.ReplaceAll(text, ",", "|"))}
}

func utf16File(w *world) []string {
	text := w.read(bigFile("events.csv")(w)[0])
	wide := []byte{0xff, 0xfe}
	for _, r := range text { // it is all ASCII
		wide = append(wide, byte(r), 0)
	}
	return []string{"-encoding", "utf-16", w.file("wide.csv", string(wide))}
}

func queryOverFile(w *world) []string {
	path := bigFile("events.parquet")(w)[0]
	query := "SELECT distinct_id AS distinct_id, * EXCLUDE (distinct_id) FROM '" + path + "'"
	return []string{"-sql", query, "-state", filepath.Join(w.dir, "query.state")}
}

func duckdbFile(w *world) []string {
	path := filepath.Join(w.dir, "events.duckdb")
	w.fill("duckdb", path, "CREATE TABLE events AS "+bigfile.Query(formatRows), "CREATE TABLE others AS SELECT 1 AS a")
	return []string{"-table", "events", path}
}

func queryOverDatabase(w *world) []string {
	path := duckdbFile(w)[2]
	return []string{"-sql", "SELECT * FROM events WHERE n >= 0", "-state", filepath.Join(w.dir, "query.state"), path}
}

func sqliteFile(w *world) []string {
	path := filepath.Join(w.dir, "events.sqlite")
	statements := []string{"CREATE TABLE events (event TEXT, distinct_id TEXT, timestamp TEXT, n INTEGER, seats INTEGER, amount REAL, plan TEXT, trial BOOLEAN, path TEXT, country TEXT, token TEXT)"}
	lines := strings.Split(strings.TrimSpace(w.read(bigFile("events.csv")(w)[0])), "\n")[1:]
	for i, line := range lines {
		c := strings.Split(line, ",")
		lines[i] = fmt.Sprintf("('%s','%s','%s',%s,%s,%s,'%s',%s,'%s','%s','%s')", c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7], c[8], c[9], c[10])
	}
	w.fill("sqlite", path, append(statements, "INSERT INTO events VALUES "+strings.Join(lines, ","))...)
	return []string{path}
}

// fill makes a database.
func (w *world) fill(driver, path string, statements ...string) {
	w.t.Helper()
	db, err := sql.Open(driver, path)
	require.NoError(w.t, err)
	defer db.Close()
	for _, s := range statements {
		_, err := db.Exec(s)
		require.NoError(w.t, err)
	}
}

func bigFile(name string) func(w *world) []string {
	return func(w *world) []string {
		path := filepath.Join(w.dir, name)
		require.NoError(w.t, bigfile.Events(w.t.Context(), path, formatRows))
		return []string{path}
	}
}

// Standard input needs a name for the state, and goes on like a file.
func TestStandardInput(t *testing.T) {
	w := newWorld(t)
	text := w.read(bigFile("events.ndjson")(w)[0])
	r := w.pipe(strings.NewReader(text), "-")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, "-state")
	assert.Zero(t, w.stored())
	args := []string{"-state", filepath.Join(w.dir, "input.state"), "-"}
	for range 2 {
		r = w.pipe(strings.NewReader(text), args...)
		require.Zero(t, r.code, tail(r.said()))
		require.NotNil(t, r.report)
		assert.EqualValues(t, formatRows, r.report.Delivered)
	}
	assert.EqualValues(t, formatRows, r.report.Earlier)
	w.require(t, numbered("track", formatRows), 0)
	w.requireBigEvents(t)
}
