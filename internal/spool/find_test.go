package spool

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The call that finds out makes another directory. What was in the file that was
// open is on disk again.
func TestDirectoryIsRemoved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	s, _ := open(t, dir)
	put(t, s, "e0")
	require.NoError(t, os.RemoveAll(dir))
	put(t, s, "e1") // within a second
	m := later("e2", 2)
	removed := s.instance.path
	require.NoError(t, s.Append(&m))
	assert.Equal(t, []error{&Error{"find", removed, os.ErrNotExist}}, s.Troubles())
	s.Close()
	next, _ := open(t, dir)
	assert.Equal(t, []string{"e0", "e1", "e2"}, names(take(t, next)))
}

func TestDirectoryCannotBeMadeAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	s, _ := open(t, dir)
	put(t, s, "e0")
	require.NoError(t, os.RemoveAll(dir))
	require.NoError(t, os.WriteFile(dir, nil, 0o600))
	m := later("e1", 2)
	for range 2 {
		var trouble *Error
		require.ErrorAs(t, s.Append(&m), &trouble)
		assert.Equal(t, "rebuild", trouble.Op)
	}
	require.NoError(t, os.Remove(dir))
	require.NoError(t, s.Append(&m))
	s.Close()
	next, _ := open(t, dir)
	assert.Equal(t, []string{"e0", "e1"}, names(take(t, next)))
}
