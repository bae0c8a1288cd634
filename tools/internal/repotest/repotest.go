// Package repotest makes repositories for tests.
package repotest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/tools/internal/modules"
)

// settings are the repository's own, so that those of who runs the tests, a key
// to sign commits say, do not count.
var settings = [][2]string{
	{"user.name", "A"}, {"user.email", "a@example.com"}, {"commit.gpgSign", "false"}, {"tag.gpgSign", "false"},
	{"core.autocrlf", "false"}, {"core.excludesFile", ""}, {"core.hooksPath", ""},
}

// New makes a repository of the files in a directory of the test, and adds all of them.
func New(t testing.TB, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		Write(t, root, name, text)
	}
	Git(t, root, "init", "-q", "--template=")
	for _, s := range settings {
		Git(t, root, "config", s[0], s[1])
	}
	Git(t, root, "add", ".")
	return root
}

// Write writes a file below root, and makes its directory.
func Write(t testing.TB, root, name, text string) {
	t.Helper()
	name = filepath.Join(root, filepath.FromSlash(name))
	require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
	require.NoError(t, os.WriteFile(name, []byte(text), 0o644))
}

// Commit commits all that is below root.
func Commit(t testing.TB, root string) {
	t.Helper()
	Git(t, root, "add", ".")
	Git(t, root, "commit", "-qm", "a change")
}

// Git runs git below root.
func Git(t testing.TB, root string, args ...string) {
	t.Helper()
	_, err := modules.Git(root, args...)
	require.NoError(t, err)
}
