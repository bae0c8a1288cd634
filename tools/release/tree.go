package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
	"golang.org/x/mod/zip"

	"github.com/altertable-ai/altertable-go/tools/internal/modules"
	"github.com/altertable-ai/altertable-go/tools/internal/snapshot"
)

// A tree is a repository that is to be released, and what speaks against it.
type tree struct {
	root     string
	version  string // v0.3.0
	modules  []*modules.Module
	problems []string // sentences that begin with the file
}

func (t *tree) problem(format string, args ...any) {
	t.problems = append(t.problems, fmt.Sprintf(format, args...))
}

// published returns the modules that get a tag, the root first.
func (t *tree) published() []*modules.Module {
	return slices.DeleteFunc(slices.Clone(t.modules), func(m *modules.Module) bool { return !m.Published() })
}

func (t *tree) read(name string) (string, error) {
	content, err := os.ReadFile(filepath.Join(t.root, name))
	return strings.ReplaceAll(string(content), "\r\n", "\n"), err
}

// last returns the newest version that is tagged, or "". Without candidates, it
// leaves out those like v1.2.3-rc.1.
func (t *tree) last(candidates bool) (string, error) {
	tags, err := modules.Git(t.root, "tag", "--list", "v*")
	if err != nil {
		return "", err
	}
	last := ""
	for _, tag := range strings.Fields(tags) {
		if semver.IsValid(tag) && (candidates || semver.Prerelease(tag) == "") && (last == "" || semver.Compare(tag, last) > 0) {
			last = tag
		}
	}
	return last, nil
}

func (t *tree) checkVersion() error {
	if semver.Canonical(t.version) != t.version {
		t.problem("The version %q is not one of the form v1.2.3 or v1.2.3-rc.1.", t.version)
		return nil
	}
	_, suffix, _ := module.SplitPathVersion(t.modules[0].Path())
	if err := module.CheckPathMajor(t.version, suffix); err != nil {
		t.problem("go.mod: the path of a module says its major version from v2 on, so %s does not fit %s.", t.version, t.modules[0].Path())
	}
	last, err := t.last(true)
	if err == nil && last != "" && semver.Compare(t.version, last) <= 0 {
		t.problem("The version %s is not greater than that of the last tag, %s; choose a greater one.", t.version, last)
	}
	return err
}

func (t *tree) checkTags() error {
	for _, m := range t.published() {
		found, err := modules.Git(t.root, "tag", "--list", m.Tag(t.version))
		if err != nil {
			return err
		}
		if found != "" {
			t.problem("The tag %s is there already; a tag that was pushed is never moved, so choose a greater version.", found)
		}
	}
	return nil
}

func (t *tree) checkClean() error {
	changed, err := modules.Git(t.root, "status", "--porcelain", "--untracked-files=normal")
	if err == nil && changed != "" {
		t.problem("The work tree has changes that are not committed (git status); a tag would be without them.")
	}
	return err
}

// A constant is where a file says the version.
type constant struct {
	file, value string
}

// versionConstant finds the constant Version of the root package.
func versionConstant(root string) (constant, error) {
	names, err := filepath.Glob(filepath.Join(root, "*.go"))
	if err != nil {
		return constant{}, err
	}
	for _, name := range names {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return constant{}, err
		}
		for _, decl := range file.Decls {
			if value := constantIn(decl); value != "" {
				return constant{filepath.Base(name), value}, nil
			}
		}
	}
	return constant{}, fmt.Errorf("no file of the root has: const Version = \"...\"")
}

func constantIn(decl ast.Decl) string {
	d, ok := decl.(*ast.GenDecl)
	if !ok || d.Tok != token.CONST {
		return ""
	}
	for _, spec := range d.Specs {
		s := spec.(*ast.ValueSpec)
		if s.Names[0].Name != "Version" || len(s.Values) == 0 {
			continue
		}
		if literal, ok := s.Values[0].(*ast.BasicLit); ok {
			value, _ := strconv.Unquote(literal.Value)
			return value
		}
	}
	return ""
}

func (t *tree) checkConstant(c constant) error {
	if "v"+c.value != t.version {
		t.problem("%s: the constant Version is %q; make it %q.", c.file, c.value, strings.TrimPrefix(t.version, "v"))
	}
	return nil
}

// checkDocuments finds versions of the modules that documents name: in a go get
// or a go.mod. What benchmarks measured has the version that was measured.
func (t *tree) checkDocuments() error {
	names, err := modules.Files(t.root, "*.md")
	if err != nil {
		return err
	}
	mention := regexp.MustCompile(regexp.QuoteMeta(t.modules[0].Path()) + `[\w./-]*[@ ](v\d+\.\d+\.\d+[\w.+-]*)`)
	for _, name := range names {
		if name == changelog {
			continue
		}
		text, err := t.read(name)
		if os.IsNotExist(err) {
			continue // deleted, which the check of the work tree tells
		}
		if err != nil {
			return err
		}
		for i, line := range strings.Split(text, "\n") {
			for _, found := range mention.FindAllStringSubmatch(line, -1) {
				if found[1] != t.version {
					t.problem("%s:%d: names %s; make it %s.", name, i+1, found[1], t.version)
				}
			}
		}
	}
	return nil
}

// checkZip looks for files that the go command refuses in a module.
func (t *tree) checkZip() error {
	for _, m := range t.published() {
		files, err := zip.CheckDir(filepath.Join(t.root, m.Dir))
		for _, invalid := range files.Invalid {
			name, _ := filepath.Rel(t.root, invalid.Path)
			t.problem("%s: no module can have this file (%v); rename it.", filepath.ToSlash(name), invalid.Err)
		}
		if err != nil && len(files.Invalid) == 0 {
			t.problem("%s: its module cannot be published: %v.", m.GoMod(), err)
		}
	}
	return nil
}

// checkAPI compares the API with the snapshots, and with those of the last release.
func (t *tree) checkAPI() error {
	found, err := snapshot.Load(t.root)
	if err != nil {
		t.problem("The exported API cannot be read: %v.", err)
		return nil
	}
	written, err := snapshot.Written(t.root)
	if err != nil {
		return err
	}
	if changes := snapshot.Check(found, written); len(changes) > 0 {
		t.problem("%s: not the API that is exported now; renew it: go run -C tools ./api -write", snapshot.Dir)
	}
	last, err := t.last(false)
	if err != nil || last == "" || mayBreak(last, t.version) {
		return err
	}
	if written, err = snapshot.WrittenAt(t.root, last); err != nil || len(written) == 0 {
		return err
	}
	for _, c := range snapshot.Check(found, written) {
		if !c.Compatible {
			t.problem("%s breaks callers of %s (%s); choose a version that may.", t.version, last, c.Text)
		}
	}
	return nil
}

// mayBreak reports whether a version may be incompatible with an earlier one:
// with a greater major version, or, below v1, a greater minor one.
func mayBreak(last, version string) bool {
	if semver.Major(version) == "v0" {
		return semver.MajorMinor(version) != semver.MajorMinor(last)
	}
	return semver.Major(version) != semver.Major(last)
}
