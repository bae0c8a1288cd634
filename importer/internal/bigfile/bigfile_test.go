package bigfile

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Every format has the same rows.
func TestEvents(t *testing.T) {
	t.Parallel()
	const rows = 5000
	db, err := sql.Open("duckdb", "")
	require.NoError(t, err)
	defer db.Close()
	readers := map[string]string{
		"e.csv": "read_csv", "e.tsv": "read_csv", "e.csv.gz": "read_csv", "e.ndjson": "read_json", "e.ndjson.zst": "read_json",
		"e.json": "read_json", "e.parquet": "read_parquet",
	}
	for name, reader := range readers {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), name)
			require.NoError(t, Events(t.Context(), path, rows))
			var count, numbers, people, sum int
			var first string
			require.NoError(t, db.QueryRow(`SELECT count(*), count(DISTINCT n), count(DISTINCT distinct_id), sum(n)::BIGINT,
				min(timestamp::VARCHAR) FROM `+reader+`('`+path+`')`).Scan(&count, &numbers, &people, &sum, &first))
			assert.Equal(t, []int{rows, rows, rows, rows * (rows - 1) / 2}, []int{count, numbers, people, sum})
			assert.Contains(t, first, "2023-11-1")
		})
	}
}

func TestEventsOfSize(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"e.csv", "e.parquet"} {
		path := filepath.Join(t.TempDir(), name)
		rows, err := EventsOfSize(t.Context(), path, 8<<20)
		require.NoError(t, err)
		assert.Positive(t, rows)
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.InDelta(t, 8<<20, info.Size(), 8<<20/10)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"e.xlsx", "e", "e.gz", "e.parquet.gz"} {
		err := Events(t.Context(), filepath.Join(dir, name), 1)
		assert.ErrorContains(t, err, "no format is known for the name "+name)
	}
	assert.Error(t, Events(t.Context(), filepath.Join(dir, "none", "e.csv"), 1))
	_, err := EventsOfSize(t.Context(), filepath.Join(dir, "e.txt"), 1)
	assert.Error(t, err)
}
