// Package modules finds the modules of a repository, and which of them others use.
package modules

import (
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
)

// A Module is a directory of the repository with a go.mod that git tracks.
type Module struct {
	Dir     string // relative to the repository, with slashes; "." for the root
	File    *modfile.File
	Command bool // a package main is installed from it, with go install
}

// Path returns the module's path.
func (m *Module) Path() string { return m.File.Module.Mod.Path }

// GoMod returns the name of the module's go.mod, relative to the repository.
func (m *Module) GoMod() string { return path.Join(m.Dir, "go.mod") }

// Tag returns the tag under which the go command finds a version of the module.
func (m *Module) Tag(version string) string {
	if m.Dir == "." {
		return version
	}
	return m.Dir + "/" + version
}

// Published reports whether others import or install what is in the module.
func (m *Module) Published() bool { return Published(m.Dir) }

// Published reports whether a directory of the repository is for others to
// import or install. Examples are for reading, benchmarks and tools are ours.
func Published(dir string) bool {
	first, _, _ := strings.Cut(dir, "/")
	return first != "examples" && first != "benchmarks" && first != "tools"
}

// Root returns the directory of the repository that dir is in.
func Root(dir string) (string, error) {
	out, err := Git(dir, "rev-parse", "--show-toplevel")
	return filepath.FromSlash(out), err
}

// Find returns the modules of the repository at root, the root's own first, and
// none of testdata.
func Find(root string) ([]*Module, error) {
	files, err := Files(root, "*go.mod", "*.go")
	if err != nil {
		return nil, err
	}
	var found []*Module
	var sources []string
	for _, name := range files {
		if strings.HasPrefix(name, "testdata/") || strings.Contains(name, "/testdata/") {
			continue
		}
		if path.Base(name) != "go.mod" {
			sources = append(sources, name)
			continue
		}
		m, err := read(root, name)
		if err != nil {
			return nil, err
		}
		if m.Dir == "." {
			found = append([]*Module{m}, found...)
		} else {
			found = append(found, m)
		}
	}
	if len(found) == 0 || found[0].Dir != "." {
		return nil, fmt.Errorf("git tracks no go.mod at the top of the repository")
	}
	return found, findCommands(root, found, sources)
}

func read(root, name string) (*Module, error) {
	content, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		return nil, err
	}
	file, err := modfile.Parse(name, content, nil)
	if err != nil {
		return nil, err
	}
	if file.Module == nil {
		return nil, fmt.Errorf("%s names no module", name)
	}
	return &Module{Dir: path.Dir(name), File: file}, nil
}

// findCommands sets Command of the modules that have a package main for others.
func findCommands(root string, all []*Module, sources []string) error {
	for _, name := range sources {
		if strings.HasSuffix(name, "_test.go") || !Published(path.Dir(name)) {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, name), nil, parser.PackageClauseOnly)
		if os.IsNotExist(err) {
			continue // deleted, and not committed yet
		}
		if err != nil {
			return err
		}
		if file.Name.Name == "main" {
			owner(all, name).Command = true
		}
	}
	return nil
}

// owner returns the module that a file belongs to: the deepest above it.
func owner(all []*Module, name string) *Module {
	deepest := all[0]
	for _, m := range all[1:] {
		if strings.HasPrefix(name, m.Dir+"/") && (deepest.Dir == "." || len(m.Dir) > len(deepest.Dir)) {
			deepest = m
		}
	}
	return deepest
}

// Files returns the names of the files that git tracks, relative to root, with slashes.
func Files(root string, patterns ...string) ([]string, error) {
	// With zeros between, since git quotes some names otherwise.
	out, err := Git(root, append([]string{"ls-files", "-z", "--"}, patterns...)...)
	return strings.FieldsFunc(out, func(r rune) bool { return r == 0 }), err
}

// elsewhere are the variables by which git hands its hooks the repository that
// they run for.
var elsewhere = []string{
	"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY",
	"GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH", "GIT_NAMESPACE", "GIT_PREFIX",
}

// Git runs git in dir and returns what it prints, without white space around.
//
// The repository is the one that dir is in, whatever the variables say: within a
// hook they would lead a test's commits into the repository of the hook.
func Git(dir string, args ...string) (string, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = slices.DeleteFunc(cmd.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.Contains(elsewhere, name)
	})
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(string(out)), nil
}
