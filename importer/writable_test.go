package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

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
