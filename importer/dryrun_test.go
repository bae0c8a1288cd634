package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

func TestDryRun(t *testing.T) {
	srv := newServer(t)
	for name, test := range map[string]struct {
		variables map[string]string
		args      []string
		because   string
	}{
		"asked for": {map[string]string{"ALTERTABLE_API_KEY": testKey}, []string{"-dry-run"}, "."},
		"no key":    {nil, nil, ", because ALTERTABLE_API_KEY is not set."},
		"disabled":  {map[string]string{"ALTERTABLE_API_KEY": testKey, "ALTERTABLE_DISABLED": "true"}, nil, ", because ALTERTABLE_DISABLED is set."},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShell(t, srv)
			delete(s.variables, "ALTERTABLE_API_KEY")
			for name, value := range test.variables {
				s.variables[name] = value
			}
			source := write(t, "events.csv", clean)
			require.Equal(t, exitOK, s.run(append(test.args, source)...), s.said())
			assert.Equal(t, "Dry run of events.csv: nothing is sent"+test.because, strings.SplitN(s.out.String(), "\n", 2)[0])
			assert.Contains(t, s.out.String(), "1 identify, 3 tracks")
			assert.NotContains(t, s.out.String(), "u_1")
			reportPath := filepath.Join(t.TempDir(), "report.json")
			source = write(t, "events.csv", faulty)
			require.Equal(t, exitRefused, s.run(append(test.args, "-report", reportPath, source)...), s.said())
			assert.NotContains(t, s.said(), "hunter2")
			r := readReport(t, reportPath)
			assert.True(t, r.DryRun)
			assert.True(t, r.Finished, "all rows were looked at")
			assert.Positive(t, r.Seconds)
			assert.EqualValues(t, 2, r.refused())
			assert.Equal(t, map[string]map[string]int64{"2026-01-01": {"signed_up": 1}, "2026-01-02": {"plan_upgraded": 1}}, r.Days)
			files, err := os.ReadDir(filepath.Dir(source))
			require.NoError(t, err)
			assert.Len(t, files, 1, "a dry run leaves no files")
		})
	}
	assert.Empty(t, srv.Requests())
}

// TestReportOfADryRun says that it is one, whatever becomes of it, and of an import
// that it is none.
func TestReportOfADryRun(t *testing.T) {
	report := func(srv *altertabletest.Server, args ...string) report {
		s := newShell(t, srv)
		s.report = filepath.Join(t.TempDir(), "report.json")
		s.run(args...)
		return readReport(t, s.report)
	}
	source := write(t, "events.csv", clean)
	fails := report(nil, "-sql", "SELECT broken FROM source", source)
	assert.True(t, fails.DryRun)
	assert.False(t, fails.Finished)
	assert.NotEmpty(t, fails.Error)
	assert.Positive(t, fails.Seconds)
	srv := newServer(t)
	assert.True(t, report(srv, "-dry-run", source).DryRun)
	assert.Empty(t, srv.Requests())
	assert.False(t, report(srv, source).DryRun)
	assert.False(t, report(srv, "-show-values", source).DryRun)
	text, err := json.Marshal(&fails)
	require.NoError(t, err)
	assert.Contains(t, string(text), `"dry_run":true`)
}

// TestShowValuesSendsNothing is about who wants to look, and forgets that a key is
// set.
func TestShowValuesSendsNothing(t *testing.T) {
	srv := newServer(t)
	s := newShell(t, srv)
	source := write(t, "events.csv", clean)
	for _, args := range [][]string{{"-show-values", source}, {"-show-values", "none.csv"}, {"-show-values", "-state", filepath.Join(t.TempDir(), "s"), "-sql", "SELECT 1 AS distinct_id"}} {
		require.Equal(t, exitFailed, s.run(args...), "%v", args)
		assert.Contains(t, s.err.String(), "-show-values is for a dry run", "before anything is read")
	}
	files, err := os.ReadDir(filepath.Dir(source))
	require.NoError(t, err)
	assert.Len(t, files, 1)
	require.Equal(t, exitOK, s.run("-show-values", "-print-sql", source), s.said())
	require.Equal(t, exitOK, s.run("-show-values", "-dry-run", source), s.said())
	assert.Contains(t, s.out.String(), `"u_1"`)
	s.local = func([]string, func(string)) (console, error) { return nil, errors.New("enough") }
	s.run("-show-values", "-to", "local", source)
	assert.Contains(t, s.err.String(), "enough")
	assert.Empty(t, srv.Requests())
}

func TestShowValues(t *testing.T) {
	s := newShell(t, nil)
	require.Equal(t, exitOK, s.run("-show-values", write(t, "events.csv", clean)))
	assert.Contains(t, s.out.String(), `distinct_id: "u_1"`)
	assert.Contains(t, s.out.String(), `seats: 5`)
}
