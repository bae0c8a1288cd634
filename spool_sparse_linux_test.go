package altertable_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// bytesRead returns how much this process has read from files.
func bytesRead(t *testing.T) (n int64) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/io")
	require.NoError(t, err)
	_, err = fmt.Sscanf(string(text), "rchar: %d", &n)
	require.NoError(t, err)
	return n
}

// A file whose size is a lie costs New no more than what a client may have written.
func TestFileOfEightGigabytes(t *testing.T) {
	dir, child := inChild(t, nil, nil)
	if !child {
		return
	}
	stranded(t, dir, "e0", "e1")
	require.NoError(t, os.Truncate(segments(t, dir)[0], 8<<30))
	before := bytesRead(t)
	client, srv, l := newSpoolClient(t, dir)
	_ = client.Flush(t.Context()) // which tells of damage, or not
	track(t, client, "new")
	require.NoError(t, client.Close())
	assert.Less(t, bytesRead(t)-before, int64(64<<20))
	assert.ElementsMatch(t, []string{"e0", "e1", "new"}, stored(srv))
	assert.NotEmpty(t, l.troubles())
	for _, path := range files(t, dir) {
		assert.True(t, strings.HasSuffix(path, ".damaged"), path)
	}
}
