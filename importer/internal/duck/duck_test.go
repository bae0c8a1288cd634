package duck

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	duckdb "github.com/duckdb/duckdb-go/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestOpen(t *testing.T) {
	ctx, temp := context.Background(), t.TempDir()
	db, err := Open(ctx, temp)
	require.NoError(t, err)
	defer func() { _ = db.Close() }()
	assert.Equal(t, temp, filepath.Dir(db.Dir))
	info, err := os.Stat(db.Dir)
	require.NoError(t, err)
	if runtime.GOOS != "windows" {
		assert.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	}
	_, err = db.Exec("CREATE TABLE a AS SELECT 1 AS b")
	require.NoError(t, err)
	// Each connection is set up alike, also one that is opened while others work.
	for range 3 {
		conn, err := db.Conn(ctx)
		require.NoError(t, err)
		defer func() { _ = conn.Close() }()
		var zone, order, spill string
		var n, b int
		require.NoError(t, conn.QueryRowContext(ctx, `SELECT current_setting('TimeZone'), current_setting('preserve_insertion_order')::VARCHAR,
			current_setting('temp_directory'), current_setting('threads')::INT, (SELECT b FROM a)`).Scan(&zone, &order, &spill, &n, &b))
		assert.Equal(t, []any{"UTC", "true", filepath.Join(db.Dir, "spill"), usualThreads(), 1}, []any{zone, order, spill, n, b})
	}
	require.NoError(t, db.Close())
	require.NoError(t, db.Close(), "a second time")
	assert.Empty(t, entries(t, temp))
}

func TestLarge(t *testing.T) {
	ctx := context.Background()
	db, err := Open(ctx, t.TempDir())
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	now := func() (n int) {
		require.NoError(t, db.QueryRow("SELECT current_setting('threads')::INT").Scan(&n))
		return n
	}
	limit := func() (text string) {
		require.NoError(t, db.QueryRow("SELECT current_setting('memory_limit')").Scan(&text))
		return text
	}
	usual := limit()
	commit := &duckdb.Error{Type: duckdb.ErrorTypeTransaction, Msg: "Failed to commit: failed to pin block. Increase the memory limit"}
	conflict := &duckdb.Error{Type: duckdb.ErrorTypeTransaction, Msg: "Failed to commit: conflict"}
	full := &duckdb.Error{Type: duckdb.ErrorTypeOutOfMemory, Msg: "full"}
	for name, c := range map[string]struct {
		errs []error
		want error
		runs int
	}{
		"well":         {[]error{nil}, nil, 1},
		"another":      {[]error{os.ErrInvalid}, os.ErrInvalid, 1},
		"enough then":  {[]error{fmt.Errorf("a: %w", full), nil}, nil, 2},
		"wide":         {[]error{full, full, nil}, nil, 3},
		"at the end":   {[]error{commit, nil}, nil, 2},
		"conflict":     {[]error{conflict}, conflict, 1},
		"never enough": {[]error{full, full, full}, full, 3},
	} {
		var seen []int
		err := db.Large(ctx, func() error {
			seen = append(seen, now())
			return c.errs[len(seen)-1]
		})
		assert.ErrorIs(t, err, c.want, name)
		assert.Equal(t, []int{usualThreads(), 1, 1}[:c.runs], seen, name)
		assert.Equal(t, usualThreads(), now(), name)
		assert.Equal(t, usual, limit(), name)
	}
}

// DuckDB has 2,048 rows in memory at a time, however long they are.
func TestLargeOfLongRows(t *testing.T) {
	db, err := Open(t.Context(), t.TempDir())
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	_, err = db.Exec("SET GLOBAL memory_limit = '40MB'")
	require.NoError(t, err)
	run := func() error {
		_, err := db.Exec("CREATE TABLE long AS SELECT i, repeat(md5(i::VARCHAR), 550) AS text FROM range(4096) AS r(i)")
		return err
	}
	err = run()
	require.Error(t, err)
	assert.Contains(t, Sentence(err), "too large", "%v", err)
	require.NoError(t, db.Large(t.Context(), run))
	var n, bytes int
	require.NoError(t, db.QueryRow("SELECT count(DISTINCT text), sum(strlen(text))::BIGINT FROM (FROM long ORDER BY text)").Scan(&n, &bytes))
	assert.Equal(t, []int{4096, 4096 * 17_600}, []int{n, bytes})
}

func TestReading(t *testing.T) {
	db, err := Open(t.Context(), t.TempDir())
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	limit := func() (text string) {
		require.NoError(t, db.QueryRow("SELECT current_setting('memory_limit')").Scan(&text))
		return text
	}
	usual := limit()
	full := &duckdb.Error{Type: duckdb.ErrorTypeOutOfMemory, Msg: "full"}
	errs := []error{nil, os.ErrInvalid, full, nil, full, full}
	run := func() (err error) {
		err, errs = errs[0], errs[1:]
		return err
	}
	require.NoError(t, db.Reading(t.Context(), run))
	require.ErrorIs(t, db.Reading(t.Context(), run), os.ErrInvalid)
	assert.Equal(t, usual, limit())
	require.NoError(t, db.Reading(t.Context(), run))
	wide := limit()
	assert.NotEqual(t, usual, wide, "it stays")
	require.ErrorIs(t, db.Reading(t.Context(), run), full)
	assert.Equal(t, wide, limit())
	assert.Empty(t, errs)
}

func TestOpenRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for name, temp := range map[string]string{"no directory": filepath.Join(t.TempDir(), "none"), "a file": file} {
		_, err := Open(context.Background(), temp)
		assert.ErrorContains(t, err, "cannot make a temporary directory", name)
	}
	if runtime.GOOS == "windows" {
		return
	}
	for _, name := range []string{"a?b", "100%", "%Y"} {
		odd := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.Mkdir(odd, 0o700))
		_, err := Open(context.Background(), odd)
		assert.ErrorContains(t, err, "choose another one with -temp", name)
		assert.NotContains(t, err.Error(), "DSN", name)
		assert.Empty(t, entries(t, odd))
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	temp := t.TempDir()
	_, err := Open(ctx, temp)
	assert.Error(t, err)
	assert.Empty(t, entries(t, temp))
}

func TestOddDirectories(t *testing.T) {
	for _, name := range []string{"it's", "a b", "100%25", "[x]*"} {
		if runtime.GOOS == "windows" && name == "[x]*" {
			continue
		}
		temp := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.Mkdir(temp, 0o700))
		dead := filepath.Join(temp, prefix+"dead")
		require.NoError(t, os.Mkdir(dead, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dead, lockName), nil, 0o600))
		db, err := Open(context.Background(), temp)
		require.NoError(t, err, name)
		_, err = os.Stat(filepath.Join(db.Dir, "import.duckdb"))
		assert.NoError(t, err, name)
		assert.Len(t, entries(t, temp), 1, "the dead one is removed")
		require.NoError(t, db.Close())
	}
}

func TestReserve(t *testing.T) {
	db, err := Open(context.Background(), t.TempDir())
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	for _, bytes := range []int64{-1, 0, 1} {
		assert.NoError(t, db.Reserve(bytes))
	}
	err = db.Reserve(1 << 60)
	assert.ErrorContains(t, err, "needs about 1152922 TB in "+filepath.Dir(db.Dir)+" and there are ")
	assert.ErrorContains(t, err, "-temp")
	require.NoError(t, db.Close())
	assert.ErrorContains(t, db.Reserve(1), "cannot see how much room is left")
}
