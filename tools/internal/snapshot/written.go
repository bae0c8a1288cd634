package snapshot

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/altertable-ai/altertable-go/tools/internal/modules"
)

const (
	// Dir is where a repository keeps its snapshots.
	Dir    = "tools/api/snapshots"
	suffix = ".go.txt"
)

// Write renews the snapshots of the repository at root.
func Write(root string, found []*Package) error {
	dir := filepath.Join(root, Dir)
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	for _, p := range found {
		name := filepath.Join(dir, filepath.FromSlash(p.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, []byte(p.Text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Written returns the snapshots of the repository at root, by name.
func Written(root string) (map[string]string, error) {
	written := map[string]string{}
	dir := filepath.Join(root, Dir)
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		below, err := filepath.Rel(dir, name)
		// A checkout on Windows may have other ends of lines.
		written[filepath.ToSlash(below)] = strings.ReplaceAll(string(content), "\r\n", "\n")
		return err
	})
	if os.IsNotExist(err) {
		return written, nil
	}
	return written, err
}

// WrittenAt returns the snapshots of a revision, a tag say, by name.
func WrittenAt(root, revision string) (map[string]string, error) {
	names, err := modules.Git(root, "ls-tree", "-r", "--name-only", "--full-tree", revision, Dir+"/")
	if err != nil {
		return nil, err
	}
	written := map[string]string{}
	for _, name := range strings.Fields(names) {
		text, err := modules.Git(root, "show", revision+":"+name)
		if err != nil {
			return nil, err
		}
		written[strings.TrimPrefix(name, Dir+"/")] = text + "\n"
	}
	return written, nil
}
