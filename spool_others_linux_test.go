package altertable_test

import (
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// stranger is another user, with files in the same directory.
const stranger = 12345

// adoptable opens a client on dir, lets it adopt what it may, and returns what it
// delivered, and whether it warned of the rest.
func adoptable(t *testing.T, dir string) (delivered []string, warned bool) {
	t.Helper()
	j := new(journal)
	client, srv, l := newSpoolClient(t, dir, altertable.WithLogger(slog.New(j)))
	track(t, client, "new")
	pass(5 * time.Minute)
	require.NoError(t, client.Close())
	assert.Empty(t, l.lostSoFar())
	warned = slices.ContainsFunc(j.about(""), func(e entry) bool { return e.level >= slog.LevelWarn })
	return stored(srv), warned || len(l.troubles()) > 0
}

// state describes all that is below dir, as far as it may be seen.
func state(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // it may not be seen
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		inode := info.Sys().(*syscall.Stat_t).Ino
		var text []byte
		if info.Mode().IsRegular() {
			text, _ = os.ReadFile(path) // it may not be read
		}
		all[path] = fmt.Sprintln(inode, info.Mode(), string(text))
		return nil
	}))
	return all
}

// A volume's directory is root's and everybody's, like an emptyDir, or its
// group's, like one with an fsGroup, whose files kubelet makes group-writable.
func TestDirectoriesOfVolumes(t *testing.T) {
	needRoot(t)
	for name, volume := range map[string]struct {
		gid  int
		mode os.FileMode
		sync bool
	}{
		"emptyDir":            {0, 0o777, false},
		"emptyDir, sticky":    {0, 0o777 | os.ModeSticky, false},
		"emptyDir, SpoolSync": {0, 0o777, true},
		"fsGroup":             {fsGroup, 0o770 | os.ModeSetgid, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir, child := inChild(t, ordinary(fsGroup), func(dir string) {
				dir = spoolIn(dir)
				require.NoError(t, os.Mkdir(dir, 0o700))
				require.NoError(t, os.Chown(dir, 0, volume.gid))
				require.NoError(t, os.Chmod(dir, volume.mode))
			})
			if !child {
				return
			}
			dir = spoolIn(dir)
			opts := []altertable.Option{altertable.WithSpool(dir)}
			if volume.sync {
				opts = append(opts, altertable.WithSpool(dir, altertable.SpoolSync()))
			}
			stranded(t, dir, numbered(20)...)
			require.NoError(t, filepath.WalkDir(onlyInstance(t, dir), func(path string, d fs.DirEntry, err error) error {
				mode := os.FileMode(0o660)
				if d.IsDir() {
					mode = 0o770 | os.ModeSetgid
				}
				if err == nil && volume.gid == fsGroup {
					err = os.Chown(path, -1, fsGroup)
				}
				if err == nil && volume.gid == fsGroup {
					err = os.Chmod(path, mode) // as kubelet does when it mounts the volume again
				}
				return err
			}))
			client, srv, l := newSpoolClient(t, dir, opts...)
			track(t, client, "new")
			require.NoError(t, client.Close())
			assert.ElementsMatch(t, append(numbered(20), "new"), stored(srv))
			assert.Empty(t, l.errs)
			assert.Empty(t, instances(t, dir))
		})
	}
}

// A symlink as the directory itself is followed: it is the program's own choice.
func TestDirectoryIsASymlink(t *testing.T) {
	dir, child := asNobody(t, nil)
	if !child {
		return
	}
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(dir, link))
	dead, srv, _ := newSpoolClient(t, link)
	srv.Always(altertabletest.Status(503))
	track(t, dead, numbered(20)...)
	require.NoError(t, dead.Shutdown(within(t, time.Millisecond)))
	require.NotEmpty(t, segments(t, dir))
	client, srv, l := newSpoolClient(t, link)
	require.NoError(t, client.Close())
	assert.ElementsMatch(t, numbered(20), stored(srv))
	assert.Empty(t, l.errs)
	assert.Empty(t, files(t, dir))
}

// What another user puts beside our files is not delivered under our key.
func TestPlantedInstance(t *testing.T) {
	needRoot(t)
	for name, planted := range map[string]struct {
		uid       int
		dir, file os.FileMode
	}{
		"readable":                     {stranger, 0o755, 0o644},
		"writable":                     {stranger, 0o777, 0o666},
		"private":                      {stranger, 0o700, 0o600},
		"root's":                       {0, 0o777, 0o666},
		"ours, and writable by others": {nobody, 0o777, 0o600},
	} {
		t.Run(name, func(t *testing.T) {
			dir, child := asNobody(t, func(dir string) {
				stranded(t, dir, "planted")
				instance := onlyInstance(t, dir)
				give(t, instance, planted.uid, planted.uid)
				for _, path := range files(t, instance) {
					require.NoError(t, os.Chmod(path, planted.file))
				}
				require.NoError(t, os.Chmod(instance, planted.dir))
			})
			if !child {
				return
			}
			require.NoError(t, os.Chmod(dir, 0o777))
			synctest.Test(t, func(t *testing.T) {
				before := state(t, onlyInstance(t, dir))
				delivered, warned := adoptable(t, dir)
				assert.Equal(t, []string{"new"}, delivered)
				assert.True(t, warned)
				assert.Equal(t, before, state(t, onlyInstance(t, dir)))
			})
		})
	}
}

// A lock that is a symlink makes no file elsewhere, and touches none.
func TestPlantedLock(t *testing.T) {
	for name, uid := range map[string]int{"a stranger's": stranger, "root's": 0, "our": nobody} {
		for _, target := range []string{"created", "existing"} {
			t.Run(name+" instance, "+target, func(t *testing.T) {
				needRoot(t)
				dir, child := asNobody(t, func(dir string) {
					elsewhere := filepath.Join(filepath.Dir(dir), "elsewhere")
					require.NoError(t, os.Mkdir(elsewhere, 0o700))
					require.NoError(t, os.WriteFile(filepath.Join(elsewhere, "existing"), []byte("mine\n"), 0o600))
					give(t, elsewhere, nobody, nobody)
					stranded(t, dir, "planted")
					instance := onlyInstance(t, dir)
					require.NoError(t, os.RemoveAll(filepath.Join(instance, "lock")))
					require.NoError(t, os.Symlink(filepath.Join(elsewhere, target), filepath.Join(instance, "lock")))
					give(t, instance, uid, uid)
					if uid != nobody {
						require.NoError(t, os.Chmod(instance, 0o777))
					}
				})
				if !child {
					return
				}
				elsewhere := filepath.Join(filepath.Dir(dir), "elsewhere")
				before := state(t, elsewhere)
				synctest.Test(t, func(t *testing.T) {
					delivered, warned := adoptable(t, dir)
					assert.Contains(t, delivered, "new")
					if uid == nobody {
						assert.True(t, warned || slices.Contains(delivered, "planted"), "it is ours")
						return
					}
					assert.NotContains(t, delivered, "planted")
					assert.True(t, warned)
				})
				assert.Equal(t, before, state(t, elsewhere))
			})
		}
	}
}

// Who may write to our instance, as an fsGroup may, can plant a file there. It
// is left as it is, and neither delivered nor in the way of what is ours.
func TestPlantedFile(t *testing.T) {
	needRoot(t)
	for name, plant := range map[string]func(t *testing.T, valid, path string){
		"file": func(t *testing.T, valid, path string) { require.NoError(t, os.Rename(valid, path)) },
		"symlink": func(t *testing.T, valid, path string) {
			give(t, valid, nobody, nobody)
			require.NoError(t, os.Symlink(valid, path))
		},
		"hard link": func(t *testing.T, valid, path string) {
			give(t, valid, nobody, nobody)
			require.NoError(t, os.Link(valid, path))
		},
		"hard link to a stranger's": func(t *testing.T, valid, path string) { require.NoError(t, os.Link(valid, path)) },
		"FIFO":                      func(t *testing.T, _, path string) { require.NoError(t, syscall.Mkfifo(path, 0o666)) },
		"our FIFO": func(t *testing.T, _, path string) {
			require.NoError(t, syscall.Mkfifo(path, 0o600))
			give(t, path, nobody, nobody)
		},
		"directory":       func(t *testing.T, _, path string) { require.NoError(t, os.Mkdir(path, 0o777)) },
		"symlink to none": func(t *testing.T, _, path string) { require.NoError(t, os.Symlink(path+"-none", path)) },
		"symlink to a device": func(t *testing.T, _, path string) {
			require.NoError(t, os.Symlink("/dev/zero", path))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, child := asNobody(t, func(dir string) {
				other := filepath.Join(filepath.Dir(dir), "other")
				stranded(t, other, "planted")
				require.NoError(t, os.Chmod(other, 0o755))
				require.NoError(t, os.Chmod(onlyInstance(t, other), 0o755))
				valid := segments(t, other)[0]
				require.NoError(t, os.Chmod(valid, 0o644))
				stranded(t, dir, numbered(3)...)
				instance := onlyInstance(t, dir)
				give(t, instance, nobody, nobody)
				require.NoError(t, os.Chmod(instance, 0o770))
				give(t, valid, stranger, stranger)
				plant(t, valid, filepath.Join(instance, "00009999.spool"))
			})
			if !child {
				return
			}
			path := filepath.Join(onlyInstance(t, dir), "00009999.spool")
			planted, before := state(t, path), state(t, filepath.Join(filepath.Dir(dir), "other"))
			require.NotEmpty(t, planted)
			synctest.Test(t, func(t *testing.T) {
				delivered, warned := adoptable(t, dir)
				assert.ElementsMatch(t, append(numbered(3), "new"), delivered)
				assert.True(t, warned)
			})
			assert.Equal(t, planted, state(t, path))
			assert.Equal(t, before, state(t, filepath.Join(filepath.Dir(dir), "other")))
			for _, left := range segments(t, dir) {
				assert.Equal(t, path, left)
			}
		})
	}
}
