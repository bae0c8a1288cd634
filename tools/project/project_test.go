package project

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
	"golang.org/x/mod/modfile"
)

// root is the directory of the repository.
const root = "../.."

// file returns the text of a file of the repository.
func file(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	require.NoError(t, err)
	return string(text)
}

// parse decodes a YAML file of the repository.
func parse(t *testing.T, name string, v any) {
	t.Helper()
	require.NoError(t, yaml.Unmarshal([]byte(file(t, name)), v), name)
}

// files returns the names of the repository's files that match, with slashes.
func files(t *testing.T, match func(name string) bool) []string {
	t.Helper()
	var names []string
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name == ".git":
			return fs.SkipDir
		case entry.Type().IsRegular() && match(name):
			names = append(names, name)
		}
		return nil
	})
	require.NoError(t, err)
	require.NotEmpty(t, names)
	return names
}

// module is what a go.mod says.
type module struct {
	directory string
	*modfile.File
}

// modules returns those of the repository, the root first.
func modules(t *testing.T) []module {
	t.Helper()
	var all []module
	for _, name := range files(t, func(name string) bool { return path.Base(name) == "go.mod" }) {
		parsed, err := modfile.Parse(name, []byte(file(t, name)), nil)
		require.NoError(t, err)
		all = append(all, module{path.Dir(name), parsed})
	}
	slices.SortFunc(all, func(a, b module) int { return len(a.directory) - len(b.directory) })
	require.Equal(t, ".", all[0].directory)
	return all
}
