package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A tool is the command as a user runs it.
type tool struct {
	t      *testing.T
	binary string
	dir    string // of its files
	cwd    string // holds file.txt
}

// newTool builds the command.
func newTool(t *testing.T) *tool {
	t.Helper()
	parent := t.TempDir()
	tl := &tool{t: t, binary: filepath.Join(parent, "cli.exe"), dir: filepath.Join(parent, "datadir"), cwd: filepath.Join(parent, "userdir")}
	out, err := exec.Command("go", "build", "-o", tl.binary, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NoError(t, os.Mkdir(tl.cwd, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(tl.cwd, "file.txt"), []byte("two words\n"), 0o600))
	return tl
}

// A result is what a process has left.
type result struct {
	stdout, stderr string
	status         int
}

// run runs the command with nothing in its environment except its directory
// and what is given.
func (tl *tool) run(environment []string, args ...string) result {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, tl.binary, args...)
	command.Dir = tl.cwd
	command.Env = append([]string{"EXAMPLE_CLI_DIR=" + tl.dir}, environment...)
	var stdout, stderr bytes.Buffer
	command.Stdin, command.Stdout, command.Stderr = strings.NewReader("from\nstandard input"), &stdout, &stderr
	command.WaitDelay = time.Minute // where another process holds its output
	var exit *exec.ExitError
	if err := command.Run(); err != nil && !(errors.As(err, &exit) && exit.Exited()) {
		tl.t.Error("the command did not run to its end: ", err)
	}
	return result{stdout.String(), stderr.String(), command.ProcessState.ExitCode()}
}

func TestCount(t *testing.T) {
	tl := newTool(t)
	empty := t.TempDir()
	for _, test := range []struct {
		name   string
		args   []string
		status int
		stdout []string
		stderr string
	}{
		{"a file", []string{"count", "file.txt"}, 0, []string{"1 lines 2 words file.txt"}, ""},
		{"standard input", []string{"count", "-"}, 0, []string{"1 lines 3 words -"}, ""},
		{"one of two is missing", []string{"count", "missing", "file.txt"}, 1, []string{"1 lines 2 words file.txt"}, "cli count: open missing"},
		{"a directory", []string{"count", empty}, 1, nil, "cli count: read"},
		{"nothing to count", []string{"count"}, 2, nil, "Usage:"},
		{"no README.md", nil, 2, nil, "Usage:"},
		{"unknown command", []string{"sort", "file.txt"}, 2, nil, "Usage:"},
		{"unknown flag", []string{"-x"}, 2, nil, "Usage:"},
		{"help", []string{"-h"}, 0, nil, "Usage:"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := tl.run([]string{"DO_NOT_TRACK=1"}, test.args...)
			assert.Equal(t, test.status, got.status)
			var lines []string
			for line := range strings.Lines(got.stdout) {
				lines = append(lines, strings.Join(strings.Fields(line), " "))
			}
			assert.Equal(t, test.stdout, lines)
			assert.Contains(t, got.stderr, test.stderr)
			assert.Equal(t, test.stderr == "", got.stderr == "", got.stderr)
		})
	}
}

func TestNewcomer(t *testing.T) {
	tl := newTool(t)
	require.NoError(t, os.WriteFile(filepath.Join(tl.cwd, "README.md"), []byte("# Title\n"), 0o600))
	first := tl.run(nil)
	assert.Zero(t, first.status)
	assert.Contains(t, first.stdout, "README.md\n")
	assert.Contains(t, first.stdout, "go run ./examples/cli deliver")
	assert.Equal(t, notice, first.stderr)

	second := tl.run(nil)
	assert.Equal(t, first.stdout, second.stdout)
	assert.Empty(t, second.stderr, "the notice appears once")

	assert.NotContains(t, tl.run([]string{"DO_NOT_TRACK=1"}).stdout, "recorded")
}

func TestCountText(t *testing.T) {
	for _, test := range []struct {
		text         string
		lines, words int
	}{
		{"", 0, 0},
		{"word", 0, 1},
		{"\n\n", 2, 0},
		{" one\ttwo\u00a0three \n", 1, 3},
		{strings.Repeat("x", 100_000) + " y", 0, 2},
	} {
		t.Run(fmt.Sprintf("%.10q", test.text), func(t *testing.T) {
			lines, words, err := countText(strings.NewReader(test.text))
			require.NoError(t, err)
			assert.Equal(t, test.lines, lines)
			assert.Equal(t, test.words, words)
		})
	}
}
