package spool

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFilesArePrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	s, _ := open(t, dir)
	put(t, s, "e0")
	assertPrivate(t, append(files(t, dir), dir, s.instance.path)...)
}

// assertPrivate checks that nobody else may open what is there. On Windows an
// access control list says so, which is inherited.
func assertPrivate(t *testing.T, paths ...string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		return
	}
	for _, path := range paths {
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Zero(t, info.Mode().Perm()&0o077, filepath.Base(path))
	}
}
