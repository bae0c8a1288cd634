package main

import (
	"database/sql"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSQLOverFilesIsPrinted(t *testing.T) {
	s := newShell(t, nil)
	path := write(t, "own.csv", ownNames)
	require.Equal(t, exitOK, s.run("-print-sql", "-sql", ownMapping, path), s.said())
	printed := s.out.String()
	assert.Contains(t, printed, "AS distinct_id")
	require.Equal(t, exitRefused, s.run("-sql", printed), s.said())
	assert.Contains(t, s.out.String(), "1 track")
}

func TestPrintSQL(t *testing.T) {
	s := newShell(t, newServer(t))
	source := write(t, "it's events.csv", clean)
	require.Equal(t, exitOK, s.run("-print-sql", source), s.said())
	sql := s.out.String()
	assert.Regexp(t, `^-- A row that DuckDB cannot read is refused, and not counted: .*\n-- .*\nWITH source AS \(`, sql)
	dry := newShell(t, nil)
	require.Equal(t, exitOK, dry.run("-sql", sql), dry.said())
	assert.Contains(t, dry.out.String(), "1 identify, 3 tracks")
}

func TestPrintPresetsSQL(t *testing.T) {
	for _, source := range []string{"segment/calls.ndjson", "amplitude/events.json.gz"} {
		t.Run(source, func(t *testing.T) {
			s := newShell(t, nil)
			name, _, _ := strings.Cut(source, "/")
			path := filepath.Join("testdata", source)
			summary := regexp.MustCompile(`(?s)\n  to send .*?\n\n`)
			status := s.run("-preset", name, path)
			require.NotEqual(t, exitFailed, status, s.said())
			want := summary.FindString(s.out.String())
			require.Equal(t, exitOK, s.run("-preset", name, "-print-sql", path), s.said())
			require.Equal(t, status, s.run("-sql", s.out.String()), s.said())
			assert.Equal(t, want, summary.FindString(s.out.String()), "the SQL does what the preset does")
		})
	}
}

// The SQL says that it counts otherwise than the import, where it does.
func TestPrintedSQLSaysWhichRowsItCounts(t *testing.T) {
	torn := write(t, "torn.csv", "event,distinct_id,timestamp\nsigned_up,u1\nsigned_up,u2,never\n")
	s := newShell(t, nil)
	require.Equal(t, exitRefused, s.run(torn), s.said())
	assert.Regexp(t, `not a timestamp|timestamp.*\n.*row 2`, s.out.String())
	require.Equal(t, exitOK, s.run("-print-sql", torn), s.said())
	printed := s.out.String()
	assert.Contains(t, printed, "rows behind it\n-- have smaller numbers")
	require.Equal(t, exitRefused, s.run("-sql", printed), s.said())
	assert.Regexp(t, `timestamp.*\n.*row 1`, s.out.String())

	parquet := filepath.Join(t.TempDir(), "a.parquet")
	db, err := sql.Open("duckdb", "")
	require.NoError(t, err)
	defer db.Close()
	_, err = db.Exec("COPY (SELECT 1 AS n) TO '" + parquet + "'")
	require.NoError(t, err)
	require.Equal(t, exitOK, s.run("-print-sql", parquet), s.said())
	assert.NotContains(t, s.out.String(), "--")
}
