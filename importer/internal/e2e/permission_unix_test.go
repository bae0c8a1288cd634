//go:build unix

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// nobody is a user who owns nothing.
const nobody = 65534

// asNobody returns a function that runs the command as a user who is not root.
func (w *world) asNobody(t *testing.T) func(args ...string) result {
	t.Helper()
	if os.Getuid() != 0 {
		return w.run
	}
	for dir := w.dir; len(dir) > len(os.TempDir()); dir = filepath.Dir(dir) {
		require.NoError(t, os.Chmod(dir, 0o755))
	}
	require.NoError(t, os.Chmod(w.temp, 0o777))
	require.NoError(t, os.Chmod(filepath.Dir(binary), 0o755))
	return func(args ...string) result {
		p := launchAs(t, func(cmd *exec.Cmd) {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		}, nil, w.env, args...)
		p.wait()
		return w.result(p, "")
	}
}
