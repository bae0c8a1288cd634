package main

import (
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// assertPrivate holds that nobody else reaches a file below dir.
func assertPrivate(t *testing.T, dir string) {
	t.Helper()
	files := 0
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		files++
		// A directory that is closed closes what is in it.
		if path == dir || filepath.Dir(path) == dir {
			assert.Zero(t, info.Mode().Perm()&0o077, path)
		}
		return nil
	}))
	assert.NotZero(t, files)
}
