package broker

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReserve(t *testing.T) {
	d := &dataDir{path: t.TempDir()}
	path := filepath.Join(d.path, reserveName)
	d.spendReserve()
	d.keepReserve()
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.LessOrEqual(t, info.Size(), int64(reserveBytes))
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	d.keepReserve()
	info, err = os.Stat(path)
	require.NoError(t, err)
	assert.Zero(t, info.Size(), "what is there stays")
	d.spendReserve()
	assert.NoFileExists(t, path)

	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	require.NoError(t, os.Symlink(elsewhere, path))
	d.keepReserve()
	assert.NoFileExists(t, elsewhere, "no link is followed")
}
