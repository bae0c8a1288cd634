package project

import (
	"os/exec"
	"path"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// reads tells go test of the files that a child reads: without them it would take
// an earlier result for the result.
func reads(t *testing.T) {
	t.Helper()
	for _, name := range files(t, func(name string) bool { return path.Dir(name) == ".ci" || path.Base(name) == "go.mod" }) {
		file(t, name)
	}
}

// bash runs commands with the functions of .ci/run, and returns what they print.
func bash(t *testing.T, commands string) (string, error) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the bash in the PATH may be one of another system")
	}
	reads(t)
	command := exec.Command("bash", "-c", "set -euo pipefail\nlinux_alone= bin=\n. .ci/report.sh\n. .ci/checks.sh\n. .ci/tests.sh\n"+commands)
	command.Dir = root
	command.Env = append(command.Environ(), "GITHUB_ACTIONS=")
	output, err := command.CombinedOutput()
	return string(output), err
}

var declared = regexp.MustCompile(`everything='([^']*)'`)

func TestRunKnowsItsSections(t *testing.T) {
	match := declared.FindStringSubmatch(file(t, ".ci/run"))
	require.NotNil(t, match)
	for section := range strings.FieldsSeq(match[1]) {
		said, err := bash(t, "declare -F "+section)
		assert.NoError(t, err, "no function is named %s", section)
		assert.Equal(t, section, strings.TrimSpace(said))
	}
}

func TestRunRefusesASectionItDoesNotKnow(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the bash in the PATH may be one of another system")
	}
	reads(t)
	command := exec.Command("bash", ".ci/run", "format", "fromat")
	command.Dir = root
	output, err := command.CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	assert.Equal(t, 2, exit.ExitCode())
	assert.Contains(t, string(output), "no section is named fromat")
	assert.NotContains(t, string(output), "gofmt", "nothing runs before")
}

func TestRunFindsEveryModule(t *testing.T) {
	said, err := bash(t, "directories")
	require.NoError(t, err)
	var want []string
	for _, m := range modules(t) {
		want = append(want, m.directory)
	}
	assert.ElementsMatch(t, want, strings.Fields(said))

	said, err = bash(t, "linux_alone='importer local examples/webapp/e2e'; directories")
	require.NoError(t, err)
	assert.Len(t, strings.Fields(said), len(want)-3)
	assert.NotContains(t, strings.Fields(said), "local")
}

// A loop over nothing would pass.
func TestRunFailsWithoutModules(t *testing.T) {
	for _, section := range []string{"modules", "vulnerabilities", "oldest", "fuzz"} {
		said, err := bash(t, "git() { return 1; }; tools() { :; }; browser() { :; }; go() { echo 1.25; }\n"+section)
		assert.Error(t, err, section)
		assert.NotRegexp(t, `== (module|govulncheck|fuzz) `, said, "it does not get as far as that")
	}
}

const quietModules = `
	bin=$(mktemp -d); trap 'rm -rf "$bin"' EXIT
	tools() { :; }; browser() { :; }
	directories() { printf '%s\n' . local natsqueue examples/outbox relay tools; }
	printf '#!/bin/sh\n' >"$bin/staticcheck"; chmod +x "$bin/staticcheck"
`

func TestRunChecksEachModuleOnce(t *testing.T) {
	said, err := bash(t, quietModules+`go() { echo "go $*"; }
		modules; printf '%s' "$times"`)
	require.NoError(t, err, said)
	for _, module := range []string{".", "local", "natsqueue", "examples/outbox", "relay", "tools"} {
		race := "-race "
		if module == "tools" {
			race = ""
		}
		assert.Equal(t, 1, strings.Count(said, "go -C "+module+" test "+race+"-count=1"), "%s in\n%s", module, said)
		assert.Regexp(t, `(?m)^ +\d+ s  module `+regexp.QuoteMeta(module)+`: test`, said)
	}
}

func TestRunFailsWithEachModule(t *testing.T) {
	for _, fails := range []string{"-C relay test", "-C tools vet", "-C examples/outbox mod"} {
		said, err := bash(t, quietModules+`go() { case "$*" in "`+fails+`"*) return 1 ;; esac; }
			trap finish EXIT; modules; all_done=yes`)
		module := strings.Fields(fails)[1]
		require.Error(t, err, said)
		assert.Contains(t, said, "FAILED: module "+module, "the others are checked all the same")
		assert.Contains(t, said, "module natsqueue: test")
	}
}

func TestRunFailsForAModuleThatEndsItsLane(t *testing.T) {
	said, err := bash(t, quietModules+`go() { case "$*" in "-C relay test"*) echo 'it begins'; exit 0 ;; esac; }
		trap finish EXIT; modules; all_done=yes`)
	require.Error(t, err, said)
	assert.Contains(t, said, "it begins", "what it has said is shown")
	assert.Regexp(t, `== FAILED: module relay\n$`, said)
	assert.Contains(t, said, "module natsqueue: test", "the other lane goes on")
}

func TestRunFailsForWhatItLeaves(t *testing.T) {
	const left = "git() { [ \"$1\" = diff ] || echo '?? left.txt'; }\n"
	for commands, fails := range map[string]bool{
		left + "before=; tree":                                   true,
		left + "before='?? left.txt'; tree":                      false,
		"git() { [ \"$1\" != diff ]; }\nbefore=; tree":           true,
		"git() { echo no repository; return 1; }\nbefore=; tree": true,
	} {
		said, err := bash(t, commands)
		assert.Equal(t, fails, err != nil, "%s\n%s", commands, said)
		if strings.HasPrefix(commands, left) && fails {
			assert.Contains(t, said, "Commit what you changed, or find the section that left it:\n?? left.txt\n")
		}
	}
}

func TestRunEndsWithTimesAndWhatItSkipped(t *testing.T) {
	said, err := bash(t, "trap finish EXIT; say one; say two; skip three; false")
	require.Error(t, err)
	assert.Regexp(t, `(?s)== one\n.*== two\n.*NOT CHECKED: three\n.*== times\n +\d+ s  one\n +\d+ s  two\n +\d+ s  together\n.*== not checked\n  three\n.*== FAILED: two\n$`, said)

	said, err = bash(t, "trap finish EXIT; say one; kill -TERM $$; sleep 1")
	require.Error(t, err)
	assert.Contains(t, said, "== FAILED: one")

	said, err = bash(t, "trap finish EXIT; say one; all_done=yes")
	require.NoError(t, err)
	assert.NotContains(t, said, "FAILED")
	assert.NotContains(t, strings.ToLower(said), "not checked")
}

func TestServicesEndWellWhenTold(t *testing.T) {
	const idle = "echo http://there >\"$bin/log\"; while :; do command sleep 0.01; done"
	tests := []struct {
		name, service, before, says string
		fails                       bool
	}{
		{"ends well", "trap 'exit 0' TERM; " + idle, "", "", false},
		{"ends badly", "trap 'exit 3' TERM; " + idle, "", "", true},
		{"does not end", "trap '' TERM; " + idle, "", "it does not end", true},
		{"does not listen", "while :; do command sleep 0.01; done", "", "it does not listen", true},
		{"ended unasked", "echo http://there >\"$bin/log\"", "wait $pid", "it ended unasked", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			said, err := bash(t, `bin=$(mktemp -d); touch "$bin/log"; sleep() { command sleep 0.01; }
				(`+test.service+`) & pid=$!
				`+test.before+`
				code=0; ends_well $pid || code=$?
				rm -rf "$bin"; exit $code`)
			assert.Equal(t, test.fails, err != nil, said)
			assert.Contains(t, said, test.says)
		})
	}
}
