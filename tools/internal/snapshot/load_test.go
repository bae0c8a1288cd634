package snapshot

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/tools/internal/modules"
	"github.com/altertable-ai/altertable-go/tools/internal/repotest"
)

func replace(t *testing.T, text, old, new string) string {
	require.Contains(t, text, old)
	return strings.ReplaceAll(text, old, new)
}

// repository returns a repository with a module, one within it, and what nobody imports.
func repository(t *testing.T) string {
	t.Setenv("GOPROXY", "off")
	return repotest.New(t, map[string]string{
		"go.mod":            "module example.com/top\n\ngo 1.25\n",
		"top.go":            "package top\n\nimport \"net/http\"\n\nfunc Serve(h http.Handler, c *http.Client) error { return nil }\n",
		"sub/sub.go":        "package sub\n\nfunc Sub() {}\n",
		"internal/x/x.go":   "package x\n\nfunc X() {}\n",
		"examples/e/e.go":   "package e\n\nfunc E() {}\n",
		"cmd/main.go":       "package main\n\nfunc main() {}\n",
		"nested/in/go.mod":  "module example.com/top/nested/in\n\ngo 1.25\n\nrequire example.com/top v0.0.0\n\nreplace example.com/top => ../..\n",
		"nested/in/in.go":   "package in\n\nimport \"example.com/top/sub\"\n\nfunc In() { sub.Sub() }\n",
		"benchmarks/go.mod": "module example.com/top/benchmarks\n",
		"benchmarks/b.go":   "package broken, and not read\n",
	})
}

func TestPackageThatDoesNotCompile(t *testing.T) {
	root := repository(t)
	repotest.Write(t, root, "sub/sub.go", "package sub\n\nfunc Sub() Missing { panic(1) }\n")
	_, err := Load(root)
	assert.ErrorContains(t, err, "Missing")
}

// What this repository has written down is what it exports, on every system,
// and a snapshot has all of it.
func TestSnapshotsOfThisRepository(t *testing.T) {
	root, err := modules.Root(".")
	require.NoError(t, err)
	written, err := Written(root)
	require.NoError(t, err)
	for _, system := range []string{"linux", "darwin", "windows"} {
		found, err := Load(root, "GOOS="+system, "GOARCH=amd64", "CGO_ENABLED=0")
		require.NoError(t, err)
		require.Len(t, found, len(written))
		for _, p := range found {
			require.Equal(t, written[p.Name], p.Text, "%s on %s: go run -C tools ./api -write", p.Name, system)
			checked, err := check(p.Text, p)
			require.NoError(t, err)
			again, err := Text(checked)
			require.NoError(t, err)
			require.Equal(t, p.Text, again, "%s is not all of the package", p.Name)
			// Without the shortcut for equal texts.
			assert.Empty(t, differences(checked, p))
		}
	}
}
