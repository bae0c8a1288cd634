package snapshot

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/tools/internal/repotest"
)

func checkAll(t *testing.T, root string) []Change {
	found, err := Load(root)
	require.NoError(t, err)
	written, err := Written(root)
	require.NoError(t, err)
	return Check(found, written)
}

func writeAll(t *testing.T, root string) {
	found, err := Load(root)
	require.NoError(t, err)
	require.NoError(t, Write(root, found))
}

func TestCheckAndWrite(t *testing.T) {
	root := repository(t)
	changes := checkAll(t, root)
	assert.Equal(t, []Change{
		{true, "package example.com/top: added, it has no snapshot"},
		{true, "package example.com/top/sub: added, it has no snapshot"},
		{true, "package example.com/top/nested/in: added, it has no snapshot"},
	}, changes)

	writeAll(t, root)
	written, err := Written(root)
	require.NoError(t, err)
	assert.Equal(t, []string{"nested/in.go.txt", "sub.go.txt", "top.go.txt"}, sortedKeys(written))
	changes = checkAll(t, root)
	assert.Empty(t, changes)

	// Types of other packages are the same ones on both sides, and what is gone is told.
	repotest.Write(t, root, "top.go", "package top\n\nimport \"net/http\"\n\nfunc Serve(h http.Handler, c http.Client) error { return nil }\n")
	require.NoError(t, os.RemoveAll(filepath.Join(root, "sub")))
	repotest.Write(t, root, "nested/in/in.go", "package in\n\nfunc In() {}\nfunc Out() {}\n")
	repotest.Git(t, root, "add", ".")
	changes = checkAll(t, root)
	assert.Equal(t, []Change{
		{false, "top.Serve: changed from func(net/http.Handler, *net/http.Client) error to func(net/http.Handler, net/http.Client) error"},
		{true, "in.Out: added"},
		{false, "package of tools/api/snapshots/sub.go.txt: removed"},
	}, changes)
	writeAll(t, root)
	written, err = Written(root)
	require.NoError(t, err)
	assert.Equal(t, []string{"nested/in.go.txt", "top.go.txt"}, sortedKeys(written))
}

func TestEndsOfLinesOfWindows(t *testing.T) {
	root := repository(t)
	writeAll(t, root)
	name := filepath.Join(root, Dir, "top.go.txt")
	content, err := os.ReadFile(name)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(name, []byte(strings.ReplaceAll(string(content), "\n", "\r\n")), 0o644))
	changes := checkAll(t, root)
	assert.Empty(t, changes)
}

// A release compares with the snapshots of the one before.
func TestWrittenAt(t *testing.T) {
	root := repository(t)
	writeAll(t, root)
	written, err := Written(root)
	require.NoError(t, err)
	repotest.Commit(t, root)
	require.NoError(t, os.RemoveAll(filepath.Join(root, Dir)))
	then, err := WrittenAt(root, "HEAD")
	require.NoError(t, err)
	assert.Equal(t, written, then)
	_, err = WrittenAt(root, "v9.9.9")
	assert.Error(t, err)
}
