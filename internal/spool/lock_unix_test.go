//go:build unix && !aix && !solaris

package spool

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// withoutDirLocks has the system refuse to lock a directory, as NFS does.
func withoutDirLocks(t *testing.T) {
	t.Helper()
	flock = func(fd, how int) error {
		var stat syscall.Stat_t
		if err := syscall.Fstat(fd, &stat); err != nil {
			return err
		}
		if stat.Mode&syscall.S_IFMT == syscall.S_IFDIR {
			return syscall.EBADF
		}
		return syscall.Flock(fd, how)
	}
	t.Cleanup(func() { flock = syscall.Flock })
}

// adopts reports how many messages another client adopts.
func adopts(t *testing.T, dir string) int {
	t.Helper()
	s, troubles := open(t, dir)
	assert.Empty(t, troubles)
	defer s.Close()
	return s.Unread().Count
}

func setTimes(t *testing.T, path string, at time.Time) {
	t.Helper()
	require.NoError(t, os.Chtimes(path, at, at))
}

func TestLocksWithoutDirLocks(t *testing.T) {
	withoutDirLocks(t)
	dir := t.TempDir()
	s, _ := open(t, dir)
	put(t, s, "e0")
	assert.Zero(t, adopts(t, dir))
	lives(t, t.TempDir())
	s.Close()
	assert.Equal(t, 1, adopts(t, dir))
}

// A client of another tenant lives if it holds either lock.
func TestLeftWithoutDirLocks(t *testing.T) {
	withoutDirLocks(t)
	dir := t.TempDir()
	another, _ := openWith(t, Config{Dir: dir, Tenant: strings.Repeat("0", 32), MaxBytes: 1 << 20})
	put(t, another, "e0")
	s, _ := open(t, dir)
	assert.Zero(t, s.Left())
	another.Close()
	s, _ = open(t, dir)
	assert.Equal(t, 1, s.Left().Files)
}

// What removes old files may remove the lock file, which nobody writes to.
func TestLockFileIsRemoved(t *testing.T) {
	for name, prepare := range map[string]func(*testing.T){"dirs are locked": func(*testing.T) {}, "only files": withoutDirLocks} {
		t.Run(name, func(t *testing.T) {
			prepare(t)
			dir := t.TempDir()
			s, _ := open(t, dir)
			put(t, s, "e0")
			instance, lock := s.instance, filepath.Join(s.instance.path, lockName)
			require.NoError(t, os.Remove(lock))
			assert.Zero(t, adopts(t, dir), "not even before it is made again")
			assert.NoFileExists(t, lock)
			assert.Zero(t, s.Tend())
			assert.FileExists(t, lock)
			assert.Empty(t, s.Troubles())
			assert.Same(t, instance, s.instance)
			setTimes(t, instance.path, time.Now().Add(-time.Hour))
			assert.Zero(t, adopts(t, dir), "it is locked")
			require.NoError(t, os.Remove(lock))
			m := later("e1", 2)
			require.NoError(t, s.Append(&m))
			assert.FileExists(t, lock)
			assert.Same(t, instance, s.instance)
		})
	}
}

// Where directories cannot be locked, a client that lives would have made its
// lock file again.
func TestInstanceWithoutALockIsAdoptedWhenItIsOld(t *testing.T) {
	withoutDirLocks(t)
	dir := t.TempDir()
	instance := filepath.Dir(stranded(t, dir, "e0")[0])
	require.NoError(t, os.Remove(filepath.Join(instance, lockName)))
	setTimes(t, instance, time.Now().Add(-4*time.Minute))
	assert.Zero(t, adopts(t, dir))
	setTimes(t, instance, time.Now().Add(-6*time.Minute))
	assert.Equal(t, 1, adopts(t, dir))
}

func TestLockIsTouched(t *testing.T) {
	s, _ := open(t, t.TempDir())
	lock := filepath.Join(s.instance.path, lockName)
	old := time.Now().Add(-24 * time.Hour)
	setTimes(t, lock, old)
	s.Tend()
	info, err := os.Stat(lock)
	require.NoError(t, err)
	assert.Greater(t, info.ModTime().Sub(old), 23*time.Hour)
}

// Another client has taken the instance for a dead one's, and locked it.
func TestLockIsAnothersByNow(t *testing.T) {
	s, _ := open(t, t.TempDir())
	put(t, s, "e0")
	instance, lock := s.instance, filepath.Join(s.instance.path, lockName)
	require.NoError(t, os.Remove(lock))
	another, err := os.Create(lock)
	require.NoError(t, err)
	defer func() { _ = another.Close() }()
	require.NoError(t, syscall.Flock(int(another.Fd()), syscall.LOCK_EX))
	m := later("e1", 2)
	require.NoError(t, s.Append(&m))
	assert.NotSame(t, instance, s.instance)
	assert.Len(t, s.Troubles(), 1)
	assert.FileExists(t, lock, "it is not ours")
	assert.Equal(t, []string{"e0", "e1"}, names(take(t, s)))
}

// Only "does not exist" is a removal: a living client keeps its lock and its
// files while nobody can look at the directory.
func TestDirectoryCannotBeLookedAt(t *testing.T) {
	asNobody(t, nil, func(dir string) {
		s, _ := open(t, dir)
		put(t, s, "e0")
		instance := s.instance
		for i, path := range []string{instance.path, dir} {
			require.NoError(t, os.Chmod(path, 0))
			m := later("e1", 2+2*i)
			assert.NoError(t, s.Append(&m), "its file is open")
			assert.Zero(t, s.Tend())
			assert.Empty(t, s.Removed())
			if path != dir {
				assert.Zero(t, adopts(t, dir))
			}
			require.NoError(t, os.Chmod(path, 0o700))
			assert.Zero(t, adopts(t, dir))
			assert.Same(t, instance, s.instance)
		}
		assert.Equal(t, []string{"e0", "e1", "e1"}, names(take(t, s)))
	})
}

// A client that was killed while it made or removed its instance.
func TestUnfinishedInstanceIsRemoved(t *testing.T) {
	dir := t.TempDir()
	unfinished := filepath.Join(dir, tenant+"-0000000000000001-00000000")
	require.NoError(t, os.Mkdir(unfinished, 0o700))
	lives(t, dir)
	assert.NoDirExists(t, unfinished)
}
