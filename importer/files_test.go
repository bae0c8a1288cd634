package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAPatternDoesNotMeanOurFiles imports a directory in which a killed import
// has left all of its files.
func TestAPatternDoesNotMeanOurFiles(t *testing.T) {
	srv := newServer(t)
	s := newShell(t, srv)
	source := write(t, "events.csv", clean)
	for _, suffix := range ourSuffixes {
		require.NoError(t, os.WriteFile(source+suffix, nil, 0o600))
	}
	all := filepath.Join(filepath.Dir(source), "*")
	require.Equal(t, exitOK, s.run(all), s.said())
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(source), "more.csv"), []byte(clean), 0o600))
	require.Equal(t, exitOK, s.run(all), s.said())
	require.Equal(t, exitOK, s.run(all), "again: "+s.said())
	assert.Len(t, srv.Events(), 3+6)
}

// TestAShellExpandsAPattern names all files of a folder, as a shell does, twice.
func TestAShellExpandsAPattern(t *testing.T) {
	srv := newServer(t)
	dir := filepath.Dir(write(t, "a.ndjson", `{"event":"signed_up","distinct_id":"u_1","timestamp":"2026-01-01"}`+"\n5\n"))
	for _, note := range []bool{false, true} {
		paths, err := filepath.Glob(filepath.Join(dir, "*.ndjson"))
		require.NoError(t, err)
		s := newShell(t, srv)
		require.Equal(t, exitRefused, s.run(paths...), s.said())
		assert.Len(t, srv.Events(), 1)
		assert.Equal(t, note, strings.Contains(s.err.String(), "a.ndjson.rejects.ndjson is left out"), s.err.String())
	}
}

func TestStandardInput(t *testing.T) {
	srv := newServer(t)
	s := newShell(t, srv)
	s.in = strings.NewReader(clean)
	require.Equal(t, exitFailed, s.run("-format", "csv", "-"))
	assert.Contains(t, s.err.String(), "standard input needs -state FILE")
	s.in = strings.NewReader(faulty)
	state := filepath.Join(t.TempDir(), "input.state")
	require.Equal(t, exitRefused, s.run("-format", "csv", "-state", state, "-"), s.said())
	assert.Len(t, srv.Events(), 2)
	assert.FileExists(t, filepath.Join(filepath.Dir(state), "input"+rejectsSuffix))
}

func TestQueryNeedsState(t *testing.T) {
	s := newShell(t, newServer(t))
	require.Equal(t, exitFailed, s.run("-sql", "SELECT 1 AS distinct_id"))
	assert.Contains(t, s.err.String(), "-state FILE")
	assert.Equal(t, exitOK, newShell(t, nil).run("-sql", "SELECT 'u_1' AS distinct_id, 'pro' AS plan"), "a dry run notes nothing")
}

func TestFilesAreChecked(t *testing.T) {
	srv := newServer(t)
	source := write(t, "events.csv", clean)
	dir := filepath.Dir(source)
	none := filepath.Join(dir, "none", "file")
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"state":                  {[]string{"-state", none}, "name another file with -state"},
		"rejects":                {[]string{"-rejects", none}, "name another file with -rejects"},
		"report":                 {[]string{"-report", none}, "name another file with -report"},
		"report is a directory":  {[]string{"-report", dir}, "is a directory"},
		"state is the source":    {[]string{"-state", source}, "-state and the source are one file"},
		"report is the source":   {[]string{"-report", source}, "-report and the source are one file"},
		"rejects and state":      {[]string{"-rejects", none + "x", "-state", filepath.Join(dir, "none", "..", "none", "filex")}, "-state and -rejects are one file"},
		"a directory of its own": {[]string{dir}, "directory"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShell(t, srv)
			assert.Equal(t, exitFailed, s.run(append(test.args, source)...))
			assert.Contains(t, s.err.String(), test.want)
			assert.Equal(t, 1, strings.Count(s.err.String(), "altertable-import:"), s.err.String())
			files, err := os.ReadDir(dir)
			require.NoError(t, err)
			assert.Len(t, files, 1, "nothing half done")
		})
	}
	text, err := os.ReadFile(source)
	require.NoError(t, err)
	assert.Equal(t, clean, string(text))
	assert.Empty(t, srv.Requests())
}

// TestRejectsOfAnotherImport are perhaps about to be mended.
func TestRejectsOfAnotherImport(t *testing.T) {
	srv := newServer(t)
	s := newShell(t, srv)
	source := write(t, "events.csv", faulty)
	require.NoError(t, os.WriteFile(source+rejectsSuffix, []byte("mended\n"), 0o600))
	require.Equal(t, exitFailed, s.run(source))
	assert.Contains(t, s.err.String(), "is of another import")
	assert.Empty(t, srv.Requests())
}
