package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A badInput is a source that cannot be imported. It ends the command with 1 and a
// sentence that has the words.
type badInput struct {
	name  string // of the file
	text  string
	args  []string
	words []string
}

var badInputs = map[string]badInput{
	"no distinct_id":  {"e.csv", "event,person,timestamp\nzq7x,zq7x,2024-03-01\n", nil, []string{"distinct_id", "person"}},
	"no event":        {"e.csv", "name,distinct_id,timestamp\nzq7x,zq7x,2024-03-01\n", []string{"-as", "track"}, []string{"event", "name"}},
	"no timestamp":    {"e.csv", "event,distinct_id\nzq7x,zq7x\n", nil, []string{"timestamp"}},
	"no new_user_id":  {"e.csv", "distinct_id,plan\nzq7x,zq7x\n", []string{"-as", "alias"}, []string{"new_user_id"}},
	"empty":           {"e.csv", "", nil, []string{"e.csv", "empty"}},
	"empty ndjson":    {"e.ndjson", "", nil, []string{"e.ndjson", "empty"}},
	"empty json":      {"e.json", "", nil, []string{"e.json", "empty"}},
	"empty parquet":   {"e.parquet", "", nil, []string{"e.parquet", "empty"}},
	"blank":           {"e.ndjson", "\n\n \n", nil, []string{"e.ndjson"}},
	"a header alone":  {"e.csv", "event,distinct_id,timestamp\n", nil, []string{"e.csv"}},
	"not parquet":     {"e.parquet", strings.Repeat("zq7x", 100), nil, []string{"e.parquet"}},
	"not gzip":        {"e.csv.gz", strings.Repeat("zq7x", 100), nil, []string{"e.csv.gz"}},
	"not zstd":        {"e.csv.zst", strings.Repeat("zq7x", 100), nil, []string{"e.csv.zst"}},
	"not sqlite":      {"e.sqlite", strings.Repeat("zq7x", 100), nil, []string{"e.sqlite"}},
	"not duckdb":      {"e.duckdb", strings.Repeat("zq7x", 100), nil, []string{"e.duckdb"}},
	"json of no rows": {"e.json", `"zq7x"`, nil, []string{"e.json"}},
	"unknown name":    {"e.xlsx", "PK\x03\x04zq7x", nil, []string{"e.xlsx", "CSV"}},
	"utf-16":          {"e.csv", "e\x00v\x00e\x00n\x00t\x00\n\x00", nil, []string{"e.csv", "utf-16"}},
	"a zero byte":     {"e.csv", "event,distinct_id,timestamp\nzq7x\x00,zq7x,2024-03-01\x00\n", nil, nil},
	"bad SQL":         {"e.csv", "event,distinct_id,timestamp\nzq7x,zq7x,2024-03-01\n", []string{"-sql", "SELEC zq FROM", "-state", "s"}, nil},
}

func TestBadInput(t *testing.T) {
	for name, c := range badInputs {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			path := w.file(c.name, c.text)
			if c.args != nil && c.args[0] == "-sql" {
				c.args[3] = filepath.Join(w.dir, "s")
			}
			r := w.run(append(c.args, path)...)
			w.bad(t, r, c.words...)
			files, err := os.ReadDir(w.dir)
			require.NoError(t, err)
			if r.code == 1 {
				assert.Len(t, files, 1, "nothing half done")
			}
		})
	}
}

// bad is the end of an import of nothing.
func (w *world) bad(t *testing.T, r result, words ...string) {
	t.Helper()
	if len(words) > 0 {
		assert.Equal(t, 1, r.code, tail(r.said()))
	} else {
		assert.Contains(t, []int{1, 2}, r.code, tail(r.said()))
	}
	for _, word := range words {
		assert.Contains(t, strings.ToLower(r.stderr), strings.ToLower(word))
	}
	assert.Less(t, len(r.stderr), 2000, "a sentence is enough: %s", r.stderr)
	assert.Empty(t, w.srv.Requests())
	t.Logf("%s", r.stderr)
}

func TestBadArguments(t *testing.T) {
	w := newWorld(t)
	source := w.file("e.csv", "event,distinct_id,timestamp\nzq7x,zq7x,2024-03-01\n")
	for name, c := range map[string]struct {
		words []string
		args  []string
	}{
		"no source":          {[]string{"file"}, nil},
		"missing file":       {[]string{"none.csv"}, []string{filepath.Join(w.dir, "none.csv")}},
		"directory":          {[]string{"directory"}, []string{w.dir}},
		"pattern of nothing": {[]string{"*.none"}, []string{filepath.Join(w.dir, "*.none")}},
		"format":             {[]string{"-format", "csv"}, []string{"-format", "xml", source}},
		"as":                 {[]string{"-as", "identify"}, []string{"-as", "group", source}},
		"preset":             {[]string{"segment"}, []string{"-preset", "none", source}},
		"preset and sql":     {[]string{"-preset", "-sql"}, []string{"-preset", "segment", "-sql", "SELECT 1", "-state", filepath.Join(w.dir, "s")}},
		"since":              {[]string{"-since"}, []string{"-since", "yesterday", source}},
		"until before since": {[]string{"-until"}, []string{"-since", "2024-02-01", "-until", "2024-01-01", source}},
		"rate":               {[]string{"-rate"}, []string{"-rate", "-1", source}},
		"only":               {[]string{"-only"}, []string{"-only", "group", source}},
		"to":                 {[]string{"-to"}, []string{"-to", "moon", source}},
		"unknown flag":       {[]string{"-fast"}, []string{"-fast", source}},
		"temp":               {[]string{"none"}, []string{"-temp", filepath.Join(w.dir, "none", "deeper"), source}},
		"report":             {[]string{"none"}, []string{"-report", filepath.Join(w.dir, "none", "r.json"), source}},
		"rejects":            {[]string{"none"}, []string{"-rejects", filepath.Join(w.dir, "none", "r.ndjson"), w.file("f.csv", faulty)}},
		"state":              {[]string{"none"}, []string{"-state", filepath.Join(w.dir, "none", "s"), source}},
		"state of another":   {[]string{"e.csv", "state"}, []string{"-state", source, source}},
		"sql without state":  {[]string{"-state"}, []string{"-sql", "SELECT 1"}},
	} {
		r := w.run(c.args...)
		t.Run(name, func(t *testing.T) { w.bad(t, r, c.words...) })
	}
	assert.Equal(t, "event,distinct_id,timestamp\nzq7x,zq7x,2024-03-01\n", w.read(source))
}

// Rows in another encoding, and fields beyond all measure, are refused by row. The
// others arrive.
func TestBadRows(t *testing.T) {
	w := newWorld(t)
	huge := strings.Repeat("zq7x", 50<<20/4)
	source := w.file("e.csv", "event,distinct_id,timestamp,n,note\n"+
		"page_viewed,zq7x-u1,2024-03-01T08:00:00Z,0,zq7x\n"+
		"page_viewed,zq7x-u1,2024-03-01T08:00:00Z,1,zq7x \xe4\xf6\xfc\n"+
		"page_viewed,zq7x-u1,2024-03-01T08:00:00Z,2,\""+huge+"\"\n"+
		"page_viewed,zq7x-u1,2024-03-01T08:00:00Z,3,zq7x\n")
	w.refused(1, []string{"e.csv", "utf-8", "latin-1"}, source)
	r := w.run("-encoding", "utf-8", source)
	assert.Equal(t, 2, r.code, tail(r.said()))
	w.require(t, map[id]bool{{"track", 0}: true, {"track", 3}: true}, 0)
	require.NotNil(t, r.report)
	assert.EqualValues(t, 2, r.report.refused(), "%v", r.report.Rejected)
}

// The same in JSON: what is torn, not an object, or deep beyond measure.
func TestBadLines(t *testing.T) {
	w := newWorld(t)
	line := func(more string) string {
		return `{"event":"page_viewed","distinct_id":"zq7x-u1","timestamp":"2024-03-01T08:00:00Z"` + more + "\n"
	}
	source := w.file("e.ndjson", line(`,"n":0}`)+line(`,"n":1,"note":"zq7x`)+"[1,2]\nnull\nzq7x\n"+line(`,"n":2,"note":NaN}`)+
		line(`,"n":3,"note":"zq7x `+"\xe4"+`"}`)+line(`,"n":4,"deep":`+strings.Repeat("[", 5000)+strings.Repeat("]", 5000)+`}`)+
		line(`,"n":5,"note":1e999}`)+line(`,"n":6,"note":"`+strings.Repeat("zq7x", 3<<20/4)+`"}`)+
		`{"endpoint":"zq7x",`+line(`,"n":8}`)[1:]+line(`,"n":9,"properties":"zq7x"}`)+line(`,"n":10,"environment":{"zq7x":1}}`)+
		`{"event":"page_viewed","distinct_id":["zq7x"],"timestamp":"2024-03-01T08:00:00Z","n":11}`+"\n"+
		`{"event":"page_viewed","distinct_id":"zq7x-u1","timestamp":"zq7x","n":12}`+"\n"+line(`,"n":7}`))
	require.Equal(t, 2, w.run("-as", "track", "-dry-run", source).code)
	r := w.run("-as", "track", source)
	assert.Equal(t, 2, r.code, tail(r.said()))
	w.require(t, map[id]bool{{"track", 0}: true, {"track", 7}: true}, 0)
	require.NotNil(t, r.report)
	assert.EqualValues(t, 14, r.report.refused(), "%v", r.report.Rejected)
}

// A source that nobody may read, and a directory that nobody may write to.
func TestNoPermission(t *testing.T) {
	w := newWorld(t)
	source := w.file("e.ndjson", `{"event":"page_viewed","distinct_id":"zq7x-u1","timestamp":"2024-03-01T08:00:00Z","n":0}`)
	as := w.asNobody(t)
	require.NoError(t, os.Chmod(source, 0))
	w.bad(t, as(source), "e.ndjson", "permission")
	require.NoError(t, os.Chmod(source, 0o444))
	require.NoError(t, os.Chmod(w.dir, 0o555))
	w.bad(t, as(source), "-state")
	require.NoError(t, os.Chmod(w.dir, 0o755))
}
