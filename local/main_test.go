package main

import (
	"bytes"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFlags(t *testing.T) {
	for _, arguments := range [][]string{
		{"-port", "70000"}, {"-port", "x"}, {"-fail", "99"}, {"-fail", "200"}, {"-rate", "2"}, {"-rate", "0.5"}, {"-rate", "NaN", "-fail", "503"},
		{"-latency", "-1s"}, {"-latency", "soon"}, {"-key", ""}, {"-environment", ""}, {"-sql", ""}, {"-nothing"}, {"extra"},
	} {
		var output bytes.Buffer
		_, err := parseFlags(arguments, &output)
		assert.Error(t, err, "%v", arguments)
		assert.NotEmpty(t, output.String(), "%v", arguments)
	}
	var output bytes.Buffer
	c, err := parseFlags([]string{"-key", "a", "-key", "b", "-environment", "staging", "-fail", "503", "-rate", "0.3", "-latency", "200ms"}, &output)
	require.NoError(t, err)
	assert.Equal(t, config{host: "127.0.0.1", port: 15001, keys: list{"a", "b"}, environments: list{"staging"},
		fail: 503, rate: 0.3, latency: 200 * time.Millisecond}, c)
	assert.Empty(t, output.String())
}

// Keys are secrets: of those given with -key none is printed.
func TestKeysAreNotPrinted(t *testing.T) {
	p := startProcess(t, build(t, "."), "-key", "the secret")
	assert.Equal(t, "export ALTERTABLE_API_KEY=YOUR_KEY", p.lines.Text())
	p.key = "the secret"
	assert.JSONEq(t, `[[1]]`, p.rows("SELECT 1"))
	_, err := p.end(syscall.SIGTERM)
	assert.NoError(t, err)
}
