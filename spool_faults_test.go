//go:build unix

package altertable_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// kill leaves a client's files as they are at this moment, without its lock. What
// the client does afterwards is seen by nobody.
func (r *spoolRun) kill(c *spoolClient) {
	synctest.Wait()
	old := filepath.Join(r.dir, c.instance)
	if info, err := os.Stat(old); err != nil || !info.IsDir() || !strings.Contains(c.instance, "-") {
		return // somebody has removed it, and its files are elsewhere
	}
	r.forget(c)
	r.adopted = true
	r.model.kill(c.life)
	r.note("client %d is killed", c.life.number)
	trash := filepath.Join(r.root, "trash"+strconv.Itoa(c.life.number))
	require.NoError(r.t, os.Mkdir(trash, 0o700))
	require.NoError(r.t, os.Remove(c.link))
	require.NoError(r.t, os.Symlink(trash, c.link))
	left := filepath.Join(r.root, "left")
	require.NoError(r.t, os.CopyFS(left, os.DirFS(old)))
	require.NoError(r.t, filepath.WalkDir(left, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		return os.Chmod(path, 0o600)
	}))
	require.NoError(r.t, os.Chmod(left, 0o700))
	require.NoError(r.t, os.RemoveAll(old))
	go func() { _ = c.Shutdown(within(r.t, time.Millisecond)) }()
	pass(time.Second)
	require.NoError(r.t, os.Rename(left, old+"0")) // the end of a name is random
	for i := range r.blocked {
		if filepath.Dir(r.blocked[i].path) == old {
			r.blocked[i].path = filepath.Join(old+"0", filepath.Base(r.blocked[i].path))
		}
	}
}

// someSegment returns the path of a file with messages, "" if there is none.
func (r *spoolRun) someSegment() string {
	var all []string
	for _, path := range files(r.t, r.dir) {
		if filepath.Ext(path) == ".spool" {
			all = append(all, path)
		}
	}
	if len(all) == 0 {
		return ""
	}
	return all[r.IntN(len(all))]
}

// block puts a directory in the place of a file.
func (r *spoolRun) block() {
	path := r.someSegment()
	if path == "" {
		return
	}
	aside := filepath.Join(r.root, "aside-"+filepath.Base(path)+strconv.Itoa(len(r.log)))
	instead := aside + "-instead"
	require.NoError(r.t, os.MkdirAll(filepath.Join(instead, "full"), 0o700))
	require.NoError(r.t, os.Rename(path, aside))
	require.NoError(r.t, os.Rename(instead, path))
	r.blocked = append(r.blocked, blockedFile{path, aside})
	r.model.locked(func() { r.model.mayNotRead = true })
	r.note("blocked %s", path)
}

// unblock puts a file back.
func (r *spoolRun) unblock() {
	if len(r.blocked) == 0 {
		return
	}
	b := r.blocked[0]
	r.blocked = r.blocked[1:]
	r.note("unblocked %s", b.path)
	if info, err := os.Stat(b.path); err == nil && info.IsDir() {
		require.NoError(r.t, os.RemoveAll(b.path))
		require.NoError(r.t, os.Rename(b.aside, b.path))
		return
	}
	r.note("which was gone")
	r.model.harm(marksIn(b.aside))
}

// marksIn returns the numbers of the messages in a file or below a directory.
func marksIn(path string) (numbers []int) {
	_ = filepath.WalkDir(path, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return nil
		}
		for line := range strings.Lines(string(text)) {
			numbers = append(numbers, numbersInLine(line)...)
		}
		return nil
	})
	return numbers
}

func numbersInLine(line string) (numbers []int) {
	for parts := strings.Split(line, "#"); len(parts) > 2; parts = parts[2:] {
		if n, err := strconv.Atoi(parts[1]); err == nil {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

// harm removes or damages files.
func (r *spoolRun) harm() {
	path := r.someSegment()
	if path == "" {
		return
	}
	switch r.IntN(8) {
	case 0, 1:
		r.note("removed %s", path)
		r.model.harm(marksIn(path))
		require.NoError(r.t, os.Remove(path))
	case 2:
		r.note("removed the directory of %s", path)
		r.model.harm(marksIn(filepath.Dir(path)))
		require.NoError(r.t, os.RemoveAll(filepath.Dir(path)))
	case 3:
		r.note("removed the shared directory")
		r.model.harm(marksIn(r.dir))
		require.NoError(r.t, os.RemoveAll(r.dir))
		require.NoError(r.t, os.Mkdir(r.dir, 0o700))
	case 4, 5:
		r.note("removed the lock of %s", path)
		_ = os.Remove(filepath.Join(filepath.Dir(path), "lock"))
	default:
		r.damage(path)
	}
}

func (r *spoolRun) damage(path string) {
	text, err := os.ReadFile(path)
	require.NoError(r.t, err)
	if len(text) == 0 {
		return
	}
	r.model.harm(marksIn(path))
	r.model.locked(func() { r.model.mayRepeat = true }) // notes of outcomes
	at := r.IntN(len(text))
	r.note("damaged %s at %d of %d", path, at, len(text))
	if r.IntN(4) == 0 {
		require.NoError(r.t, os.Truncate(path, int64(at)))
		return
	}
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	require.NoError(r.t, err)
	_, err = file.WriteAt([]byte{text[at] ^ 1}, int64(at))
	require.NoError(r.t, err)
	require.NoError(r.t, file.Close())
}
