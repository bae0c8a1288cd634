package project

import (
	"go/version"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// language is the version of a go directive without its patch.
func language(m module) string { return strings.TrimPrefix(version.Lang("go"+m.Go.Version), "go") }

// installTable returns the rows of the table in README.md's section Install.
func installTable(t *testing.T) [][]string {
	t.Helper()
	_, section, ok := strings.Cut(file(t, "README.md"), "\n## Install\n")
	require.True(t, ok)
	section, _, ok = strings.Cut(section, "\n## ")
	require.True(t, ok)
	var rows [][]string
	for line := range strings.Lines(section) {
		if strings.HasPrefix(line, "| ") {
			rows = append(rows, strings.Split(strings.Trim(line, "| \n"), " | "))
		}
	}
	require.Len(t, rows, 3)
	require.Equal(t, []string{"module", "Go", "tested on", "also built for"}, rows[0])
	return rows
}

func TestReadmeNamesTheGoOfTheModules(t *testing.T) {
	oldest := language(modules(t)[0])
	for _, m := range modules(t) {
		if m.directory == "tools" {
			assert.Equal(t, "1.26", language(m), "the comment in .ci/run names it")
			assert.Contains(t, file(t, ".ci/run"), "Go 1.26 or later")
			continue
		}
		assert.Equal(t, oldest, language(m), "%s: what users import or copy runs with the oldest Go", m.directory)
		assert.Nil(t, m.Toolchain, m.directory)
	}
	rows := installTable(t)
	assert.Contains(t, rows[1][1], oldest+" and later")
	assert.Contains(t, rows[2][1], oldest+" and later")
	assert.Contains(t, file(t, "README.md"), "and the SDK with "+oldest+",")
	assert.Contains(t, file(t, "README.md"), "the two latest versions of Go")
}

var port = regexp.MustCompile(`\b(\w+)/(\w+)\b`)

// The section ports builds what the README says is built.
func TestReadmeNamesThePortsThatAreBuilt(t *testing.T) {
	_, loop, ok := strings.Cut(file(t, ".ci/checks.sh"), "\tfor port in ")
	require.True(t, ok)
	loop, _, ok = strings.Cut(loop, "\\\n")
	require.True(t, ok)
	built := map[string]bool{}
	for _, match := range port.FindAllStringSubmatch(loop, -1) {
		built[match[1]] = true
	}
	names := map[string]string{
		"freebsd": "FreeBSD", "openbsd": "OpenBSD", "netbsd": "NetBSD", "illumos": "illumos",
		"plan9": "Plan 9", "js": "`js/wasm`", "wasip1": "`wasip1/wasm`",
	}
	assert.Len(t, built, len(names))
	sdk := installTable(t)[1]
	for os, name := range names {
		assert.True(t, built[os], os)
		assert.Contains(t, sdk[3], name)
	}
	for _, os := range []string{"Linux", "macOS", "Windows"} {
		assert.Contains(t, sdk[2], os)
	}
}

func TestReadmeBadges(t *testing.T) {
	readme := file(t, "README.md")
	path := modules(t)[0].Module.Mod.Path
	assert.Contains(t, readme, "(https://pkg.go.dev/"+path+")")
	assert.Contains(t, readme, "https://"+path+"/actions/workflows/ci.yml/badge.svg?branch=main")
	assert.Contains(t, file(t, "LICENSE"), "MIT License")
}
