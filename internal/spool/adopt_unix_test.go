//go:build unix

package spool

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A service that is restarted again and again in an outage leaves an instance directory each time.
func TestMoreDeadClientsThanFileDescriptors(t *testing.T) {
	dir := t.TempDir()
	path := stranded(t, dir, "e0")[0]
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	instance := filepath.Dir(path)
	for i := range 150 {
		another := fmt.Sprintf("%s%012d", instance[:len(instance)-12], i)
		require.NoError(t, os.Mkdir(another, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(another, "lock"), nil, 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(another, "00000001.spool"), text, 0o600))
	}
	var limit syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	low := limit
	low.Cur = 100
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &low))
	defer func() { assert.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)) }()
	s, troubles := open(t, dir)
	assert.Empty(t, troubles)
	messages := take(t, s)
	assert.Len(t, messages, 151)
	s.Done(refs(messages))
	s.Close()
	assert.Empty(t, files(t, dir))
}
