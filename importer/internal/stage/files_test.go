package stage

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
	"github.com/altertable-ai/altertable-go/importer/internal/source"
)

// stageFiles goes the whole way from files.
func stageFiles(t *testing.T, o Options, files map[string]string) []record.Row {
	t.Helper()
	ctx, dir := context.Background(), t.TempDir()
	var paths []string
	for name, text := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		paths = append(paths, path)
	}
	s, err := source.Find(source.Spec{Paths: paths})
	require.NoError(t, err)
	db := open(t)
	require.NoError(t, s.Load(ctx, db))
	st, err := Build(ctx, db, s, o)
	require.NoError(t, err)
	return read(t, st, 0)
}

func TestFilesOfText(t *testing.T) {
	rows := stageFiles(t, Options{}, map[string]string{"events.csv": "event,distinct_id,timestamp,seats\n" +
		"signed_up,u2,2026-01-02,5\n" +
		"torn,u1\n" +
		"signed_up,u1,2026-01-01T00:00:00Z,7\n"})
	require.Equal(t, []int64{2, 3, 1}, order(rows))
	assert.NotEmpty(t, rows[0].Reason)
	assert.Empty(t, rows[1].Reason)
	assert.Contains(t, string(rows[1].Message), `"seats":7`)
	assert.Empty(t, rows[1].File)
}

func TestFilesOfLines(t *testing.T) {
	rows := stageFiles(t, Options{}, map[string]string{
		"a.ndjson": `{"event":"signed_up","distinct_id":"u1","timestamp":"2026-01-03","n":1.10}` + "\n{\n",
		"b.ndjson": `{"event":"signed_up","distinct_id":"u1","timestamp":"2026-01-02"}` + "\n",
	})
	require.Len(t, rows, 3)
	var good []record.Row
	for _, row := range rows {
		if row.Reason == "" {
			good = append(good, row)
		}
	}
	require.Len(t, good, 2)
	assert.Equal(t, "b.ndjson", good[0].File)
	assert.Equal(t, int64(1), good[1].Number)
	assert.Contains(t, string(good[1].Message), `"n":1.10`)
}
