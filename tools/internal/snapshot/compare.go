package snapshot

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"path"
	"strings"

	"golang.org/x/exp/apidiff"
)

// version is the constant whose value each release changes.
const version = "Version"

// A Change is a difference between a snapshot and the package as it is now.
type Change struct {
	Compatible bool
	Text       string
}

// Check returns how packages differ from the snapshots that are written down, by name.
func Check(found []*Package, written map[string]string) []Change {
	var changes []Change
	left := maps.Clone(written)
	for _, p := range found {
		old, ok := left[p.Name]
		delete(left, p.Name)
		if !ok {
			changes = append(changes, Change{true, "package " + p.Types.Path() + ": added, it has no snapshot"})
			continue
		}
		changes = append(changes, Compare(old, p)...)
	}
	for _, name := range sortedKeys(left) {
		changes = append(changes, Change{false, "package of " + path.Join(Dir, name) + ": removed"})
	}
	return changes
}

// Compare returns how p differs from its snapshot old.
func Compare(old string, p *Package) []Change {
	if old == p.Text {
		return nil
	}
	checked, err := check(old, p)
	if err != nil {
		return []Change{{false, fmt.Sprintf("%s: its snapshot does not fit the packages that it imports now: %v", p.Types.Path(), err)}}
	}
	changes := differences(checked, p)
	if len(changes) == 0 {
		return []Change{{true, p.Types.Path() + ": changed in what is not compared: the names of parameters, the tags of fields, the types of a constraint"}}
	}
	return changes
}

// differences lists what apidiff finds.
func differences(old *types.Package, p *Package) []Change {
	var changes []Change
	for _, c := range apidiff.Changes(old, p.Types).Changes {
		if strings.HasPrefix(c.Message, version+": value changed") {
			continue
		}
		text := strings.ReplaceAll(c.Message, "old is comparable, new is not", "its values can no longer be compared with ==")
		changes = append(changes, Change{c.Compatible, p.Types.Name() + "." + text})
	}
	return changes
}

// check type-checks a snapshot. Types of other packages are those that p has,
// since types of two loads are never the same.
func check(text string, p *Package) (*types.Package, error) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, p.Name, text, 0)
	if err != nil {
		return nil, err
	}
	for _, decl := range file.Decls {
		if f, ok := decl.(*ast.FuncDecl); ok {
			f.Body = &ast.BlockStmt{} // which generic functions must have
		}
	}
	config := types.Config{IgnoreFuncBodies: true, Importer: known(p.Types)}
	return config.Check(p.Types.Path(), files, []*ast.File{file}, nil)
}

// packagesByPath is an importer of packages that are loaded already.
type packagesByPath map[string]*types.Package

// known returns the packages that pkg imports, and those that they import.
func known(pkg *types.Package) packagesByPath {
	found := packagesByPath{}
	var add func(*types.Package)
	add = func(p *types.Package) {
		for _, imported := range p.Imports() {
			if found[imported.Path()] == nil {
				found[imported.Path()] = imported
				add(imported)
			}
		}
	}
	add(pkg)
	return found
}

func (k packagesByPath) Import(path string) (*types.Package, error) {
	if p := k[path]; p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("%s is no longer imported", path)
}
