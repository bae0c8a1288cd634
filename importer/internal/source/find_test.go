package source

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFindRefused(t *testing.T) {
	dir := t.TempDir()
	assert.Equal(t, "there is no file "+filepath.Join(dir, "a.csv"), failure(t, Spec{Paths: []string{filepath.Join(dir, "a.csv")}}))
	assert.Contains(t, failure(t, Spec{Paths: []string{dir}}), dir+" is a directory")
	assert.Contains(t, failure(t, Spec{Paths: []string{filepath.Join(dir, "*.csv")}}), "no file matches")
	assert.Contains(t, failure(t, Spec{Paths: []string{filepath.Join(dir, "[")}}), "not a pattern")
	if runtime.GOOS != "windows" && os.Getuid() != 0 {
		path := file1(t, "a.csv", "a\n1\n")
		require.NoError(t, os.Chmod(path, 0))
		assert.Equal(t, "cannot read "+path+": permission denied", failure(t, Spec{Paths: []string{path}}))
	}
}

func TestFindNames(t *testing.T) {
	path := file1(t, "a[1].csv", "a\n1\n")
	s, err := Find(Spec{Paths: []string{path}})
	require.NoError(t, err, "a name that could be a pattern")
	assert.Equal(t, []any{"a[1].csv", path, int64(4)}, []any{s.Name, s.Path, s.Bytes})
}

func TestStdin(t *testing.T) {
	text := "event,n\nsigned_up,1\n"
	many := "n\n" + strings.Repeat("1234567\n", 2*headSize/8)
	for name, c := range map[string]struct {
		spec Spec
		text string
		want string
	}{
		"CSV":   {Spec{}, text, "1|signed_up|1"},
		"gzip":  {Spec{}, gzipped(t, text), "1|signed_up|1"},
		"lines": {Spec{}, "{\"a\":1}\n", `1|{"a":1}`},
		"long":  {Spec{Format: "csv"}, many, "1|1234567"},
	} {
		t.Run(name, func(t *testing.T) {
			c.spec.Paths, c.spec.Stdin = []string{"-"}, strings.NewReader(c.text)
			s, db := load1(t, c.spec)
			assert.Equal(t, []any{"standard input", ""}, []any{s.Name, s.Path})
			assert.Equal(t, int64(len(c.text)), s.Bytes)
			assert.Equal(t, c.want, rows(t, db, "FROM source LIMIT 1")[0])
			entries, err := os.ReadDir(db.Dir)
			require.NoError(t, err)
			for _, entry := range entries {
				assert.NotEqual(t, "input", entry.Name(), "the copy is removed")
			}
		})
	}
	assert.Equal(t, "standard input is empty", failure(t, Spec{Paths: []string{"-"}, Stdin: strings.NewReader("")}))
	assert.Equal(t, "there is no standard input", failure(t, Spec{Paths: []string{"-"}}))
	torn := failure(t, Spec{Paths: []string{"-"}, Stdin: io.MultiReader(strings.NewReader("[{}"))})
	assert.Contains(t, torn, "cannot read standard input: ")
}

func TestLoadInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for _, spec := range []Spec{{Paths: []string{file1(t, "a.csv", "a\n1\n")}}, {SQL: "SELECT 1"}} {
		s, err := Find(spec)
		require.NoError(t, err)
		db := database(t)
		cancel()
		assert.ErrorIs(t, s.Load(ctx, db), context.Canceled)
	}
}

func TestFilesOfOneName(t *testing.T) {
	a, b := file1(t, "a.csv", "n\n1\n2,3\n"), file1(t, "a.csv", "n\n4\n")
	_, db := load1(t, Spec{Paths: []string{a, b}})
	assert.Equal(t, []string{"1|" + a + "|1", "1|" + b + "|4"}, rows(t, db, "FROM source"))
	assert.Equal(t, []string{"2|" + a}, rows(t, db, "SELECT row, file FROM torn"))

	var paths []string
	for range 2 {
		paths = append(paths, filepath.Join(t.TempDir(), "a.parquet"))
		made(t, "duckdb", "p.duckdb", "COPY (SELECT 1 AS n) TO '"+paths[len(paths)-1]+"'")
	}
	_, db = load1(t, Spec{Paths: paths})
	assert.Equal(t, []string{"1|" + paths[0] + "|1", "1|" + paths[1] + "|1"}, rows(t, db, "FROM source"))
}

// TestOursAreLeftOut names files as a shell expands a pattern.
func TestOursAreLeftOut(t *testing.T) {
	ours := []string{".import-state", ".rejects.ndjson"}
	for name, c := range map[string]struct{ paths, want, left []string }{
		"the second time": {
			[]string{"a.ndjson", "a.ndjson.import-state", "a.ndjson.rejects.ndjson", "b.ndjson"},
			[]string{"a.ndjson", "b.ndjson"}, []string{"a.ndjson.import-state", "a.ndjson.rejects.ndjson"},
		},
		"one file":           {[]string{"./z/a.csv", "z/a.csv.rejects.ndjson"}, []string{"./z/a.csv"}, []string{"z/a.csv.rejects.ndjson"}},
		"of a pattern":       {[]string{"z/_.csv.rejects.ndjson", "z/a.csv"}, []string{"z/a.csv"}, []string{"z/_.csv.rejects.ndjson"}},
		"of another pattern": {[]string{"z/b_.csv.rejects.ndjson", "z/a.csv"}, []string{"z/b_.csv.rejects.ndjson", "z/a.csv"}, nil},
		"another folder":     {[]string{"y/a.csv.rejects.ndjson", "z/a.csv"}, []string{"y/a.csv.rejects.ndjson", "z/a.csv"}, nil},
		"rejects alone":      {[]string{"a.csv.rejects.ndjson", "b.csv.rejects.ndjson"}, []string{"a.csv.rejects.ndjson", "b.csv.rejects.ndjson"}, nil},
		"rejects of rejects": {[]string{"a.rejects.ndjson", "a.rejects.ndjson.rejects.ndjson"}, []string{"a.rejects.ndjson"}, []string{"a.rejects.ndjson.rejects.ndjson"}},
		"one file twice":     {[]string{"a.csv", "./a.csv", "b/../a.csv"}, []string{"a.csv"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			all, left, err := expand(c.paths, ours)
			require.NoError(t, err)
			assert.Equal(t, c.want, all)
			assert.Equal(t, c.left, left)
		})
	}
	dir := files(t, "a.csv", "n\n1\n", "a.csv.rejects.ndjson", "{}", "b.csv", "n\n1\n")
	for pattern, want := range map[string]string{"*.csv": "", "*": filepath.Join(dir, "a.csv.rejects.ndjson") + " is left out: "} {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		require.NoError(t, err)
		s, err := Find(Spec{Paths: paths, Ours: ours})
		require.NoError(t, err)
		assert.Equal(t, "2 files", s.Name)
		assert.True(t, strings.HasPrefix(s.Note, want) && (s.Note == "") == (want == ""), s.Note)
	}
}
