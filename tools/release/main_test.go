package main

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/tools/internal/modules"
	"github.com/altertable-ai/altertable-go/tools/internal/repotest"
	"github.com/altertable-ai/altertable-go/tools/internal/snapshot"
)

func TestMain(m *testing.M) {
	for name, value := range map[string]string{
		"GOPROXY": "off", "GOFLAGS": "-mod=readonly", "GOWORK": "off",
	} {
		os.Setenv(name, value)
	}
	os.Exit(m.Run())
}

const nested = "\n\ngo 1.25.0\n\nrequire example.com/m v0.3.0\n\nreplace example.com/m => ../\n"

// releasable is a repository that can be released as v0.3.0.
var releasable = map[string]string{
	"go.mod":           "module example.com/m\n\ngo 1.25\n",
	"m.go":             "package m\n\n// Version is the version.\nconst Version = \"0.3.0\"\n\nfunc F() {}\n",
	"README.md":        "# m\n\n## Install\n\n`go get example.com/m@v0.3.0`, with Go 1.25 to 1.27.\n\n## Speed\n\nMeasured: v0.2.0, Go 1.20\n",
	"CHANGELOG.md":     "# Changelog\n\n## Unreleased\n\n### Added\n\n## [0.3.0] - 2026-11-27\n\n### Added\n\n- F.\n\n## [0.2.0] - 2026-10-01\n\n- G, for `go get example.com/m@v0.2.0`.\n\n[0.3.0]: https://example.com\n",
	"lib/go.mod":       "module example.com/m/lib" + nested,
	"lib/lib.go":       "package lib\n\nimport _ \"example.com/m\"\n",
	"program/go.mod":   "module example.com/m/program" + nested,
	"program/main.go":  "package main\n\nimport _ \"example.com/m\"\n\nfunc main() {}\n",
	"examples/go.mod":  "module example.com/m/examples" + nested + "\nrequire example.com/other v1.0.0\n\nreplace example.com/other => ./testdata/other\n",
	"examples/main.go": "package main\n\nimport _ \"example.com/m\"\nimport _ \"example.com/other\"\n\nfunc main() {}\n",

	"examples/testdata/other/go.mod":   "module example.com/other\n\ngo 1.25\n",
	"examples/testdata/other/other.go": "package other\n",
}

// repository commits the files, with the snapshots of what they export, and tags them v0.2.0.
func repository(t *testing.T, files map[string]string) string {
	root := repotest.New(t, files)
	found, err := snapshot.Load(root)
	require.NoError(t, err)
	require.NoError(t, snapshot.Write(root, found))
	repotest.Commit(t, root)
	repotest.Git(t, root, "tag", "v0.2.0")
	return root
}

// check returns what speaks against a release.
func check(t *testing.T, root, version string) []string {
	var out strings.Builder
	ready, err := run(&out, root, version)
	require.NoError(t, err)
	if ready {
		return nil
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n- ")
	assert.Contains(t, lines[0], "cannot be released yet:")
	return lines[1:]
}

func TestCommands(t *testing.T) {
	root := repository(t, releasable)
	for _, version := range []string{"", "v0.3.0"} {
		var out strings.Builder
		ready, err := run(&out, filepath.Join(root, "lib"), version)
		require.NoError(t, err)
		assert.True(t, ready)
		assert.Equal(t, `v0.3.0 can be released. Run, at the top of the repository:

# The root, which the others require, until the proxy has it.
git tag -s -m v0.3.0 v0.3.0
git push origin v0.3.0
GOPROXY=https://proxy.golang.org GONOPROXY=none GOWORK=off go list -m example.com/m@v0.3.0

# The nested modules.
git tag -s -m lib/v0.3.0 lib/v0.3.0
git push origin lib/v0.3.0
GOPROXY=https://proxy.golang.org GONOPROXY=none GOWORK=off go list -m example.com/m/lib@v0.3.0

# What go install builds. It refuses a module with replace directives, so the
# tag is on a commit without them, beside the branch, where they stay.
git switch --detach v0.3.0
go mod edit -dropreplace=example.com/m program/go.mod
GOPROXY=https://proxy.golang.org GONOPROXY=none GOWORK=off go -C program mod tidy
git commit -am 'Require the released modules: program'
git tag -s -m program/v0.3.0 program/v0.3.0
git push origin program/v0.3.0
GOPROXY=https://proxy.golang.org GONOPROXY=none GOWORK=off go install example.com/m/program@v0.3.0
git switch -
`, out.String())
	}
}

// The proxy has to have a module before another one that requires it is tidied.
func TestCommandsOfModulesThatRequireEachOther(t *testing.T) {
	const program = "\n\ngo 1.25.0\n\nrequire (\n\texample.com/m v0.3.0\n\texample.com/m/program v0.3.0\n)\n\nreplace (\n\texample.com/m => ../\n\texample.com/m/program => ../program\n)\n"
	files := maps.Clone(releasable)
	files["program/server/server.go"] = "package server\n"
	files["another/go.mod"] = "module example.com/m/another" + program
	files["another/main.go"] = "package main\n\nimport _ \"example.com/m\"\nimport _ \"example.com/m/program/server\"\n\nfunc main() {}\n"
	var out strings.Builder
	ready, err := run(&out, repository(t, files), "v0.3.0")
	require.NoError(t, err)
	require.True(t, ready, out.String())
	_, programs, _ := strings.Cut(out.String(), "git switch --detach v0.3.0\n")
	assert.Equal(t, `go mod edit -dropreplace=example.com/m program/go.mod
GOPROXY=https://proxy.golang.org GONOPROXY=none GOWORK=off go -C program mod tidy
git commit -am 'Require the released modules: program'
git tag -s -m program/v0.3.0 program/v0.3.0
git push origin program/v0.3.0
GOPROXY=https://proxy.golang.org GONOPROXY=none GOWORK=off go install example.com/m/program@v0.3.0

# What requires one of those, which the proxy has now.
go mod edit -dropreplace=example.com/m another/go.mod
go mod edit -dropreplace=example.com/m/program another/go.mod
GOPROXY=https://proxy.golang.org GONOPROXY=none GOWORK=off go -C another mod tidy
git commit -am 'Require the released modules: another'
git tag -s -m another/v0.3.0 another/v0.3.0
git push origin another/v0.3.0
GOPROXY=https://proxy.golang.org GONOPROXY=none GOWORK=off go install example.com/m/another@v0.3.0
git switch -
`, programs)
}

func TestProblems(t *testing.T) {
	replace := func(name, old, new string) map[string]string {
		require.Contains(t, releasable[name], old)
		return map[string]string{name: strings.ReplaceAll(releasable[name], old, new)}
	}
	for name, test := range map[string]struct {
		change  map[string]string
		version string
		want    []string
	}{
		"constant": {replace("m.go", `"0.3.0"`, `"0.2.9"`), "", []string{`m.go: the constant Version is "0.2.9"; make it "0.3.0".`}},
		"document": {map[string]string{"docs/x.md": "Gone.", "docs/\u00fc x.md": "\ngo install example.com/m/program@v0.2.0\nrequire example.com/m v0.3.0\n"}, "",
			[]string{"docs/\u00fc x.md:2: names v0.2.0; make it v0.3.0."}},
		"unreleased": {map[string]string{"CHANGELOG.md": "# Changelog\n\n## Unreleased\n\n### Added\n\n- F.\n"}, "",
			[]string{`CHANGELOG.md: says "Unreleased" where the version has to be; make the heading: ## [0.3.0] - ` + today()}},
		"unreleased holds": {replace("CHANGELOG.md", "## Unreleased\n\n### Added\n\n", "## [Unreleased]\n\n### Added\n\n- G.\n\n"), "",
			[]string{"CHANGELOG.md: Unreleased is not empty; move what is there to 0.3.0."}},
		"no heading": {map[string]string{"CHANGELOG.md": "# Changelog\n\n## [0.2.0] - 2026-10-01\n"}, "",
			[]string{"CHANGELOG.md: has no heading for the version; write: ## [0.3.0] - " + today()}},
		"no date": {replace("CHANGELOG.md", " - 2026-11-27", ""), "",
			[]string{`CHANGELOG.md: the heading "[0.3.0]" has no date; make it: ## [0.3.0] - ` + today()}},
		"no day": {replace("CHANGELOG.md", "2026-11-27", "2026-11-31"), "",
			[]string{`CHANGELOG.md: the heading "[0.3.0] - 2026-11-31" has no date; make it: ## [0.3.0] - ` + today()}},
		"nothing said": {replace("CHANGELOG.md", "- F.", ""), "", []string{"CHANGELOG.md: nothing is said about 0.3.0; say what changed."}},
		"kind": {replace("CHANGELOG.md", "### Added\n\n- F.", "### New\n\n- F."), "",
			[]string{`CHANGELOG.md: "### New" is no heading of Keep a Changelog; it has Added, Changed, Deprecated, Removed, Fixed, Security.`}},
		"order": {replace("CHANGELOG.md", "## Unreleased", "## [0.1.0] - 2026-01-01"), "",
			[]string{`CHANGELOG.md: "[0.1.0] - 2026-01-01" is above 0.3.0; the newest version is the first.`}},
		"require": {replace("examples/go.mod", "m v0.3.0", "m v0.0.0"), "",
			[]string{"examples/go.mod: requires example.com/m@v0.0.0; run: go mod edit -require=example.com/m@v0.3.0 examples/go.mod"}},
		"not tidy": {replace("lib/lib.go", "import _ \"example.com/m\"\n", ""), "",
			[]string{"lib/go.mod: is not tidy; run: go -C lib mod tidy"}},
		"go directive": {replace("lib/go.mod", "go 1.25.0", "go 1.26.0"), "",
			[]string{"lib/go.mod: needs Go 1.26, but the oldest in README.md is Go 1.25; change one of them."}},
		"older Go": {replace("README.md", "1.25", "1.26"), "",
			[]string{"README.md: the oldest Go is 1.26, but go.mod says 1.25; change one of them."}},
		"no Go": {replace("README.md", "with Go 1.25 to 1.27", ""), "",
			[]string{"README.md: the section Install names no version of Go; name the oldest one."}},
		"not a version": {nil, "0.3.0", []string{`The version "0.3.0" is not one of the form v1.2.3 or v1.2.3-rc.1.`}},
		"breaking": {replace("m.go", "func F()", "func F(int)"), "v0.3.0", []string{
			"tools/api/snapshots: not the API that is exported now; renew it: go run -C tools ./api -write"}},
		"file": {map[string]string{"testdata/a'b": ""}, "",
			[]string{`testdata/a'b: no module can have this file (malformed file path "testdata/a'b": invalid char '\''); rename it.`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := repository(t, releasable)
			for name, text := range test.change {
				repotest.Write(t, root, name, text)
			}
			if len(test.change) > 0 {
				repotest.Commit(t, root)
			}
			version := test.version
			if version == "" {
				version = "v0.3.0"
			}
			if name == "not a version" {
				assert.Contains(t, check(t, root, version), test.want[0])
				return
			}
			assert.Equal(t, test.want, check(t, root, version))
		})
	}
}

func TestReplacedDependency(t *testing.T) {
	files := maps.Clone(releasable)
	files["lib/go.mod"] += "\nreplace example.com/other => ../other\n"
	assert.Equal(t, []string{"lib/go.mod: replaces example.com/other, which counts for nobody who imports the module; require what it needs instead."},
		check(t, repository(t, files), "v0.3.0"))
}

func TestWorkTreeAndTags(t *testing.T) {
	root := repository(t, releasable)
	repotest.Write(t, root, "new.txt", "new")
	repotest.Git(t, root, "tag", "lib/v0.3.0")
	repotest.Git(t, root, "tag", "v0.10.0")
	repotest.Git(t, root, "tag", "vendored")
	assert.Equal(t, []string{
		"The version v0.3.0 is not greater than that of the last tag, v0.10.0; choose a greater one.",
		"The tag lib/v0.3.0 is there already; a tag that was pushed is never moved, so choose a greater version.",
		"The work tree has changes that are not committed (git status); a tag would be without them.",
	}, check(t, root, "v0.3.0"))
}

// A version says whether it may break callers of the last one.
func TestBreakingChangeInAPatch(t *testing.T) {
	root := repository(t, releasable)
	repotest.Git(t, root, "tag", "v0.2.9-rc.1")
	repotest.Write(t, root, "m.go", strings.ReplaceAll(releasable["m.go"], "func F()", "func G()"))
	repotest.Git(t, root, "add", ".")
	found, err := snapshot.Load(root)
	require.NoError(t, err)
	require.NoError(t, snapshot.Write(root, found))
	repotest.Commit(t, root)
	assert.Contains(t, check(t, root, "v0.2.9"), "v0.2.9 breaks callers of v0.2.0 (m.F: removed); choose a version that may.")
	assert.Empty(t, check(t, root, "v0.3.0"))
}

func TestMayBreak(t *testing.T) {
	for _, test := range []struct {
		last, version string
		want          bool
	}{
		{"v0.2.0", "v0.2.1", false}, {"v0.2.0", "v0.3.0", true}, {"v0.9.0", "v1.0.0", true},
		{"v1.0.0", "v1.1.0", false}, {"v1.9.0", "v2.0.0", true},
	} {
		assert.Equal(t, test.want, mayBreak(test.last, test.version), test)
	}
}

func TestMajorVersionOfThePath(t *testing.T) {
	assert.Contains(t, check(t, repository(t, releasable), "v2.0.0"),
		"go.mod: the path of a module says its major version from v2 on, so v2.0.0 does not fit example.com/m.")
}

// What has to be right at any time, not only before a release: modules require
// each other at the version of the constant, say, and documents name it.
func TestThisRepository(t *testing.T) {
	root, err := modules.Root(".")
	require.NoError(t, err)
	all, err := modules.Find(root)
	require.NoError(t, err)
	constant, err := versionConstant(root)
	require.NoError(t, err)
	repo := &tree{root: root, version: "v" + constant.value, modules: all}
	for _, check := range []func() error{
		repo.checkDocuments, repo.checkRequires, repo.checkReplaces, repo.checkGo, repo.checkZip,
	} {
		require.NoError(t, check())
	}
	assert.Empty(t, repo.problems)
}
