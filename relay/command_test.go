package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{"help"}, {"-h"}, {"--help"}} {
		status, out, errOut := runCommand(t, nil, args...)
		assert.Zero(t, status)
		assert.Empty(t, errOut)
		for _, c := range commands() {
			assert.Contains(t, out, "altertable-relay "+c.name)
		}
	}
	for _, name := range []string{"serve", "check"} {
		status, out, errOut := runCommand(t, nil, name, "-h")
		assert.Zero(t, status)
		assert.Empty(t, errOut)
		for _, flag := range []string{"--config file", "--data directory", "--nats URL", "--sync\n", "--max-bytes size", "--shutdown-timeout time"} {
			assert.Contains(t, out, flag)
		}
	}
}

func TestVersion(t *testing.T) {
	for _, arg := range []string{"version", "--version"} {
		status, out, _ := runCommand(t, nil, arg)
		assert.Zero(t, status)
		assert.Regexp(t, `^altertable-relay \d+\.\d+\.\d+, go\S+, nats-server \S+\n$`, out)
	}
}

// TestWrongCommandLines never repeats a value that may be a key.
func TestWrongCommandLines(t *testing.T) {
	tests := []struct {
		args []string
		want string
	}{
		{[]string{"run"}, "there is no such command: the first argument is one of serve, status, check, dlq, version, help"},
		{[]string{apiKey}, "there is no such command"},
		{[]string{"serve", apiKey}, "serve takes flags alone, not 1 argument after them"},
		{[]string{"serve", "--api-key", apiKey}, "there is no flag for keys and tokens"},
		{[]string{"serve", "--token=" + token}, "there is no flag for keys and tokens"},
		{[]string{"serve", "--nonsense"}, "there is no flag --nonsense: -h lists them"},
		{[]string{"serve", "--data"}, "--data needs a value"},
		{[]string{"serve", "---" + apiKey}, "an argument is not a flag"},
		{[]string{"serve", "-=" + apiKey}, "an argument is not a flag"},
		{[]string{"serve", "--listen", "x", "--rate", "y"}, "--listen: "},
	}
	for _, tt := range tests {
		status, out, errOut := runCommand(t, nil, tt.args...)
		assert.Equal(t, exitUsage, status, "%q", tt.args)
		assert.Contains(t, errOut, "altertable-relay: "+tt.want)
		assert.Empty(t, out)
		for _, line := range strings.Split(strings.TrimSpace(errOut), "\n") {
			assert.True(t, strings.HasPrefix(line, "altertable-relay: "), line)
		}
	}
}

// TestHelpOfACommand lists what the command reads: those of serve that say where the
// relay is, and its own.
func TestHelpOfACommand(t *testing.T) {
	for _, args := range [][]string{{"help", "status"}, {"status", "-h"}, {"dlq", "ls", "--help"}} {
		status, out, errOut := runCommand(t, nil, args...)
		assert.Zero(t, status, errOut)
		for _, flag := range []string{"--config file", "--data directory", "--admin-listen address", "--nats URL", "--nats-creds file"} {
			assert.Contains(t, out, "  "+flag+"\n", "%q", args)
		}
		assert.NotContains(t, out, "--batch-size", "%q", args)
		assert.Contains(t, out, "The other flags of serve are taken, too")
	}
	_, out, _ := runCommand(t, nil, "help", "status")
	assert.Contains(t, out, "  --json\n")
	_, out, _ = runCommand(t, nil, "help", "serve")
	assert.Contains(t, out, "  --batch-size events\n")
	_, out, _ = runCommand(t, nil, "help", "dlq")
	assert.Contains(t, out, "dlq purge")
	_, out, _ = runCommand(t, nil, "help", "me")
	assert.Contains(t, out, "altertable-relay serve ")
}
