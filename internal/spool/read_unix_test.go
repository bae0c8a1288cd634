//go:build unix && !aix && !solaris

package spool

import (
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What keeps a file from being read may pass.
func TestReadFailsForAWhile(t *testing.T) {
	asNobody(t, nil, func(dir string) {
		stranded(t, dir, numbered(3)...)
		s, _ := open(t, dir)
		path := s.segments[0].path()
		fails := func(want error) {
			_, err := s.Read(1 << 10)
			var trouble *Error
			require.ErrorAs(t, err, &trouble)
			assert.Equal(t, path, trouble.Path)
			assert.ErrorIs(t, err, want)
			assert.False(t, IsLost(err))
			assert.Equal(t, 3, s.Unread().Count)
		}
		withFiles(t, 4, func() { fails(syscall.EMFILE) })
		for _, hidden := range []string{path, s.instance.path} {
			require.NoError(t, os.Chmod(hidden, 0))
			fails(syscall.EACCES)
			require.NoError(t, os.Chmod(hidden, 0o700))
		}
		assert.Equal(t, numbered(3), names(take(t, s)))
	})
}

// On a file system that has become read-only, messages are read.
func TestFileIsReadOnly(t *testing.T) {
	asNobody(t, nil, func(dir string) {
		stranded(t, dir, numbered(3)...)
		s, _ := open(t, dir)
		require.NoError(t, os.Chmod(s.segments[0].path(), 0o400))
		assert.Equal(t, numbered(3), names(take(t, s)))
	})
}
