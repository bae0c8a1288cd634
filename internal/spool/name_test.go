package spool

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPositions(t *testing.T) {
	want := []string{"00000001.spool", "00000001-2.spool", "00000002.spool", "0000000000000007.spool", "0000000000000007-2.spool",
		"0000000000000007-10.spool", "1795559525396289.spool", "9999999999999999.spool", "10000000000000000.spool"}
	shuffled := slices.Clone(want)
	slices.Sort(shuffled)
	slices.SortFunc(shuffled, func(a, b string) int {
		left, _ := parsePosition(a)
		right, _ := parsePosition(b)
		return left.compare(right)
	})
	assert.Equal(t, want, shuffled)
	for name, keyed := range map[string]bool{"00000001.spool": false, "zeros.spool": false, ".spool": false, "1795559525396289.spool": true, "99999999999999999999.spool": false} {
		_, got := parsePosition(name)
		assert.Equal(t, keyed, got, name)
	}
}

// Whatever names files have, they are in one order, and a new file goes behind
// those whose key a client can have given.
func FuzzNames(f *testing.F) {
	f.Fuzz(func(t *testing.T, a, b string) {
		left, keyed := parsePosition(a)
		right, _ := parsePosition(b)
		assert.Equal(t, a, left.name)
		assert.Equal(t, -left.compare(right), right.compare(left))
		assert.Equal(t, a == b, left.compare(right) == 0)
		s := Spool{}
		s.sawKey(left.key)
		s.sawKey(right.key)
		next, ok := parsePosition(segmentName(s.nextKey()))
		assert.True(t, ok)
		for _, p := range []position{left, right} {
			assert.True(t, p.key >= maxKey || p.compare(next) < 0, p.name)
		}
		assert.False(t, keyed && left.key < 0, a)
		assert.GreaterOrEqual(t, instanceKey(tenant+"-"+a), int64(0))
	})
}

func TestInstanceNames(t *testing.T) {
	dir := t.TempDir()
	const future int64 = 9_000_000_000_000_000
	require.NoError(t, os.Mkdir(filepath.Join(dir, fmt.Sprintf("%s-%d-00000000", tenant, future)), 0o700))
	s, _ := open(t, dir)
	assert.Regexp(t, "^"+tenant+"-[0-9]{16}-[0-9a-f]{8,}$", s.instance.name)
	assert.Equal(t, future+1, instanceKey(s.instance.name))
	put(t, s, "e0")
	assert.Regexp(t, "^[0-9]{16}.spool$", s.segments[0].position.name)
	assert.Greater(t, s.segments[0].position.key, future)
}

// The clock of the first client was ahead.
func TestOrderAfterTheClockWasSetBack(t *testing.T) {
	dir := t.TempDir()
	for i := range 3 {
		s, _ := openWith(t, Config{Dir: dir, Tenant: tenant, MaxBytes: 16 << 10}) // a file is full at 256 bytes
		assert.Equal(t, 5*i, s.Unread().Count)
		s.sawKey(time.Now().Add(time.Hour).UnixMicro() * int64(1-min(i, 1)))
		for j := range 5 {
			m := message(fmt.Sprint("e", 5*i+j))
			m.Accepted = start.Add(-time.Duration(i) * time.Hour)
			require.NoError(t, s.Append(&m))
		}
		s.Close()
	}
	s, _ := open(t, dir)
	assert.Equal(t, numbered(15), names(take(t, s)))
}

// What cannot be moved has been seen as well.
func TestKeysOfFilesThatStay(t *testing.T) {
	dir := t.TempDir()
	instance := filepath.Dir(stranded(t, dir, "e0")[0])
	require.NoError(t, os.Mkdir(filepath.Join(instance, "9000000000000000.spool"), 0o700))
	s, _ := open(t, dir)
	put(t, s, "e1")
	assert.Equal(t, int64(9_000_000_000_000_001), s.current.position.key)
}

// A key of which there is none behind is not taken for a client's.
func TestAbsurdKeys(t *testing.T) {
	dir := t.TempDir()
	path := stranded(t, dir, "e0")[0]
	require.NoError(t, os.Rename(path, filepath.Join(filepath.Dir(path), "999999999999999999.spool")))
	s, _ := open(t, dir)
	put(t, s, "e1")
	assert.Equal(t, []string{"e0", "e1"}, names(take(t, s)))
	assert.Less(t, s.current.position.key, int64(maxKey))
}

// Files of the old form are ordered by the time of their first message.
func TestOldNames(t *testing.T) {
	dir := t.TempDir()
	cfg := Config{Dir: dir, Tenant: tenant, MaxBytes: 16 << 10} // a file is full at 256 bytes
	for i, instance := range []string{tenant + "-ffffffff-ffff-7fff-8fff-ffffffffffff", tenant + "-00000000-ffff-7fff-8fff-ffffffffffff"} {
		s, _ := openWith(t, Config{Dir: t.TempDir(), Tenant: tenant, MaxBytes: cfg.MaxBytes})
		require.NoError(t, os.Mkdir(filepath.Join(dir, instance), 0o700))
		leaveLock(t, filepath.Join(dir, instance))
		for j := range 5 {
			m := message(fmt.Sprint("e", 5*i+j))
			m.Accepted = start.Add(time.Duration(i) * time.Hour)
			require.NoError(t, s.Append(&m))
		}
		for j, segment := range s.segments {
			require.NoError(t, os.Rename(segment.path(), filepath.Join(dir, instance, fmt.Sprintf("%08d.spool", j+1))))
		}
	}
	for range 2 { // names of both instances are the same
		s, troubles := openWith(t, cfg)
		assert.Empty(t, troubles)
		assert.Equal(t, numbered(10), names(take(t, s)))
		for _, segment := range s.segments {
			assert.FileExists(t, segment.path())
		}
		s.Close()
	}
}
