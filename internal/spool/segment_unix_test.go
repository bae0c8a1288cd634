//go:build linux || darwin

package spool

import (
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// withLargestFile calls f while no file of this process may grow beyond size.
func withLargestFile(t *testing.T, size int64, f func()) {
	t.Helper()
	var before syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before))
	limit := before
	limit.Cur = uint64(size)
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit))
	defer func() { require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before)) }()
	f()
}

// What a refused message has left of itself would be damage to the next client.
func TestPartOfALineIsTakenBack(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir)
	put(t, s, "e0")
	path := s.current.path()
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	withLargestFile(t, int64(len(before))+20, func() {
		m := message("e1")
		var trouble *Error
		require.ErrorAs(t, s.Append(&m), &trouble)
		assert.Equal(t, "write", trouble.Op)
	})
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, before, after)
	s.Close()
	next, troubles := open(t, dir)
	assert.Empty(t, troubles)
	assert.Equal(t, []string{"e0"}, names(take(t, next)))
}
