package spool

import (
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLockIsHeldByOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	_, err := lockFile(path, false)
	require.ErrorIs(t, err, fs.ErrNotExist)
	first, err := lockFile(path, true)
	require.NoError(t, err)
	_, err = lockFile(path, true)
	assert.ErrorIs(t, err, errLocked)
	require.NoError(t, first.Close())
	second, err := lockFile(path, false)
	require.NoError(t, err)
	require.NoError(t, second.Close())
}
