package modules

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFind(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":                "module example.com/m\n",
		"m.go":                  "package m\n",
		"examples/e/main.go":    "package main\n",
		"a/go.mod":              "module example.com/m/a\n",
		"a/a.go":                "package a\n",
		"a/testdata/main.go":    "package main\n",
		"a/sub/go.mod":          "module example.com/m/a/sub\n",
		"a/sub/cmd/x/main.go":   "package main\n",
		"examples/other/go.mod": "module example.com/m/examples/other\n",
		"tools/go.mod":          "module example.com/m/tools\n",
		"tools/main.go":         "package main\n",
	} {
		name = filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.WriteFile(name, []byte(text), 0o644))
	}
	_, err := Git(root, "init", "-q")
	require.NoError(t, err)
	_, err = Find(root)
	require.Error(t, err, "git tracks nothing yet")
	_, err = Git(root, "add", ".")
	require.NoError(t, err)
	require.NoError(t, os.Remove(filepath.Join(root, "m.go")))

	type module struct {
		dir, path, tag     string
		published, command bool
	}
	found, err := Find(root)
	require.NoError(t, err)
	var got []module
	for _, m := range found {
		got = append(got, module{m.Dir, m.Path(), m.Tag("v1.2.3"), m.Published(), m.Command})
	}
	assert.Equal(t, []module{
		{".", "example.com/m", "v1.2.3", true, false},
		{"a", "example.com/m/a", "a/v1.2.3", true, false},
		{"a/sub", "example.com/m/a/sub", "a/sub/v1.2.3", true, true},
		{"examples/other", "example.com/m/examples/other", "examples/other/v1.2.3", false, false},
		{"tools", "example.com/m/tools", "tools/v1.2.3", false, false},
	}, got)
}

func TestGitSaysWhatFailed(t *testing.T) {
	t.Setenv("GIT_CEILING_DIRECTORIES", os.TempDir())
	_, err := Git(t.TempDir(), "rev-parse", "--show-toplevel")
	assert.ErrorContains(t, err, "git rev-parse --show-toplevel")
}

func TestGitOfADirectoryAloneWithinAHook(t *testing.T) {
	root, hook := t.TempDir(), t.TempDir()
	_, err := Git(hook, "init", "-q")
	require.NoError(t, err)
	t.Setenv("GIT_DIR", filepath.Join(hook, ".git"))
	t.Setenv("GIT_INDEX_FILE", filepath.Join(hook, ".git", "index"))
	require.NoError(t, os.WriteFile(filepath.Join(root, "m.go"), []byte("package m\n"), 0o644))
	for _, args := range [][]string{{"init", "-q"}, {"add", "."}} {
		_, err = Git(root, args...)
		require.NoError(t, err)
	}
	here, err := Files(root)
	require.NoError(t, err)
	assert.Equal(t, []string{"m.go"}, here)
	there, err := Files(hook)
	require.NoError(t, err)
	assert.Empty(t, there)
}
