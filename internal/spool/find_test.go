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
	skipWhereOpenFilesStay(t)
	dir := filepath.Join(t.TempDir(), "spool")
	s, _ := open(t, dir)
	put(t, s, "e0")
	require.NoError(t, os.RemoveAll(dir))
	put(t, s, "e1") // within a second
	m := later("e2", 2)
	removed := s.instance.path
	require.NoError(t, s.Append(&m))
	assert.Equal(t, []error{&Error{"find", removed, os.ErrNotExist}}, s.Troubles())
	assertPrivate(t, append(files(t, dir), dir, s.instance.path)...)
	s.Close()
	next, _ := open(t, dir)
	assert.Equal(t, []string{"e0", "e1", "e2"}, names(take(t, next)))
}

func TestDirectoryCannotBeMadeAgain(t *testing.T) {
	skipWhereOpenFilesStay(t)
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

// Of a directory that is elsewhere now, the files are read as before.
func TestDirectoryIsRenamed(t *testing.T) {
	skipWhereOpenFilesStay(t)
	dir := filepath.Join(t.TempDir(), "spool")
	cfg := Config{Dir: dir, Tenant: tenant, MaxBytes: 16 << 10} // a file is full at 256 bytes
	s, _ := openWith(t, cfg)
	put(t, s, numbered(9)...)
	segments := len(s.segments)
	require.Greater(t, segments, 2)
	require.NoError(t, os.Rename(dir, dir+"-elsewhere"))
	m := later("e9", 2)
	require.NoError(t, s.Append(&m))
	assert.Len(t, s.Troubles(), 1)
	assert.Len(t, s.old, 1)
	assert.Len(t, files(t, dir+"-elsewhere"), segments-1+1, "the others, and the lock")
	next, _ := openWith(t, Config{Dir: dir + "-elsewhere", Tenant: tenant, MaxBytes: 1 << 20})
	assert.Zero(t, next.Unread(), "they are locked")
	assert.Empty(t, s.Removed())
	messages := take(t, s)
	assert.Equal(t, numbered(10), names(messages))
	assert.True(t, s.Done(refs(messages)))
	assert.Empty(t, s.old)
	assert.Len(t, files(t, dir+"-elsewhere"), 1, "the next one's lock")
	s.Close()
	assert.Empty(t, files(t, dir))
}

// Another directory in the place of the instance is not the instance.
func TestInstanceIsReplaced(t *testing.T) {
	skipWhereOpenFilesStay(t)
	dir := filepath.Join(t.TempDir(), "spool")
	s, _ := open(t, dir)
	put(t, s, "e0")
	replaced := s.instance.path
	require.NoError(t, os.Rename(replaced, filepath.Join(t.TempDir(), "elsewhere")))
	require.NoError(t, os.Mkdir(replaced, 0o700))
	m := later("e1", 2)
	require.NoError(t, s.Append(&m))
	assert.NotEqual(t, replaced, s.instance.path)
	s.Close()
	next, _ := open(t, dir)
	assert.Equal(t, []string{"e0", "e1"}, names(take(t, next)))
}
