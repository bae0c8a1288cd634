package duck

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/gofrs/flock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func entries(t *testing.T, dir string) (names []string) {
	t.Helper()
	all, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, entry := range all {
		names = append(names, entry.Name())
	}
	return names
}

func TestSweep(t *testing.T) {
	temp := t.TempDir()
	put := func(dir string, names ...string) string {
		dir = filepath.Join(temp, dir)
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "spill"), 0o700))
		for _, name := range names {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600))
		}
		return dir
	}
	put(prefix+"killed", lockName, "import.duckdb")
	put(prefix+"2024", "import.csv") // somebody else's
	used := put(prefix+"used", lockName)
	lock := flock.New(filepath.Join(used, lockName))
	locked, err := lock.TryLock()
	require.NoError(t, err)
	require.True(t, locked)
	put("something-else", lockName)
	require.NoError(t, os.WriteFile(filepath.Join(temp, prefix+"file"), nil, 0o600))

	db, err := Open(context.Background(), temp)
	require.NoError(t, err)
	assert.ElementsMatch(t, []string{prefix + "used", prefix + "file", prefix + "2024", "something-else", filepath.Base(db.Dir)}, entries(t, temp))
	require.NoError(t, db.Close())
	require.NoError(t, lock.Close())
}

// TestManyAtOnce opens databases while others sweep and close.
func TestManyAtOnce(t *testing.T) {
	temp := t.TempDir()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 3 {
				db, err := Open(context.Background(), temp)
				if !assert.NoError(t, err) {
					return
				}
				_, err = db.Exec("CREATE TABLE a AS SELECT 1 AS b")
				assert.NoError(t, err)
				assert.DirExists(t, db.Dir)
				assert.NoError(t, db.Close())
			}
		})
	}
	all.Wait()
	assert.Empty(t, entries(t, temp))
}
