package spool

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// damagedFiles makes n files of 1 KiB that were set aside, an hour after each other until now.
func damagedFiles(t *testing.T, dir string, n int) (paths []string) {
	t.Helper()
	for i := range n {
		path := filepath.Join(dir, fmt.Sprintf("%s-%016d-0-%d.spool.damaged", tenant, n-i, i))
		require.NoError(t, os.WriteFile(path, bytes.Repeat([]byte("x"), 1<<10), 0o600))
		at := time.Now().Add(-time.Duration(n-i) * time.Hour)
		require.NoError(t, os.Chtimes(path, at, at))
		paths = append(paths, path)
	}
	return paths
}

func TestDamagedFilesTakeRoom(t *testing.T) {
	dir := t.TempDir()
	paths := damagedFiles(t, dir, 5)
	others := filepath.Join(dir, strings.Repeat("0", 32)+"-x.damaged")
	require.NoError(t, os.WriteFile(others, make([]byte, 10<<10), 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(dir, tenant+"-dir.damaged"), 0o700))
	s, troubles := openWith(t, Config{Dir: dir, Tenant: tenant, MaxBytes: 4 << 10})
	assert.Equal(t, []error{&Error{"give up", paths[0], errNoRoom}}, troubles, "more than fits")
	assert.EqualValues(t, 4<<10, s.Bytes())
	room := s.Room()
	put(t, s, "e0")
	<-room
	assert.Equal(t, []error{&Error{"give up", paths[1], errNoRoom}}, s.Troubles())
	big := message(strings.Repeat("x", 4<<10))
	assert.ErrorIs(t, s.Append(&big), ErrFull)
	assert.Len(t, s.damaged, 3, "it has no room without them either")
	assert.Equal(t, []string{"e0"}, names(take(t, s)))
	assert.Subset(t, files(t, dir), []string{others})
	assert.LessOrEqual(t, s.Bytes(), int64(4<<10))
}

func TestDamagedFilesAreRemovedWhenTheyAreOld(t *testing.T) {
	dir := t.TempDir()
	paths := damagedFiles(t, dir, 3)
	age := func(path string, days int) {
		at := time.Now().Add(-time.Duration(days)*24*time.Hour - time.Hour)
		require.NoError(t, os.Chtimes(path, at, at))
	}
	age(paths[1], 30)
	age(paths[0], 29)
	s, troubles := open(t, dir)
	assert.Equal(t, []error{&Error{"give up", paths[1], errTooOld}}, troubles)
	assert.EqualValues(t, 2<<10, s.Bytes())
	age(paths[0], 30)
	s.Tend()
	assert.Equal(t, []error{&Error{"give up", paths[0], errTooOld}}, s.Troubles())
	assert.Len(t, files(t, dir), 2, "the lock, and the last of them")
	assert.FileExists(t, paths[2])
}

// A file that is set aside keeps the note of what had its outcome.
func TestDamagedFileKeepsItsNote(t *testing.T) {
	dir := t.TempDir()
	path := stranded(t, dir, "e0", "e1")[0]
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, append(text, "damage\n"...), 0o600))
	s, troubles := open(t, dir)
	assert.Len(t, troubles, 1)
	before := s.Bytes()
	assert.True(t, s.Done(refs(take(t, s))))
	require.Len(t, s.damaged, 1)
	assert.Greater(t, s.Bytes(), before, "it takes room still")
	text, err = os.ReadFile(filepath.Join(dir, s.damaged[0].name))
	require.NoError(t, err)
	assert.Contains(t, string(text), " 0-1\n")
	s.Close()
	next, troubles := open(t, dir)
	assert.Empty(t, troubles)
	assert.Zero(t, next.Unread())
	assert.Positive(t, next.Bytes())
}

// Two files of one name are both kept.
func TestDamagedFilesOfOneName(t *testing.T) {
	s, _ := open(t, t.TempDir())
	for range 3 {
		require.NoError(t, os.WriteFile(filepath.Join(s.instance.path, "1.spool"), nil, 0o600))
		require.NoError(t, s.setAside(s.instance, "1.spool"))
	}
	assert.Len(t, s.damaged, 3)
}

// A file of which nothing can be read is kept for somebody to look at.
func TestFileWithoutAnIntactMessageIsSetAside(t *testing.T) {
	dir := t.TempDir()
	path := stranded(t, dir, "e0")[0]
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	text[len(text)-2] ^= 1
	require.NoError(t, os.WriteFile(path, text, 0o600))
	s, troubles := open(t, dir)
	assert.Len(t, troubles, 1)
	assert.Zero(t, s.Unread())
	s.Close()
	require.Len(t, files(t, dir), 1)
	assert.Equal(t, damagedSuffix, filepath.Ext(files(t, dir)[0]))
}
