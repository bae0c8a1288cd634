package altertable_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
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
	cmd.Env = append(os.Environ(), childTest+"="+dir)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: user, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: "+t.Name(), "the child ran this test")
	return dir, false
}

// asNobody is inChild as an ordinary user, with a spool's directory that is its
// own. Who is not root already is one.
func asNobody(t *testing.T, prepare func(dir string), groups ...uint32) (dir string, child bool) {
	t.Helper()
	if os.Getuid() != 0 && os.Getenv(childTest) == "" {
		return inChild(t, nil, func(dir string) { makeSpool(t, dir, prepare) })
	}
	user := &syscall.Credential{Uid: nobody, Gid: nobody, Groups: groups}
	return inChild(t, user, func(dir string) { makeSpool(t, dir, prepare) })
}

// makeSpool makes the directory of a spool below dir, and gives it to nobody
// with all that prepare puts into it.
func makeSpool(t *testing.T, dir string, prepare func(dir string)) {
	t.Helper()
	dir = spoolIn(dir)
	require.NoError(t, os.Mkdir(dir, 0o700))
	if prepare != nil {
		prepare(dir)
	}
	if os.Getuid() == 0 {
		give(t, dir, nobody, nobody)
	}
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

// instances returns the directories in which clients keep their files.
func instances(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, entry := range entries {
		if entry.IsDir() {
			all = append(all, filepath.Join(dir, entry.Name()))
		}
	}
	return all
}

// onlyInstance returns the one that there is.
func onlyInstance(t *testing.T, dir string) string {
	t.Helper()
	all := instances(t, dir)
	require.Len(t, all, 1)
	return all[0]
}

// troubles returns the reports on the spool's files.
func (l *ledger) troubles() (all []*altertable.SpoolError) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, err := range l.errs {
		var trouble *altertable.SpoolError
		if errors.As(err, &trouble) {
			all = append(all, trouble)
		}
	}
	return all
}
