//go:build unix

package altertable_test

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// lockFiles returns the lock files of all clients in dir.
func lockFiles(t *testing.T, dir string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "*", "lock"))
	require.NoError(t, err)
	return all
}

// A cleaner of old files takes the lock file away, which is never written.
func TestLockFileOfALivingClientIsRemoved(t *testing.T) {
	for name, wait := range map[string]time.Duration{"at once": 0, "after the next tick": 3 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				living, srv, _ := newSpoolClient(t, dir)
				down := srv.Always(altertabletest.Status(503))
				track(t, living, numbered(30)...)
				locks := lockFiles(t, dir)
				require.Len(t, locks, 1)
				require.NoError(t, os.Remove(locks[0]))
				pass(wait)
				second, other, l := newSpoolClient(t, dir)
				assert.Zero(t, second.Stats().Accepted, "the files of one that lives")
				pass(10 * time.Minute)
				assert.Zero(t, second.Stats().Accepted, "later, too")
				require.NoError(t, second.Close())
				assert.Empty(t, other.Events())
				assert.Empty(t, l.errs)
				track(t, living, "more")
				down.Release()
				require.NoError(t, living.Close())
				assert.ElementsMatch(t, append(numbered(30), "more"), stored(srv))
				assert.Empty(t, files(t, dir))
			})
		})
	}
}

// Whoever dies without a lock file is dead all the same.
func TestLockFileOfADeadClientIsRemoved(t *testing.T) {
	for _, when := range []string{"before its end", "after its end"} {
		t.Run(when, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				dead, srv, _ := newSpoolClient(t, dir)
				srv.Always(altertabletest.Status(503))
				track(t, dead, numbered(30)...)
				remove := func() {
					for _, lock := range lockFiles(t, dir) {
						require.NoError(t, os.Remove(lock))
					}
				}
				if when == "before its end" {
					remove()
				}
				require.NoError(t, dead.Shutdown(within(t, time.Second)))
				remove()
				client, srv, l := newSpoolClient(t, dir)
				require.NoError(t, client.Close())
				assert.ElementsMatch(t, numbered(30), stored(srv))
				assert.Empty(t, l.errs)
				assert.Empty(t, files(t, dir))
			})
		})
	}
}

// A removed directory costs no call: the one that notices makes it again, and is accepted.
func TestRemovedDirectoryCostsNoCall(t *testing.T) {
	for _, what := range []string{"instance", "parent", "instance renamed"} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), "spool")
				client, srv, l := newSpoolClient(t, dir)
				down := srv.Always(altertabletest.Status(503))
				track(t, client, "e0", "e1")
				pass(2 * time.Second)
				removed := dir
				if what != "parent" {
					removed = onlyInstance(t, dir)
				}
				if what == "instance renamed" {
					require.NoError(t, os.Rename(removed, filepath.Join(t.TempDir(), "away")))
				} else {
					require.NoError(t, os.RemoveAll(removed))
				}
				track(t, client, "e2")
				pass(2 * time.Second)
				track(t, client, "e3", "e4")
				pass(2 * time.Second)
				require.Len(t, l.troubles(), 1, "the removal")
				assert.ErrorIs(t, l.troubles()[0], os.ErrNotExist)
				assert.Zero(t, client.Stats().Rejected)
				require.NoError(t, client.Shutdown(within(t, time.Second)), "all is on disk again")
				down.Release()
				assert.Empty(t, srv.Events())
				next, srv, _ := newSpoolClient(t, dir)
				require.NoError(t, next.Close())
				assert.ElementsMatch(t, numbered(5), stored(srv))
			})
		})
	}
}

// The outcome of a message is noted in the client's own file, not in what
// somebody has put at its name.
func TestFileIsReplacedByASymlinkWhileRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		client, srv, _ := newSpoolClient(t, dir, manyFiles(dir), altertable.WithMaxBatchSize(1))
		srv.Always(altertabletest.Hang().MatchBody(contains("e0")))
		down := srv.Always(altertabletest.Status(503))
		track(t, client, numbered(40)...)
		victim := filepath.Join(t.TempDir(), "victim")
		require.NoError(t, os.WriteFile(victim, []byte("mine\n"), 0o600))
		for _, path := range segments(t, dir) {
			require.NoError(t, os.Rename(path, path+".away"))
			require.NoError(t, os.Symlink(victim, path))
		}
		down.Release()
		pass(time.Hour)
		assert.Greater(t, len(srv.Events()), 20)
		text, err := os.ReadFile(victim)
		require.NoError(t, err)
		assert.Equal(t, "mine\n", string(text))
		srv.ClearFaults()
		require.NoError(t, client.Shutdown(within(t, time.Minute)))
	})
}
