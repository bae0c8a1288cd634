package duck

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What is missing or damaged is a sentence that names the file, where it comes from,
// and where it goes.
func TestLoadPostgresRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "it's here")
	db, err := Open(t.Context(), t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	conn, err := db.Conn(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	for _, set := range []string{"autoinstall_known_extensions = false", "extension_directory = " + Quote(dir)} { // a test downloads nothing
		_, err := db.ExecContext(t.Context(), "SET GLOBAL "+set)
		require.NoError(t, err)
	}
	var version, platform string
	require.NoError(t, db.QueryRow("SELECT version()").Scan(&version))
	require.NoError(t, db.QueryRow("PRAGMA platform").Scan(&platform))
	place := filepath.Join(dir, version, platform, "postgres_scanner.duckdb_extension")
	source := "http://extensions.duckdb.org/" + version + "/" + platform + "/postgres_scanner.duckdb_extension.gz"

	err = LoadPostgres(t.Context(), conn)
	require.Error(t, err)
	assert.Contains(t, err.Error(), "is not there, and cannot be downloaded (")
	assert.Contains(t, err.Error(), "download "+source+", unpack it with gunzip, and put it here as "+place)
	assert.NotContains(t, err.Error(), "\n")

	require.NoError(t, os.MkdirAll(filepath.Dir(place), 0o700))
	for _, content := range []string{"", "too short", string(make([]byte, 4096))} {
		require.NoError(t, os.WriteFile(place, []byte(content), 0o600))
		err = LoadPostgres(t.Context(), conn)
		require.Error(t, err)
		assert.Contains(t, err.Error(), "cannot load its extension for Postgres, "+place+": ")
		assert.Contains(t, err.Error(), "not a DuckDB extension")
		assert.Contains(t, err.Error(), source)
		assert.NotContains(t, err.Error(), "\n")
		assert.NotContains(t, err.Error(), "Error:")
	}
}
