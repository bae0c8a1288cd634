package altertable_test

import (
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// A living client keeps its files while nobody may see them, itself included.
func TestDirectoryMayNotBeEnteredForAWhile(t *testing.T) {
	for name, wait := range map[string]time.Duration{"a second": time.Second, "several ticks": 5 * time.Minute} {
		for _, what := range []string{"instance", "parent"} {
			t.Run(what+" for "+name, func(t *testing.T) {
				dir, child := asNobody(t, nil)
				if !child {
					return
				}
				synctest.Test(t, func(t *testing.T) {
					living, srv, l := newSpoolClient(t, dir)
					down := srv.Always(altertabletest.Status(503))
					track(t, living, numbered(30)...)
					pass(2 * time.Second)
					accepted := numbered(30)
					closed := dir
					if what == "instance" {
						closed = onlyInstance(t, dir)
					}
					require.NoError(t, os.Chmod(closed, 0))
					if living.Track(t.Context(), event("closed")) == nil {
						accepted = append(accepted, "closed")
					}
					pass(wait)
					require.NoError(t, os.Chmod(closed, 0o700))
					pass(2 * time.Second)
					second, other, _ := newSpoolClient(t, dir)
					assert.Zero(t, second.Stats().Accepted, "the files of one that lives")
					track(t, living, "open")
					accepted = append(accepted, "open")
					pass(5 * time.Minute)
					down.Release()
					require.NoError(t, second.Close())
					require.NoError(t, living.Close())
					assert.Empty(t, other.Events())
					assert.ElementsMatch(t, accepted, stored(srv))
					assert.Empty(t, l.lostSoFar())
					assert.Empty(t, files(t, dir))
				})
			})
		}
	}
}

// A client that begins while a living one's directory is closed leaves it alone.
func TestNewWhileADirectoryMayNotBeEntered(t *testing.T) {
	dir, child := asNobody(t, nil)
	if !child {
		return
	}
	synctest.Test(t, func(t *testing.T) {
		living, srv, _ := newSpoolClient(t, dir)
		down := srv.Always(altertabletest.Status(503))
		track(t, living, numbered(30)...)
		instance := onlyInstance(t, dir)
		require.NoError(t, os.Chmod(instance, 0))
		second, other, _ := newSpoolClient(t, dir)
		pass(5 * time.Minute)
		require.NoError(t, os.Chmod(instance, 0o700))
		pass(5 * time.Minute)
		assert.Zero(t, second.Stats().Accepted)
		require.NoError(t, second.Close())
		down.Release()
		require.NoError(t, living.Close())
		assert.Empty(t, other.Events())
		assert.ElementsMatch(t, numbered(30), stored(srv))
	})
}

// What is delivered and cannot be removed is reported, and not delivered again.
func TestFilesThatCannotBeRemoved(t *testing.T) {
	for _, size := range []string{"one file", "many files"} {
		for _, then := range []string{"for good", "until the next client", "for a while"} {
			t.Run(size+" "+then, func(t *testing.T) {
				dir, child := asNobody(t, nil)
				if !child {
					return
				}
				var opts []altertable.Option
				if size == "many files" {
					opts = append(opts, manyFiles(dir))
				}
				synctest.Test(t, func(t *testing.T) {
					client, srv, l := newSpoolClient(t, dir, opts...)
					down := srv.Always(altertabletest.Status(503))
					track(t, client, numbered(40)...)
					instance := onlyInstance(t, dir)
					require.NoError(t, os.Chmod(instance, 0o500))
					down.Release()
					require.NoError(t, client.Flush(t.Context()))
					pass(time.Second)
					assert.NotEmpty(t, l.troubles())
					assert.Len(t, srv.Events(), 40)
					if then == "for a while" {
						require.NoError(t, os.Chmod(instance, 0o700))
						pass(5 * time.Minute)
						assert.Empty(t, segments(t, dir), "it tries again")
					}
					require.NoError(t, client.Close())
					if then == "until the next client" {
						require.NoError(t, os.Chmod(instance, 0o700))
					}
					next, srv, _ := newSpoolClient(t, dir, opts...)
					pass(5 * time.Minute)
					require.NoError(t, next.Close())
					assert.Empty(t, srv.Events())
					if then != "for good" {
						assert.Empty(t, segments(t, dir))
					}
				})
			})
		}
	}
}

// What may be read is delivered, though it may not be written.
func TestFilesThatMayOnlyBeRead(t *testing.T) {
	for _, whose := range []string{"own", "adopted"} {
		t.Run(whose, func(t *testing.T) {
			dir, child := asNobody(t, nil)
			if !child {
				return
			}
			synctest.Test(t, func(t *testing.T) {
				client, srv, l := newSpoolClient(t, dir, manyFiles(dir), altertable.WithMaxQueueSize(5))
				down := srv.Always(altertabletest.Status(503))
				track(t, client, numbered(40)...)
				if whose == "adopted" {
					require.NoError(t, client.Shutdown(within(t, time.Second)))
				}
				for _, path := range segments(t, dir) {
					require.NoError(t, os.Chmod(path, 0o400))
				}
				if whose == "adopted" {
					client, srv, l = newSpoolClient(t, dir, manyFiles(dir), altertable.WithMaxQueueSize(5))
				} else {
					require.NoError(t, os.Chmod(onlyInstance(t, dir), 0o500))
				}
				down.Release()
				require.NoError(t, client.Flush(within(t, time.Hour)))
				assert.ElementsMatch(t, numbered(40), stored(srv))
				assert.Empty(t, l.lostSoFar())
				require.NoError(t, client.Close())
			})
		})
	}
}
