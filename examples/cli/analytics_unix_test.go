//go:build unix && !aix && !solaris

package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A pipe that nobody writes to stands for a disk that hangs.
func TestHungDisk(t *testing.T) {
	tl := newTool(t)
	require.NoError(t, os.Mkdir(tl.dir, 0o700))
	require.NoError(t, syscall.Mkfifo(filepath.Join(tl.dir, "anonymous_id"), 0o600))
	got := tl.run(nil, "-v", "count", "file.txt")
	assert.Zero(t, got.status)
	assert.Contains(t, got.stdout, "file.txt")
	assert.Equal(t, "cli: this run was not recorded: the disk takes too long\n", got.stderr)
}
