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
	_, err := Git(t.TempDir(), "rev-parse", "--show-toplevel")
	assert.ErrorContains(t, err, "git rev-parse --show-toplevel")
}
