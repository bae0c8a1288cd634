//go:build unix && !aix && !solaris

package spool

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	nobody  = 65534
	fsGroup = 54321 // nobody is in it

	nobodyDir = "ALTERTABLE_TEST_NOBODY_DIR"
)

// asNobody runs body as an ordinary user with a directory of that user's. For
// root it does so in a child process, after prepare, which may be nil.
// Without root there is nobody else to prepare anything.
func asNobody(t *testing.T, prepare, body func(dir string)) {
	t.Helper()
	if dir := os.Getenv(nobodyDir); dir != "" {
		body(dir)
		return
	}
	above, err := os.MkdirTemp("", "spool")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(above) })
	require.NoError(t, os.Chmod(above, 0o755))
	dir := filepath.Join(above, "dir")
	require.NoError(t, os.Mkdir(dir, 0o700))
	if os.Geteuid() != 0 {
		if prepare == nil {
			body(dir)
		}
		return
	}
	require.NoError(t, os.Chown(dir, nobody, nobody))
	if prepare != nil {
		prepare(dir)
	}
	temp := filepath.Join(above, "tmp")
	require.NoError(t, os.Mkdir(temp, 0o700))
	require.NoError(t, os.Chown(temp, nobody, nobody))
	child := exec.Command(copyOfTest(t, above), "-test.run=^"+t.Name()+"$", "-test.timeout=1m")
	child.Dir = above
	child.Env = append(os.Environ(), nobodyDir+"="+dir, "TMPDIR="+temp)
	child.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody, Groups: []uint32{fsGroup}}}
	output, err := child.CombinedOutput()
	require.NoError(t, err, "%s", output)
}

// copyOfTest copies the test's binary to where everybody can run it.
func copyOfTest(t *testing.T, dir string) string {
	t.Helper()
	path, err := os.Executable()
	require.NoError(t, err)
	from, err := os.Open(path)
	require.NoError(t, err)
	defer func() { _ = from.Close() }()
	to, err := os.OpenFile(filepath.Join(dir, "test"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	require.NoError(t, err)
	_, err = io.Copy(to, from)
	require.NoError(t, err)
	require.NoError(t, to.Close())
	return to.Name()
}
