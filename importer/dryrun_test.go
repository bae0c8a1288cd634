package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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
			assert.False(t, r.Finished)
			assert.EqualValues(t, 2, r.refused())
			assert.Equal(t, map[string]map[string]int64{"2026-01-01": {"signed_up": 1}, "2026-01-02": {"plan_upgraded": 1}}, r.Days)
			files, err := os.ReadDir(filepath.Dir(source))
			require.NoError(t, err)
			assert.Len(t, files, 1, "a dry run leaves no files")
		})
	}
	assert.Empty(t, srv.Requests())
}

func TestShowValues(t *testing.T) {
	s := newShell(t, nil)
	require.Equal(t, exitOK, s.run("-show-values", write(t, "events.csv", clean)))
	assert.Contains(t, s.out.String(), `distinct_id: "u_1"`)
	assert.Contains(t, s.out.String(), `seats: 5`)
}
