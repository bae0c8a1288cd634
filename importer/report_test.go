package main

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReportReplacesTheFile(t *testing.T) {
	path := write(t, "report.json", "old")
	link := filepath.Join(t.TempDir(), "link.json")
	if err := os.Symlink(path, link); err != nil {
		t.Skip("no symbolic links here: ", err)
	}
	r, err := openReport(link)
	require.NoError(t, err)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "old", string(text), "until there is a new one")
	require.NoError(t, r.write(&report{Rows: 7}))
	assert.EqualValues(t, 7, readReport(t, path).Rows)
	assert.NotNil(t, readReport(t, link).Rejected)
	info, err := os.Lstat(link)
	require.NoError(t, err)
	assert.NotZero(t, info.Mode()&os.ModeSymlink, "the link stays")
	files, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	assert.Len(t, files, 1)
}

// TestAKillLeavesNoReport looks at the directory at each moment at which the command
// says something: a process that is killed leaves what is there then.
func TestAKillLeavesNoReport(t *testing.T) {
	for name, old := range map[string]bool{"no report before": false, "a report before": true} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "r.json")
			var want []string
			if old {
				require.NoError(t, os.WriteFile(path, []byte("old"), 0o600))
				want = []string{"r.json"}
			}
			looks := 0
			look := func(string) {
				looks++
				entries, err := os.ReadDir(dir)
				require.NoError(t, err)
				var names []string
				for _, entry := range entries {
					names = append(names, entry.Name())
				}
				assert.Equal(t, want, names)
			}
			s := newShell(t, newServer(t))
			s.out, s.err, s.report = &output{on: look}, &output{on: look}, path
			source := write(t, "events.csv", clean)
			require.Equal(t, exitOK, s.run("-dry-run", source), s.said())
			require.NoError(t, os.Remove(path))
			if old {
				require.NoError(t, os.WriteFile(path, []byte("old"), 0o600))
			}
			require.Equal(t, exitOK, s.run(source), s.said())
			assert.True(t, readReport(t, path).Finished)
			assert.Greater(t, looks, 10)
		})
	}
}

// TestReportToADevice does not put a file in its place.
func TestReportToADevice(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("it has no such device")
	}
	r, err := openReport(os.DevNull)
	require.NoError(t, err)
	require.NoError(t, r.write(&report{}))
	info, err := os.Stat(os.DevNull)
	require.NoError(t, err)
	assert.False(t, info.Mode().IsRegular())
}

func TestReportIsLostWithItsDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "reports")
	require.NoError(t, os.Mkdir(dir, 0o700))
	r, err := openReport(filepath.Join(dir, "report.json"))
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(dir))
	assert.ErrorContains(t, r.write(&report{}), "cannot be written")
	assert.NoError(t, (*reportFile)(nil).write(&report{}))
}
