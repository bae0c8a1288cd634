package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOptOut(t *testing.T) {
	tl := newTool(t)
	for _, variable := range []string{"DO_NOT_TRACK", "EXAMPLE_CLI_NO_ANALYTICS"} {
		for _, value := range []string{"1", "true", "yes", "2"} {
			t.Run(variable+"="+value, func(t *testing.T) {
				got := tl.run([]string{variable + "=" + value}, "-v", "count", "file.txt")
				assert.Zero(t, got.status)
				assert.Empty(t, got.stderr)
				assert.NoDirExists(t, tl.dir)

				got = tl.run([]string{variable + "=" + value}, "deliver")
				assert.Contains(t, got.stdout, "nothing is delivered")
				assert.NoDirExists(t, tl.dir)
			})
		}
	}
	for _, value := range []string{"", "0", "false", "False"} {
		t.Run("DO_NOT_TRACK="+value, func(t *testing.T) {
			tl.dir = filepath.Join(t.TempDir(), "datadir")
			tl.run([]string{"DO_NOT_TRACK=" + value}, "count", "file.txt")
			assert.DirExists(t, tl.dir)
		})
	}
}

// An opt-out also keeps a delivery from starting that is due.
func TestOptOutStartsNothing(t *testing.T) {
	tl := newTool(t)
	tl.run(nil, "count", "file.txt")
	begun := ageStamp(t, tl.dir, 2*deliveryInterval)
	tl.run([]string{"DO_NOT_TRACK=1", "ALTERTABLE_BASE_URL=http://127.0.0.1:1", "ALTERTABLE_API_KEY=any"}, "count", "file.txt")
	assert.Equal(t, begun, stampTime(t, tl.dir))
}

// The command works all the same, and says nothing unless it is asked.
func TestFailingSpool(t *testing.T) {
	tl := newTool(t)
	file := filepath.Join(tl.cwd, "file.txt")
	for name, prepare := range map[string]func(t *testing.T){
		"the directory cannot be made": func(*testing.T) { tl.dir = filepath.Join(file, "data") },
		"the spool is a file": func(t *testing.T) {
			tl.dir = t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(tl.dir, "anonymous_id"), []byte("anonymous-1"), 0o600))
			require.NoError(t, os.WriteFile(spoolDir(tl.dir), nil, 0o600))
		},
		"the id cannot be read": func(t *testing.T) {
			tl.dir = t.TempDir()
			require.NoError(t, os.Mkdir(filepath.Join(tl.dir, "anonymous_id"), 0o700))
		},
		"the id is empty": func(t *testing.T) {
			tl.dir = t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(tl.dir, "anonymous_id"), nil, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			prepare(t)
			got := tl.run(nil, "count", "file.txt")
			assert.Zero(t, got.status)
			assert.Contains(t, got.stdout, "file.txt")
			assert.Empty(t, got.stderr)

			got = tl.run(nil, "-v", "count", "file.txt")
			assert.Zero(t, got.status)
			assert.Contains(t, got.stderr, "cli: this run was not recorded: ")
			assert.Equal(t, 1, strings.Count(got.stderr, "\n"), got.stderr)
		})
	}
}

// What is on disk holds neither arguments nor paths nor content, and nobody
// else may read it.
func TestFilesTellNothing(t *testing.T) {
	tl := newTool(t)
	require.NoError(t, os.WriteFile(filepath.Join(tl.cwd, "secretname"), []byte("secretcontent"), 0o600))
	assert.Zero(t, tl.run(nil, "count", "secretname").status)
	assert.Zero(t, tl.run(nil, "count", "secretname", filepath.Join(tl.cwd, "secretname"), "-").status)
	assert.Equal(t, 1, tl.run(nil, "count", "secretmissing").status)
	assert.Equal(t, 2, tl.run(nil, "secretcommand").status)

	var all bytes.Buffer
	require.NoError(t, filepath.WalkDir(tl.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		all.Write(text)
		return err
	}))
	assert.Equal(t, 3, strings.Count(all.String(), "command_run"), "a mistake in the arguments is no run")
	for _, private := range []string{"secret", "userdir", "datadir", filepath.Dir(tl.cwd)} {
		assert.NotContains(t, all.String(), private)
	}
}

func TestInstallation(t *testing.T) {
	rec := &recorder{dir: t.TempDir()}
	id, first, err := rec.installation()
	require.NoError(t, err)
	assert.True(t, first)
	assert.True(t, strings.HasPrefix(id, "anonymous-"), id)
	again, first, err := rec.installation()
	require.NoError(t, err)
	assert.False(t, first)
	assert.Equal(t, id, again)

	files, err := os.ReadDir(rec.dir)
	require.NoError(t, err)
	require.Len(t, files, 1, "nothing is left of how it was made")
	info, err := files[0].Info()
	require.NoError(t, err)
	if info.Mode().Perm() != 0o666 { // Windows has no such permissions
		assert.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
	}
}

// A recording goes on in the background at most every few minutes, and not at
// the first run, whose notice says how to opt out.
func TestDeliveryStarts(t *testing.T) {
	t.Setenv("ALTERTABLE_API_KEY", "any")
	started := 0
	rec := &recorder{dir: t.TempDir(), stderr: new(bytes.Buffer), start: func(string) error { started++; return nil }}
	for _, step := range []struct {
		name    string
		age     time.Duration // of the last delivery, unless 0
		started int
	}{
		{"the first run", 0, 0},
		{"soon after", 0, 0},
		{"almost due", deliveryInterval - time.Minute, 0},
		{"due", deliveryInterval, 1},
		{"soon after that", 0, 1},
		{"due again", 24 * time.Hour, 2},
		{"a clock that is a little ahead", -time.Minute, 2},
		{"a clock that was wrong", -24 * time.Hour, 3},
		{"a clock that is right again", 0, 3},
	} {
		if step.age != 0 {
			ageStamp(t, rec.dir, step.age)
		}
		require.NoError(t, rec.record(commandRun{command: "count"}), step.name)
		assert.Equal(t, step.started, started, step.name)
	}

	ageStamp(t, rec.dir, deliveryInterval)
	broken := errors.New("broken")
	rec.start = func(string) error { return broken }
	require.ErrorIs(t, rec.record(commandRun{command: "count"}), broken)
	require.NoError(t, rec.record(commandRun{command: "count"}), "not tried again at once")
}

// ageStamp sets when the last delivery began.
func ageStamp(t *testing.T, dir string, age time.Duration) time.Time {
	t.Helper()
	begun := time.Now().Add(-age)
	require.NoError(t, os.Chtimes(filepath.Join(dir, "delivery_begun"), begun, begun))
	return stampTime(t, dir)
}

func stampTime(t *testing.T, dir string) time.Time {
	t.Helper()
	info, err := os.Stat(filepath.Join(dir, "delivery_begun"))
	require.NoError(t, err)
	return info.ModTime()
}
