// Package snapshot writes down the exported API of a repository's packages, and
// compares what was written down with what they export now.
package snapshot

import (
	"errors"
	"fmt"
	"go/types"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/tools/go/packages"

	"github.com/altertable-ai/altertable-go/tools/internal/modules"
)

// A Package is one that others import.
type Package struct {
	Types *types.Package
	Name  string // of its snapshot, in the directory of snapshots
	Text  string // its snapshot, as it is now
}

const (
	namesOnly = packages.NeedName
	// Dependencies come from export data. Ours are checked from source, so that
	// aliases and the names of parameters are those that a reader sees.
	withTypes = packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedImports |
		packages.NeedTypes | packages.NeedTypesSizes | packages.NeedSyntax | packages.NeedTypesInfo
)

// Load returns the packages of the repository at root that others import, as
// they are for the system that env says (GOOS=..., GOARCH=...).
func Load(root string, env ...string) ([]*Package, error) {
	all, err := modules.Find(root)
	if err != nil {
		return nil, err
	}
	var found []*Package
	for _, module := range all {
		if !module.Published() {
			continue
		}
		config := &packages.Config{
			Mode: namesOnly,
			Dir:  filepath.Join(root, module.Dir),
			Env:  append(append(os.Environ(), "GOWORK=off"), env...),
		}
		names, err := public(config, module)
		if err != nil {
			return nil, err
		}
		if len(names) == 0 {
			continue
		}
		config.Mode = withTypes
		loaded, err := load(config, names...)
		if err != nil {
			return nil, err
		}
		for _, p := range loaded {
			text, err := Text(p.Types)
			if err != nil {
				return nil, err
			}
			found = append(found, &Package{p.Types, fileName(all[0].Path(), p), text})
		}
	}
	return found, nil
}

// public returns the paths of the packages of a module that others import.
func public(config *packages.Config, module *modules.Module) ([]string, error) {
	loaded, err := load(config, "./...")
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, p := range loaded {
		dir := path.Join(module.Dir, strings.TrimPrefix(strings.TrimPrefix(p.PkgPath, module.Path()), "/"))
		internal := strings.Contains("/"+p.PkgPath+"/", "/internal/")
		if p.Name != "main" && !internal && modules.Published(dir) {
			paths = append(paths, p.PkgPath)
		}
	}
	return paths, nil
}

func load(config *packages.Config, patterns ...string) ([]*packages.Package, error) {
	loaded, err := packages.Load(config, patterns...)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, p := range loaded {
		for _, e := range p.Errors {
			errs = append(errs, fmt.Errorf("%s: %w", p.PkgPath, e))
		}
	}
	return loaded, errors.Join(errs...)
}

// fileName returns the name of a package's snapshot: its path below the root's.
func fileName(root string, p *packages.Package) string {
	below := strings.TrimPrefix(strings.TrimPrefix(p.PkgPath, root), "/")
	if below == "" {
		below = p.Name
	}
	return below + suffix
}
