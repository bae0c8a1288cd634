//go:build unix && !aix && !solaris

package main

import (
	"os/exec"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A process that leads a group of its own gets no signal of the terminal.
func TestDetach(t *testing.T) {
	child := exec.Command("cat")
	stdin, err := child.StdinPipe()
	require.NoError(t, err)
	detach(child)
	require.NoError(t, child.Start())
	group, err := syscall.Getpgid(child.Process.Pid)
	assert.NoError(t, err)
	assert.Equal(t, child.Process.Pid, group)
	require.NoError(t, stdin.Close())
	require.NoError(t, child.Wait())
}
