package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/relay/internal/deadletter"
)

// post sends what the API takes and the client refuses: a reserved id.
func (s *served) postRefused(t testing.TB, key, event string) {
	t.Helper()
	status, body := send(t, s.url, key, `{"environment":"production","event":"`+event+`","distinct_id":"undefined","properties":{"email":"`+person+`"}}`)
	require.Equal(t, 200, status, body)
}

// letters waits for n dead letters.
func letters(t testing.TB, n int, args ...string) string {
	t.Helper()
	out := ""
	require.Eventually(t, func() bool {
		status, o, errOut := runCommand(t, nil, append([]string{"dlq", "ls"}, args...)...)
		out = o
		return status == 0 && errOut == counted(n, "dead letter")+"\n"
	}, deadline, 50*time.Millisecond)
	return out
}

func TestDeadLetters(t *testing.T) {
	dir := t.TempDir()
	s := serveWith(t, nil, "--data", dir, "--api", "offline").working()
	s.postRefused(t, "any", "signed_up")
	s.postRefused(t, "any", "plan_upgraded")
	out := letters(t, 2, "--data", dir)
	assert.Regexp(t, `(?m)^TENANT +SEQUENCE +TIME +ENDPOINT +CODE +REASON$`, out)
	assert.Regexp(t, `default +1 +\S+Z +track +invalid +`, out)
	assert.NotContains(t, out, person)

	status, out, errOut := runCommand(t, nil, "dlq", "show", "--data", dir)
	assert.Zero(t, status, errOut)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	require.Len(t, lines, 2)
	for _, line := range lines {
		var r raw
		require.NoError(t, json.Unmarshal([]byte(line), &r))
		assert.Equal(t, "track", r.Endpoint)
	}
	assert.Contains(t, out, `"event":"signed_up"`)
	assert.Contains(t, out, `"event":"plan_upgraded"`)

	for _, filter := range [][]string{{"--code", "invalid"}, {"--tenant", "default"}, {"--since", "1h"}, {"--since", "2020-01-01T00:00:00Z"}} {
		letters(t, 2, append(filter, "--data", dir)...)
	}
	letters(t, 0, "--code", "422", "--data", dir)

	status, out, errOut = runCommand(t, nil, "dlq", "replay", "--data", dir)
	assert.Zero(t, status, errOut)
	assert.Equal(t, "2 dead letters on the way again\n", out)
	letters(t, 2, "--data", dir) // nothing was mended

	status, _, errOut = runCommand(t, nil, "dlq", "purge", "--data", dir)
	assert.Equal(t, exitFailed, status)
	assert.Contains(t, errOut, "2 dead letters would be deleted for good: --yes does it")
	letters(t, 2, "--data", dir)

	assert.Zero(t, s.stop())
	letters(t, 2, "--data", dir) // from the store of a stopped relay
	status, out, errOut = runCommand(t, nil, "dlq", "purge", "--yes", "--data", dir)
	assert.Zero(t, status, errOut)
	assert.Equal(t, "2 dead letters deleted\n", out)
	letters(t, 0, "--data", dir)
}

// TestDeadLettersOfNamedTenants gives the commands the data directory alone, as
// README.md does: whose letters there are, the relay or its store knows.
func TestDeadLettersOfNamedTenants(t *testing.T) {
	dir := t.TempDir()
	file := writeFile(t, "relay.yaml", "admin_listen: 127.0.0.1:1\ndata: "+dir+"\napi: offline\ntenants:\n"+
		"  - {name: blog, tokens: [{sha256: "+hashOf("blog's")+"}]}\n  - {name: shop, tokens: [{sha256: "+hashOf("shop's")+"}]}\n")
	s := serveWith(t, nil, "--config", file).working()
	s.postRefused(t, "shop's", "signed_up")
	for range 2 { // from the relay, and from the store of a stopped one
		letters(t, 1, "--data", dir, "--tenant", "shop")
		letters(t, 0, "--data", dir, "--tenant", "blog")
		letters(t, 1, "--config", file)
		status, out, errOut := runCommand(t, nil, "dlq", "purge", "--yes", "--data", dir, "--tenant", "shpo")
		assert.Equal(t, exitUsage, status)
		assert.Equal(t, "altertable-relay: --tenant: \"shpo\" is none of [\"blog\" \"shop\"]\n", errOut)
		assert.Empty(t, out)
		status, out, errOut = runCommand(t, nil, "status", "--data", dir)
		assert.Zero(t, status, errOut)
		assert.Regexp(t, `(?m)^blog +0 `, out)
		assert.Regexp(t, `(?m)^shop +0 .* 1 `, out)
		assert.NotContains(t, out, "default")
		s.stop()
	}
}

func TestWrongDeadCommands(t *testing.T) {
	tests := []struct {
		args []string
		want string
	}{
		{nil, "dlq is followed by ls, show, replay or purge"},
		{[]string{"rm"}, "dlq is followed by"},
		{[]string{"ls", "--since", "yesterday"}, `--since: "yesterday" is not a time`},
		{[]string{"ls", "--since", "-1h"}, "is not a time"},
		{[]string{"ls", "--since", "9999-01-01T00:00:00Z"}, "is in the future"},
		{[]string{"ls", "extra"}, "takes flags alone, not 1 argument after them"},
		{[]string{"purge", "--all"}, "there is no flag --all"},
		{[]string{"ls", "--yes=perhaps"}, "invalid boolean value"},
	}
	for _, tt := range tests {
		status, out, errOut := runCommand(t, nil, append([]string{"dlq"}, tt.args...)...)
		assert.Equal(t, exitUsage, status, "%q", tt.args)
		assert.Contains(t, errOut, tt.want, "%q", tt.args)
		assert.Empty(t, out)
	}
	status, out, _ := runCommand(t, nil, "dlq", "--help")
	assert.Zero(t, status)
	assert.Contains(t, out, "dlq purge")
}

func TestSince(t *testing.T) {
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	f, err := (&deadCall{since: "24h", code: "422", tenant: "shop"}).filter(now)
	require.NoError(t, err)
	assert.Equal(t, deadletter.Filter{Tenant: "shop", Code: "422", Since: now.Add(-24 * time.Hour)}, f)
}

func TestNoStoreAndNoRelay(t *testing.T) {
	dir := t.TempDir() + "/none"
	for _, args := range [][]string{{"status"}, {"dlq", "ls"}, {"dlq", "purge", "--yes"}} {
		status, out, errOut := runCommand(t, nil, append(args, "--data", dir)...)
		assert.Equal(t, exitFailed, status)
		assert.Contains(t, errOut, "no relay answers, and none has stored anything in "+dir)
		assert.Empty(t, out)
		assert.NoDirExists(t, dir)
	}
}
