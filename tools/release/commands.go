package main

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/altertable-ai/altertable-go/tools/internal/modules"
)

// proxy is what users have. GONOPROXY is for those to whom the repository is a
// private one (GOPRIVATE): without it, they would not ask the proxy.
const proxy = "GOPROXY=https://proxy.golang.org GONOPROXY=none GOWORK=off "

// commands returns what is to be run, at the top of the repository, to release it.
//
// The root goes first: nested modules require it, and the proxy remembers for a
// while that a version was not there when it was asked for.
func commands(t *tree) string {
	var libraries, programs []*modules.Module
	for _, m := range t.published()[1:] {
		if m.Command {
			programs = append(programs, m)
		} else {
			libraries = append(libraries, m)
		}
	}
	var out strings.Builder
	fmt.Fprintf(&out, "%s can be released. Run, at the top of the repository:\n\n", t.version)
	fmt.Fprintf(&out, "# The root, which the others require, until the proxy has it.\n")
	tag(&out, t, t.modules[:1])
	fmt.Fprintf(&out, proxy+"go list -m %s@%s\n", t.modules[0].Path(), t.version)
	if len(libraries) > 0 {
		fmt.Fprintf(&out, "\n# The nested modules.\n")
		tag(&out, t, libraries)
		for _, m := range libraries {
			fmt.Fprintf(&out, proxy+"go list -m %s@%s\n", m.Path(), t.version)
		}
	}
	if len(programs) > 0 {
		fmt.Fprintf(&out, "\n# What go install builds. It refuses a module with replace directives, so the\n")
		fmt.Fprintf(&out, "# tag is on a commit without them, beside the branch, where they stay.\n")
		fmt.Fprintf(&out, "git switch --detach %s\n", t.version)
		for i, group := range inOrder(programs) {
			if i > 0 {
				fmt.Fprintf(&out, "\n# What requires one of those, which the proxy has now.\n")
			}
			install(&out, t, group)
		}
		fmt.Fprintf(&out, "git switch -\n")
	}
	return out.String()
}

// inOrder divides modules into groups, so that each requires only those of the
// groups before its own.
func inOrder(list []*modules.Module) (groups [][]*modules.Module) {
	for len(list) > 0 {
		var group, later []*modules.Module
		for _, m := range list {
			if requires(m, list) {
				later = append(later, m)
			} else {
				group = append(group, m)
			}
		}
		if len(group) == 0 { // each requires another one; the commands tell that they cannot be tidied
			group, later = later, nil
		}
		groups, list = append(groups, group), later
	}
	return groups
}

// requires reports whether a module requires one of the list.
func requires(m *modules.Module, list []*modules.Module) bool {
	return slices.ContainsFunc(m.File.Require, func(r *modfile.Require) bool {
		return slices.ContainsFunc(list, func(other *modules.Module) bool { return r.Mod.Path == other.Path() })
	})
}

// install writes the commands that make a commit from which modules can be
// installed, tag it, and install them.
func install(out *strings.Builder, t *tree, list []*modules.Module) {
	var names []string
	for _, m := range list {
		for _, r := range m.File.Replace {
			fmt.Fprintf(out, "go mod edit -dropreplace=%s %s\n", r.Old, m.GoMod())
		}
		fmt.Fprintf(out, proxy+"go -C %s mod tidy\n", m.Dir)
		names = append(names, m.Dir)
	}
	fmt.Fprintf(out, "git commit -am 'Require the released modules: %s'\n", strings.Join(names, ", "))
	tag(out, t, list)
	for _, m := range list {
		fmt.Fprintf(out, proxy+"go install %s@%s\n", m.Path(), t.version)
	}
}

// tag writes the commands that tag modules and push the tags.
func tag(out *strings.Builder, t *tree, list []*modules.Module) {
	var names []string
	for _, m := range list {
		name := m.Tag(t.version)
		fmt.Fprintf(out, "git tag -s -m %s %s\n", name, name)
		names = append(names, name)
	}
	fmt.Fprintf(out, "git push origin %s\n", strings.Join(names, " "))
}
