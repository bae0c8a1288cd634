package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAFailingQuerySaysNoValue looks for values in all that a run leaves: what it
// says, its report, its state and its rejects.
func TestAFailingQuerySaysNoValue(t *testing.T) {
	const secret = "hunter2"
	source := write(t, "events.csv", "event,distinct_id,timestamp,note\nsigned_up,u_1,2026-01-02,hunter2(\n")
	for _, expression := range []string{
		"note::INT", "note::TIMESTAMP", "strptime(note, '%Y')", "timezone(note, TIMESTAMP '2026-01-01')", "regexp_matches('', note)",
		"error(note)", "format('{' || note, 1)", "json(note)", "date_trunc(note, DATE '2026-01-01')", "unhex(note)",
	} {
		for name, args := range map[string][]string{
			"source": {"-sql", "SELECT event, distinct_id, timestamp, " + expression + " AS made FROM source", source},
			"file":   {"-sql", "SELECT event, distinct_id, timestamp, " + expression + " AS made FROM '" + source + "'"},
		} {
			t.Run(name+" "+strings.ReplaceAll(expression, "%", ""), func(t *testing.T) {
				dir := t.TempDir()
				s := newShell(t, newServer(t))
				args := append([]string{"-report", filepath.Join(dir, "report.json"), "-state", filepath.Join(dir, "state"), "-rejects", filepath.Join(dir, "rejects")}, args...)
				require.Equal(t, exitFailed, s.run(args...), s.said())
				assert.NotContains(t, s.said(), secret)
				assert.Contains(t, s.err.String(), "TRY")
				assert.Contains(t, s.err.String(), "-show-values")
				require.NotEmpty(t, readReport(t, filepath.Join(dir, "report.json")).Error)
				require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
					if err != nil || entry.IsDir() {
						return err
					}
					text, err := os.ReadFile(path)
					assert.NotContains(t, string(text), secret, path)
					return err
				}))
			})
		}
	}
}

func TestAFailingQueryWithValues(t *testing.T) {
	source := write(t, "events.csv", "event,distinct_id,timestamp\nsigned_up,u_1,02/01/2026\n")
	s, report := newShell(t, nil), filepath.Join(t.TempDir(), "report.json")
	query := "SELECT * REPLACE (timestamp::TIMESTAMP AS timestamp) FROM source"
	require.Equal(t, exitFailed, s.run("-dry-run", "-show-values", "-report", report, "-sql", query, source))
	assert.Contains(t, s.err.String(), "the SQL of the mapping: Could not convert a value of the column timestamp to a timestamp: TRY_CAST")
	assert.Equal(t, 1, strings.Count(s.err.String(), `"02/01/2026"`), s.err.String())
	assert.NotContains(t, readReport(t, report).Error, "02/01", "the report is passed on")
}
