package altertable_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	nobody  = 65534
	fsGroup = 4242 // a group that nobody is in, as a pod is in that of its volumes
)

// inChild runs the calling test again, in a process of its own whose limits,
// user or death do not matter to others. There it returns true. Here it returns
// false, after the child has passed. Both get the same empty directory, which
// prepare, if given, makes ready before.
func inChild(t *testing.T, user *syscall.Credential, prepare func(dir string)) (dir string, child bool) {
	t.Helper()
	if dir := os.Getenv(childTest); dir != "" {
		return dir, true
	}
	dir, err := os.MkdirTemp("", "altertable-")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755))
	if prepare != nil {
		prepare(dir)
	}
	// The binary is in a directory that another user may not search.
	self, err := os.Open("/proc/self/exe")
	require.NoError(t, err)
	defer self.Close()
	var run []string
	for _, name := range strings.Split(t.Name(), "/") {
		run = append(run, "^"+regexp.QuoteMeta(name)+"$")
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/fd/3", "-test.run="+strings.Join(run, "/"), "-test.count=1", "-test.timeout=100s", "-test.v")
	cmd.ExtraFiles = []*os.File{self}
	cmd.Env = append(os.Environ(), childTest+"="+dir, "GOMAXPROCS=4")
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: user}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: "+t.Name(), "the child ran this test")
	return dir, false
}

// asNobody is inChild as an ordinary user, with a spool's directory that is its
// own. Who is not root already is one.
func asNobody(t *testing.T, prepare func(dir string)) (dir string, child bool) {
	t.Helper()
	dir, child = inChild(t, ordinary(), func(dir string) {
		dir = spoolIn(dir)
		require.NoError(t, os.Mkdir(dir, 0o700))
		if prepare != nil {
			prepare(dir)
		}
		if os.Getuid() == 0 {
			require.NoError(t, os.Chown(dir, nobody, nobody))
		}
	})
	return spoolIn(dir), child
}

// ordinary returns the user nobody, or none if only root may change its user.
func ordinary(groups ...uint32) *syscall.Credential {
	if os.Getuid() != 0 {
		return nil
	}
	return &syscall.Credential{Uid: nobody, Gid: nobody, Groups: groups}
}

func spoolIn(dir string) string { return filepath.Join(dir, "spool") }

// give changes the owner of all that is in path.
func give(t *testing.T, path string, uid, gid int) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(path, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, gid)
	}))
}

// needRoot skips a test that is about files of several users, whom only root can make.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 && os.Getenv(childTest) == "" {
		t.Skip("only root can make files of several users")
	}
}

// bytesRead returns how much this process has read from files.
func bytesRead(t *testing.T) (n int64) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/io")
	require.NoError(t, err)
	_, err = fmt.Sscanf(string(text), "rchar: %d", &n)
	require.NoError(t, err)
	return n
}

// A file whose size is a lie costs New no more than what a client may have written.
func TestFileOfEightGigabytes(t *testing.T) {
	dir, child := inChild(t, nil, nil)
	if !child {
		return
	}
	stranded(t, dir, "e0", "e1")
	require.NoError(t, os.Truncate(segments(t, dir)[0], 8<<30))
	before := bytesRead(t)
	client, srv, l := newSpoolClient(t, dir)
	_ = client.Flush(t.Context()) // which tells of damage, or not
	track(t, client, "new")
	require.NoError(t, client.Close())
	assert.Less(t, bytesRead(t)-before, int64(64<<20))
	assert.ElementsMatch(t, []string{"e0", "e1", "new"}, stored(srv))
	assert.NotEmpty(t, l.troubles())
	for _, path := range files(t, dir) {
		assert.True(t, strings.HasSuffix(path, ".damaged"), path)
	}
}
