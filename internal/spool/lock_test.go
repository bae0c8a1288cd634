package spool

import (
	"io/fs"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// openedInstance makes an instance without a lock.
func openedInstance(t *testing.T, s *Spool) *instance {
	t.Helper()
	name := s.instanceName()
	require.NoError(t, s.dir.Mkdir(name, 0o700))
	i, err := openInstance(s.dir, name)
	require.NoError(t, err)
	t.Cleanup(i.close)
	return i
}

func TestLockIsHeldByOne(t *testing.T) {
	s, _ := open(t, t.TempDir())
	i := openedInstance(t, s)
	_, err := openLock(i, false)
	require.ErrorIs(t, err, fs.ErrNotExist)
	first, err := openLock(i, true)
	require.NoError(t, err)
	_, err = openLock(i, false)
	assert.ErrorIs(t, err, errLocked)
	_, err = openLock(i, true)
	assert.ErrorIs(t, err, fs.ErrExist)
	require.NoError(t, first.Close())
	second, err := openLock(i, false)
	require.NoError(t, err)
	require.NoError(t, second.Close())
}
