package spool

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLeftOfOtherTenants(t *testing.T) {
	dir := t.TempDir()
	cfg := Config{Dir: dir, Tenant: strings.Repeat("0", 32), MaxBytes: 16 << 10} // a file is full at 256 bytes
	living, _ := openWith(t, cfg)
	put(t, living, "e0")
	dead, _ := openWith(t, cfg)
	put(t, dead, numbered(20)...)
	oldest := time.Now().Add(-72 * time.Hour)
	require.NoError(t, os.Chtimes(dead.segments[3].path(), oldest, oldest))
	dead.Close()
	require.NoError(t, os.Mkdir(dir+"/other", 0o700))
	require.NoError(t, os.Mkdir(dir+"/"+strings.Repeat("0", 32)+"-empty", 0o700))
	s, troubles := open(t, dir)
	assert.Empty(t, troubles)
	assert.Equal(t, len(dead.segments), s.Left().Files)
	assert.WithinDuration(t, oldest, s.Left().Oldest, time.Second)
	living.Close()
	s.Tend()
	assert.Equal(t, len(dead.segments), s.Left().Files, "it is of Open alone")
	next, _ := openWith(t, cfg)
	assert.Equal(t, 21, next.Unread().Count, "who asks does not keep its own from adopting")
	again, _ := open(t, dir)
	assert.Zero(t, again.Left())
}
