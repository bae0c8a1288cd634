package main

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/local/server"
)

// TestToLocal sends to the server that people see.
func TestToLocal(t *testing.T) {
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	s := newShell(t, newServer(t))
	source := write(t, "events.csv", `event,distinct_id,timestamp,environment
signed_up,u_1,2026-01-01T08:00:01Z,
signed_up,u_2,2026-01-01T08:00:02Z,staging
,u_2,2026-01-01T08:00:02Z,staging
`)
	ctx, cancel := context.WithCancel(context.Background())
	s.ctx = ctx
	var c *server.Server
	s.local = func(environments []string, log func(string)) (console, error) {
		var err error
		c, err = server.Start(server.Config{Environments: environments, Log: log})
		return c, err
	}
	url := ""
	s.out = &output{on: func(text string) {
		if _, rest, ok := strings.Cut(text, "Console: "); ok && strings.Contains(rest, "Ctrl-C") && url == "" {
			url, _, _ = strings.Cut(rest, "\n")
			answer, err := http.Get(url)
			if assert.NoError(t, err) {
				assert.Equal(t, http.StatusOK, answer.StatusCode)
				assert.NoError(t, answer.Body.Close())
			}
			cancel()
		}
	}}
	assert.Equal(t, exitRefused, s.run("-to", "local", source), s.said())
	require.NotNil(t, c)
	assert.NotEmpty(t, url)
	assert.Equal(t, 2, c.Events(), s.said())
	assert.Contains(t, s.out.String(), "1 row refused: -rejects FILE keeps them.")
	assert.NoFileExists(t, source+rejectsSuffix)
	assert.NoFileExists(t, source+stateSuffix)
}

// TestLocalEnvironments has them of messages that name one, and of those that do
// not.
func TestLocalEnvironments(t *testing.T) {
	s := newShell(t, nil)
	source := write(t, "dead.ndjson", `{"endpoint":"track","message":{"event":"signed_up","distinct_id":"u_1","timestamp":"2026-01-01T08:00:00Z","properties":{},"environment":"a\"b"}}
{"endpoint":"track","message":{"event":"signed_up","distinct_id":"u_1","timestamp":"2026-01-01T08:00:00Z","properties":{}}}
`)
	var got []string
	s.local = func(environments []string, _ func(string)) (console, error) {
		got = environments
		return nil, errors.New("enough")
	}
	assert.Equal(t, exitFailed, s.run("-to", "local", "-environment", "staging", source))
	assert.Equal(t, []string{`a"b`, "staging"}, got, s.said())
}

func TestLocalServerDoesNotStart(t *testing.T) {
	s := newShell(t, nil)
	s.local = func([]string, func(string)) (console, error) { return nil, errors.New("no port") }
	assert.Equal(t, exitFailed, s.run("-to", "local"))
	assert.Contains(t, s.err.String(), "the local server does not start: no port")
}

// TestStartLocal takes another port if the usual one is taken.
func TestStartLocal(t *testing.T) {
	one, err := startLocal(nil, func(string) {})
	require.NoError(t, err)
	other, err := startLocal(nil, func(string) {})
	require.NoError(t, err)
	assert.NotEqual(t, one.URL(), other.URL())
	assert.NoError(t, one.Close())
	assert.NoError(t, other.Close())
}
