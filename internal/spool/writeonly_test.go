package spool

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func openWriteOnly(t testing.TB, dir string, maxBytes int64) *Spool {
	t.Helper()
	s, troubles := openWith(t, Config{Dir: dir, Tenant: tenant, MaxBytes: maxBytes, WriteOnly: true})
	assert.Empty(t, troubles)
	assert.Zero(t, s.Unread())
	return s
}

func instances(t *testing.T, dir string) (paths []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, entry := range entries {
		if entry.IsDir() {
			paths = append(paths, filepath.Join(dir, entry.Name()))
		}
	}
	return paths
}

// Many processes that live for a moment leave one directory, and few files.
func TestWriteOnlyTakesOver(t *testing.T) {
	dir := t.TempDir()
	for _, name := range numbered(50) {
		s := openWriteOnly(t, dir, 64<<10) // a file is full at 1 KiB
		put(t, s, name)
		assert.Zero(t, s.Tend())
		s.Close()
	}
	assert.Len(t, instances(t, dir), 1)
	assert.Len(t, files(t, dir), 1+4)
	s, troubles := open(t, dir)
	assert.Empty(t, troubles)
	messages := take(t, s)
	assert.Equal(t, numbered(50), names(messages))
	s.Done(refs(messages))
	s.Close()
	assert.Empty(t, files(t, dir))
}

// A process that comes and goes without a message leaves nothing.
func TestWriteOnlyWithoutAMessage(t *testing.T) {
	dir := t.TempDir()
	openWriteOnly(t, dir, 1<<20).Close()
	assert.Empty(t, instances(t, dir))
}

func TestWriteOnlyLeavesLivingClientsAlone(t *testing.T) {
	dir := t.TempDir()
	living, _ := open(t, dir)
	put(t, living, "e0")
	first, second := openWriteOnly(t, dir, 1<<20), openWriteOnly(t, dir, 1<<20)
	put(t, first, "e1")
	put(t, second, "e2")
	assert.Len(t, instances(t, dir), 3)
	first.Close()
	second.Close()
	third := openWriteOnly(t, dir, 1<<20)
	put(t, third, "e3")
	assert.Same(t, third.segments[0], third.current)
	assert.Equal(t, second.segments[0].position, third.current.position, "the last file of all is gone on with")
	third.Close()
	assert.Equal(t, 3, living.Tend().Count)
	assert.Equal(t, []string{"e0", "e1", "e2", "e3"}, names(take(t, living)))
}

// A message does not go before one that another instance has.
func TestWriteOnlyKeepsTheOrder(t *testing.T) {
	dir := t.TempDir()
	first, second := openWriteOnly(t, dir, 1<<20), openWriteOnly(t, dir, 1<<20)
	put(t, first, "e0")
	second.sawKey(8_000_000_000_000_000) // its clock is ahead
	put(t, second, "e1")
	first.Close()
	third := openWriteOnly(t, dir, 1<<20) // of the first, since the second lives
	put(t, third, "e2")
	assert.Equal(t, first.instance.name, third.instance.name)
	third.Close()
	second.Close()
	s, _ := open(t, dir)
	assert.Equal(t, numbered(3), names(take(t, s)))
}

func TestWriteOnlyTakesAnotherFile(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(text []byte) []byte
		read  []string
		files int
	}{
		"intact":          {func(text []byte) []byte { return text }, []string{"e0", "e1", "new"}, 1},
		"without an end":  {func(text []byte) []byte { return text[:len(text)-1] }, []string{"e0", "e1", "new"}, 1},
		"torn":            {func(text []byte) []byte { return text[:len(text)-2] }, []string{"e0", "new"}, 2},
		"damaged":         {func(text []byte) []byte { return bytes.Replace(text, []byte(`"e0"`), []byte(`"x0"`), 1) }, []string{"e1", "new"}, 2},
		"another version": {func([]byte) []byte { return []byte("altertable-spool 2\n") }, []string{"new"}, 2},
		"unfinished":      {func(text []byte) []byte { return text[:10] }, []string{"new"}, 2},
		"noted":           {func(text []byte) []byte { return appendDone(text, []uint32{0, 1, 2, 3}) }, []string{"new"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := stranded(t, dir, "e0", "e1")[0]
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path, test.spoil(text), 0o600))
			s := openWriteOnly(t, dir, 1<<20)
			put(t, s, "new")
			s.Close()
			assert.Len(t, files(t, dir), 1+test.files)
			next, _ := open(t, dir)
			assert.Equal(t, test.read, names(take(t, next)))
		})
	}
}

// The bound is of all that the tenant has in the directory.
func TestWriteOnlyIsBoundedWithOthers(t *testing.T) {
	const bound = 16 << 10
	dir := t.TempDir()
	damagedFiles(t, dir, 2)
	living, _ := openWith(t, Config{Dir: dir, Tenant: tenant, MaxBytes: bound})
	put(t, living, numbered(40)...)
	first, second := openWriteOnly(t, dir, bound), openWriteOnly(t, dir, bound)
	all := []*Spool{first, second, openWriteOnly(t, dir, bound)}
	full := 0
	for i := 0; full < len(all); i++ {
		full = 0
		for _, s := range all {
			m := later(fmt.Sprint(i), 2*i) // what others do is known a second later
			if err := s.Append(&m); err != nil {
				require.ErrorIs(t, err, ErrFull)
				full++
			}
		}
	}
	var size int64
	for _, path := range files(t, dir) {
		info, err := os.Stat(path)
		require.NoError(t, err)
		size += info.Size()
	}
	assert.LessOrEqual(t, size, int64(bound))
	assert.Greater(t, size, int64(bound/3*2))
	assert.True(t, living.Done(refs(take(t, living))))
	m := later("more", 1_000_000)
	assert.NoError(t, first.Append(&m), "there is room again")
}

// The first message counts too.
func TestWriteOnlyHasNoRoom(t *testing.T) {
	dir := t.TempDir()
	living, _ := openWith(t, Config{Dir: dir, Tenant: tenant, MaxBytes: 1 << 20})
	put(t, living, numbered(20)...)
	s := openWriteOnly(t, dir, living.Bytes()+100)
	m := message("e")
	assert.ErrorIs(t, s.Append(&m), ErrFull)
	living.Done(refs(take(t, living)))
	m = later("e", 2)
	assert.NoError(t, s.Append(&m), "what there is a second later")
}

func TestWriteOnlyFindsARemovedDirectory(t *testing.T) {
	skipWhereOpenFilesStay(t)
	dir := filepath.Join(t.TempDir(), "spool")
	s := openWriteOnly(t, dir, 1<<20)
	put(t, s, "e0")
	require.NoError(t, os.RemoveAll(dir))
	m := later("e1", 2)
	require.NoError(t, s.Append(&m))
	s.Close()
	next, _ := open(t, dir)
	assert.Equal(t, []string{"e0", "e1"}, names(take(t, next)))
}

// It takes over one instance, and leaves what is in it and in the others unread.
func TestWriteOnlyAdoptsNothing(t *testing.T) {
	dir := t.TempDir()
	one, _ := open(t, dir)
	other, _ := open(t, dir)
	put(t, one, "e0")
	put(t, other, "e1")
	one.Close()
	other.Close()
	s := openWriteOnly(t, dir, 1<<20)
	assert.Zero(t, s.Tend())
	messages, err := s.Read(1 << 10)
	require.NoError(t, err)
	assert.Empty(t, messages)
	assert.Len(t, instances(t, dir), 2)
}
