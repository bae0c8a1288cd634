//go:build unix

package duck

import (
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// An import that has made its directory and opened the lock, when a sweep has locked
// it, waits here for the lock. It must not find its directory then, and take it for
// its own, while the sweep is about to remove it.
func TestNobodyGetsTheLockOfADirectoryThatGoes(t *testing.T) {
	temp := t.TempDir()
	for range 50 {
		dir, lock, err := makeDir(temp)
		require.NoError(t, err)
		file, err := os.Open(lock.Path())
		require.NoError(t, err)
		locked := make(chan error)
		go func() {
			err := unix.Flock(int(file.Fd()), unix.LOCK_EX)
			if _, there := os.Stat(file.Name()); err == nil && there == nil {
				err = os.ErrExist
			}
			locked <- err
		}()
		require.NoError(t, removeDir(dir, lock))
		require.NoError(t, <-locked)
		require.NoError(t, file.Close())
	}
}

func TestNoSweepTakesALockedDirectory(t *testing.T) {
	temp := t.TempDir()
	var makers, sweepers sync.WaitGroup
	var over atomic.Bool
	for range 2 {
		sweepers.Go(func() {
			for !over.Load() {
				sweep(temp)
			}
		})
		makers.Go(func() {
			for range 50 {
				dir, lock, err := makeDir(temp)
				if !assert.NoError(t, err) {
					return
				}
				sweep(temp)
				_, err = os.Stat(filepath.Join(dir, lockName))
				assert.NoError(t, err, "a sweep took it")
				assert.NoError(t, removeDir(dir, lock))
			}
		})
	}
	makers.Wait()
	over.Store(true)
	sweepers.Wait()
	assert.Empty(t, entries(t, temp))
}
