package spool

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A client that is killed while it creates a file has accepted nothing in it.
func TestHeaderIsIncomplete(t *testing.T) {
	head := header(tenant)
	for size := range len(head) {
		dir := t.TempDir()
		path := stranded(t, dir, "e0")[0]
		require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(path), "9000000000000000.spool"), []byte(head[:size]), 0o600))
		s, troubles := open(t, dir)
		assert.Empty(t, troubles)
		assert.Equal(t, Left{}, s.Left())
		messages := take(t, s)
		assert.Equal(t, []string{"e0"}, names(messages))
		s.Done(refs(messages))
		s.Close()
		assert.Empty(t, files(t, dir))
	}
}

func TestHeaderIsAnother(t *testing.T) {
	for name, head := range map[string]string{"text": "x", "version": "altertable-spool 2 " + tenant + "\n", "tenant": header(strings.Repeat("0", 32)),
		"long": strings.Repeat("x", 1000)} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := stranded(t, dir, "e0")[0]
			another := filepath.Join(filepath.Dir(path), "9000000000000000.spool")
			require.NoError(t, os.WriteFile(another, []byte(head), 0o600))
			s, troubles := open(t, dir)
			assert.Equal(t, []error{&Error{"adopt", another, errForeignFile}}, troubles)
			assert.Equal(t, Left{}, s.Left())
			put(t, s, "e1")
			s.Close()
			next, troubles := open(t, dir)
			assert.Empty(t, troubles, "it is told of once")
			assert.Equal(t, []string{"e0", "e1"}, names(take(t, next)))
			assert.FileExists(t, filepath.Join(dir, filepath.Base(filepath.Dir(path))+"-9000000000000000.spool.damaged"))
		})
	}
}

// No client writes a file that long: of what lies behind nothing is read.
func TestSegmentIsHuge(t *testing.T) {
	dir := t.TempDir()
	path := stranded(t, dir, "e0")[0]
	require.NoError(t, os.Truncate(path, 8<<30)) // the rest takes no place
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	s, troubles := openWith(t, Config{Dir: dir, Tenant: tenant, MaxBytes: 16 << 30})
	runtime.ReadMemStats(&after)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(20<<20))
	require.Len(t, troubles, 1)
	assert.ErrorContains(t, troubles[0], "1 lines are damaged")
	assert.Less(t, s.Bytes(), int64(1<<10), "the rest is cut off")
	messages := take(t, s)
	assert.Equal(t, []string{"e0"}, names(messages))
	s.Done(refs(messages))
	require.Len(t, s.damaged, 1, "set aside")
	assert.Empty(t, s.segments)
}

// What is damaged behind the bound is one line, wherever the bound cuts.
func TestSegmentIsLong(t *testing.T) {
	for _, extra := range []int{-1, 0, 1, 2} {
		dir := t.TempDir()
		path := stranded(t, dir, "e0")[0]
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		line := text[strings.IndexByte(string(text), '\n')+1:]
		filler := strings.Repeat("x", maxSegmentRead-len(text)-len(line)+extra-1) + "\n"
		require.NoError(t, os.WriteFile(path, []byte(string(text)+filler+string(line)+string(line)), 0o600))
		s, troubles := open(t, dir)
		require.Len(t, troubles, 1)
		assert.ErrorContains(t, troubles[0], "2 lines are damaged", "the filler, and the rest")
		want := []string{"e0"}
		if extra <= 1 { // the line's end may be missing
			want = append(want, "e0")
		}
		assert.Equal(t, len(want), s.Unread().Count)
		assert.Equal(t, want, names(take(t, s)))
	}
}
