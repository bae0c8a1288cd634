package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/altertable-ai/altertable-go/tools/internal/modules"
)

// ours reports whether a path is that of a module of this repository.
func (t *tree) ours(path string) bool {
	for _, m := range t.modules {
		if m.Path() == path {
			return true
		}
	}
	return false
}

// checkRequires compares what modules require of each other with the version.
// Who imports one gets what it requires: replace directives count here only.
func (t *tree) checkRequires() error {
	for _, m := range t.modules {
		for _, r := range m.File.Require {
			if t.ours(r.Mod.Path) && r.Mod.Version != t.version {
				t.problem("%s: requires %s; run: go mod edit -require=%s@%s %s",
					m.GoMod(), r.Mod, r.Mod.Path, t.version, m.GoMod())
			}
		}
	}
	return nil
}

// checkReplaces finds replace directives without which a module is another one
// for those who import it, since they count in the main module only. Those for
// the repository's own modules may stay: what they lead to is what is tagged.
func (t *tree) checkReplaces() error {
	for _, m := range t.published() {
		for _, r := range m.File.Replace {
			if !t.ours(r.Old.Path) || !modfile.IsDirectoryPath(r.New.Path) {
				t.problem("%s: replaces %s, which counts for nobody who imports the module; require what it needs instead.",
					m.GoMod(), r.Old.Path)
			}
		}
	}
	return nil
}

func (t *tree) checkTidy() error {
	for _, m := range t.modules {
		cmd := exec.Command("go", "mod", "tidy", "-diff")
		cmd.Dir = filepath.Join(t.root, m.Dir)
		out, err := cmd.Output()
		if err == nil {
			continue
		}
		if len(out) > 0 {
			t.problem("%s: is not tidy; run: go -C %s mod tidy", m.GoMod(), m.Dir)
			continue
		}
		reason := err.Error()
		if exit, ok := err.(*exec.ExitError); ok {
			reason = firstLine(string(exit.Stderr))
		}
		t.problem("%s: go mod tidy fails (%s); see: go -C %s mod tidy", m.GoMod(), reason, m.Dir)
	}
	return nil
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}

var goVersion = regexp.MustCompile(`\b1\.(\d+)\b`)

// checkGo compares go directives with the Go versions that the README names:
// the oldest one has to build every module that others import.
func (t *tree) checkGo() error {
	text, err := t.read("README.md")
	if err != nil {
		return err
	}
	_, install, _ := strings.Cut(text, "\n## Install\n")
	install, _, _ = strings.Cut(install, "\n## ")
	oldest := 0
	for _, found := range goVersion.FindAllStringSubmatch(install, -1) {
		if minor, _ := strconv.Atoi(found[1]); oldest == 0 || minor < oldest {
			oldest = minor
		}
	}
	if oldest == 0 {
		t.problem("README.md: the section Install names no version of Go; name the oldest one.")
		return nil
	}
	for _, m := range t.published() {
		minor := directive(m)
		switch {
		case minor > oldest:
			t.problem("%s: needs Go 1.%d, but the oldest in README.md is Go 1.%d; change one of them.", m.GoMod(), minor, oldest)
		case m.Dir == "." && minor < oldest:
			t.problem("README.md: the oldest Go is 1.%d, but go.mod says 1.%d; change one of them.", oldest, minor)
		}
	}
	return nil
}

// directive returns the minor version of Go that a module needs.
func directive(m *modules.Module) int {
	minor := 0
	if m.File.Go != nil {
		fmt.Sscanf(m.File.Go.Version, "1.%d", &minor)
	}
	return minor
}
