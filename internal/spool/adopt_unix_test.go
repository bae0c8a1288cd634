//go:build unix && !aix && !solaris

package spool

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A service that is restarted again and again in an outage leaves an instance directory each time.
func TestMoreDeadClientsThanFileDescriptors(t *testing.T) {
	asNobody(t, nil, func(dir string) {
		path := stranded(t, dir, "e0")[0]
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		for i := range 150 {
			another := filepath.Join(dir, fmt.Sprintf("%s-00000000-ffff-7fff-8fff-%012d", tenant, i))
			require.NoError(t, os.Mkdir(another, 0o700))
			require.NoError(t, os.WriteFile(filepath.Join(another, "lock"), nil, 0o600))
			require.NoError(t, os.WriteFile(filepath.Join(another, "00000001.spool"), text, 0o600))
		}
		withFiles(t, 100, func() {
			s, troubles := open(t, dir)
			assert.Empty(t, troubles)
			messages := take(t, s)
			assert.Len(t, messages, 151)
			s.Done(refs(messages))
			s.Close()
		})
		assert.Empty(t, files(t, dir))
	})
}

// withFiles calls f while the process may have n files open.
func withFiles(t *testing.T, n int, f func()) {
	t.Helper()
	var limit syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	low := limit
	low.Cur = 0
	for range n {
		low.Cur++ // its type depends on the system
	}
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &low))
	defer func() { assert.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)) }()
	f()
}

// planted has an adopter meet what plant makes of a dead client's directory and
// file, and checks that it leaves it alone and says so.
func planted(t *testing.T, dir string, troubles int, plant func(path string)) {
	t.Helper()
	path := stranded(t, dir, "e0")[0]
	plant(path)
	before := listing(t, dir)
	s, got := open(t, dir)
	defer s.Close()
	assert.Len(t, got, troubles)
	assert.Zero(t, s.Unread())
	assert.Equal(t, 1, s.Left().Files)
	assert.WithinDuration(t, time.Now(), s.Left().Oldest, time.Hour)
	assert.Zero(t, s.Tend())
	assert.Empty(t, s.Troubles(), "it is told of once")
	assert.Subset(t, listing(t, dir), before, "untouched")
}

// listing tells of all files below dir.
func listing(t *testing.T, dir string) (all []string) {
	t.Helper()
	for _, path := range files(t, dir) {
		info, err := os.Lstat(path)
		require.NoError(t, err)
		stat := info.Sys().(*syscall.Stat_t)
		all = append(all, fmt.Sprint(path, info.Mode(), info.Size(), stat.Ino))
	}
	return all
}

func TestPlantedFiles(t *testing.T) {
	for name, plant := range map[string]func(t *testing.T, path, elsewhere string){
		"symlink": func(t *testing.T, path, elsewhere string) {
			require.NoError(t, os.Rename(path, elsewhere))
			require.NoError(t, os.Symlink(elsewhere, path))
		},
		"symlink beside": func(t *testing.T, path, _ string) {
			require.NoError(t, os.Rename(path, path+"-beside"))
			require.NoError(t, os.Symlink(filepath.Base(path)+"-beside", path))
		},
		"hard link": func(t *testing.T, path, elsewhere string) { require.NoError(t, os.Link(path, elsewhere)) },
		"FIFO": func(t *testing.T, path, _ string) {
			require.NoError(t, os.Remove(path))
			require.NoError(t, syscall.Mkfifo(path, 0o600))
		},
		"lock is a symlink": func(t *testing.T, path, elsewhere string) {
			lock := filepath.Join(filepath.Dir(path), lockName)
			require.NoError(t, os.Remove(lock))
			require.NoError(t, os.Symlink(elsewhere, lock))
		},
		"lock is a hard link": func(t *testing.T, path, elsewhere string) {
			require.NoError(t, os.Link(filepath.Join(filepath.Dir(path), lockName), elsewhere))
		},
		"lock is a FIFO": func(t *testing.T, path, _ string) {
			lock := filepath.Join(filepath.Dir(path), lockName)
			require.NoError(t, os.Remove(lock))
			require.NoError(t, syscall.Mkfifo(lock, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			troubles := 1
			if name == "symlink beside" {
				troubles = 2 // one for the file beside
			}
			elsewhere := filepath.Join(t.TempDir(), "elsewhere")
			planted(t, t.TempDir(), troubles, func(path string) { plant(t, path, elsewhere) })
			if strings.HasPrefix(name, "lock is a symlink") {
				assert.NoFileExists(t, elsewhere)
			}
		})
	}
}

func TestInstanceIsWritableByAll(t *testing.T) {
	planted(t, t.TempDir(), 0, func(path string) { require.NoError(t, os.Chmod(filepath.Dir(path), 0o777)) })
}

// Another user has made what looks like ours.
func TestPlantedInstance(t *testing.T) {
	asNobody(t, func(dir string) {
		require.NoError(t, os.Chmod(dir, 0o777))
		path := stranded(t, dir, "e0")[0]
		require.NoError(t, os.Chmod(filepath.Dir(path), 0o755))
		require.NoError(t, os.Chmod(filepath.Join(filepath.Dir(path), lockName), 0o666))
		require.NoError(t, os.Chmod(path, 0o666))
	}, func(dir string) {
		before := listing(t, dir)
		s, troubles := open(t, dir)
		assert.Empty(t, troubles)
		assert.Zero(t, s.Unread())
		assert.Equal(t, 1, s.Left().Files)
		assert.Zero(t, s.Tend())
		assert.Subset(t, listing(t, dir), before)
	})
}

// Another user of the group that may write to our instance has made a file in it.
func TestPlantedFileOfAnotherUser(t *testing.T) {
	asNobody(t, func(dir string) {
		path := stranded(t, dir, "e0")[0]
		require.NoError(t, os.Chmod(path, 0o666))
		for _, of := range []string{filepath.Dir(path), filepath.Join(filepath.Dir(path), lockName)} {
			require.NoError(t, os.Chown(of, nobody, nobody))
		}
	}, func(dir string) {
		before := listing(t, dir)
		s, troubles := open(t, dir)
		assert.Len(t, troubles, 1)
		assert.Zero(t, s.Unread())
		assert.Equal(t, 1, s.Left().Files)
		assert.Subset(t, listing(t, dir), before)
	})
}

// Where somebody has put another file in place of the one that was scanned, it
// is not read.
func TestFileIsReplacedWhileItIsMoved(t *testing.T) {
	dir := t.TempDir()
	path := stranded(t, dir, "e0")[0]
	s, _ := openWith(t, Config{Dir: t.TempDir(), Tenant: tenant, MaxBytes: 1 << 20})
	s.cfg.Dir = dir
	var err error
	s.dir, err = os.OpenRoot(dir)
	require.NoError(t, err)
	s.instance, err = s.build()
	require.NoError(t, err)
	i, err := openInstance(s.dir, filepath.Base(filepath.Dir(path)))
	require.NoError(t, err)
	defer i.close()
	a := &adoption{s: s, scanner: scanner{header: header(tenant)}}
	segment, info, _, err := a.scanFile(i, filepath.Base(path))
	require.NoError(t, err)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.Rename(path, filepath.Join(dir, "scanned"))) // keeps its inode from being used again
	require.NoError(t, os.WriteFile(path, text, 0o600))
	assert.ErrorIs(t, a.move(i, filepath.Base(path), segment, info), errNotOurs)
}

// What an instance of an ordinary user's cannot be looked at is counted.
func TestLeftOfAnotherUser(t *testing.T) {
	asNobody(t, func(dir string) {
		require.NoError(t, os.Chmod(dir, 0o777))
		stranded(t, dir, "e0")
	}, func(dir string) {
		s, troubles := open(t, dir)
		assert.Empty(t, troubles)
		assert.Equal(t, 1, s.Left().Files)
		assert.False(t, s.Left().Oldest.IsZero())
	})
}
