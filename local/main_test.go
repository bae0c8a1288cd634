package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/altertable-ai/altertable-go/local/server"
)

func TestMain(m *testing.M) {
	server.Engine()
	goleak.VerifyTestMain(m)
}

func portOf(t *testing.T, s *server.Server) int {
	t.Helper()
	u, err := url.Parse(s.URL())
	require.NoError(t, err)
	port, err := strconv.Atoi(u.Port())
	require.NoError(t, err)
	return port
}

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
	c, err := parseFlags([]string{"-key", "a", "-key", "b", "-key", "a", "-environment", "staging", "-fail", "503", "-rate", "0.3", "-latency", "200ms"}, &output)
	require.NoError(t, err)
	assert.Equal(t, config{Config: server.Config{Host: "127.0.0.1", Port: 15001, Keys: []string{"a", "b"}, Environments: []string{"staging"},
		Fail: 503, FailRate: 0.3, Latency: 200 * time.Millisecond}}, c)
	assert.Empty(t, output.String())
}

func TestFlagRateOfNothing(t *testing.T) {
	c, err := parseFlags([]string{"-fail", "503", "-rate", "0"}, io.Discard)
	require.NoError(t, err)
	assert.Zero(t, c.Fail, "a Config without a rate would fail always")
}

func TestFlagOrigin(t *testing.T) {
	c, err := parseFlags([]string{"-origin", "http://localhost:5173", "-origin=https://app.test", "-origin", "http://localhost:5173"}, io.Discard)
	require.NoError(t, err)
	assert.Equal(t, []string{"http://localhost:5173", "https://app.test"}, c.Origins)
	var output strings.Builder
	_, err = parseFlags([]string{"-origin", "http://localhost:5173/"}, &output)
	require.Error(t, err)
	assert.Contains(t, output.String(), "without a slash, a path or a query: write http://localhost:5173\n")
}

func TestStartTellsWhoMaySend(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // it ends as soon as it has started
	var output strings.Builder
	require.NoError(t, run(ctx, config{Config: server.Config{Origins: []string{"http://localhost:5173"}}}, &output))
	assert.Regexp(t, `Pages of http://localhost:5173 may send events to http://127\.0\.0\.1:\d+\n`, output.String())
}

func TestRunTellsWhyItCannotStart(t *testing.T) {
	s, err := server.Start(server.Config{})
	require.NoError(t, err)
	port := portOf(t, s)
	err = run(t.Context(), config{Config: server.Config{Port: port}}, io.Discard)
	assert.ErrorContains(t, err, fmt.Sprintf("port %d: the port is in use", port))
	assert.ErrorContains(t, err, "; -port chooses another")
	require.NoError(t, s.Close())
	assert.ErrorContains(t, run(t.Context(), config{Config: server.Config{Host: "not a host"}}, io.Discard), "cannot listen")
}
