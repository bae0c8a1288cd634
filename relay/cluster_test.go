package main

import (
	"context"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

// startNATS starts a server with JetStream and returns its URL.
func startNATS(t *testing.T) string {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true})
	require.NoError(t, err)
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	require.True(t, s.ReadyForConnections(deadline))
	return s.ClientURL()
}

// TestTwoRelays share a cluster. When one ends, the other one goes on.
func TestTwoRelays(t *testing.T) {
	t.Parallel()
	api := altertabletest.NewServer(altertabletest.WithAPIKeys(apiKey))
	defer api.Close()
	nats := startNATS(t)
	env := map[string]string{"ALTERTABLE_API_KEY": apiKey, "ALTERTABLE_RELAY_TOKEN": token}
	args := []string{"--nats", nats, "--replicas", "1", "--api", api.URL, "--pinned-ttl", "2s", "--ack-wait", "4s"}
	first := serveWith(t, env, args...).working()
	first.track(token, "signed_up")
	require.NoError(t, api.WaitEvents(t.Context(), 1))
	second := serveWith(t, env, args...).working()
	assert.Zero(t, first.stop())
	second.track(token, "plan_upgraded")
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	require.NoError(t, api.WaitEvents(ctx, 2))

	second.postRefused(t, token, "signed_up")
	letters(t, 1, "--nats", nats)
	letters(t, 1, "--nats", nats, "--admin-listen", ":8481") // of probes, which serves nothing of this
	assert.Zero(t, second.stop())
	status, out, errOut := runCommand(t, nil, "status", "--nats", nats)
	assert.Zero(t, status, errOut)
	assert.Regexp(t, `default +0 +0 B +0s +1 `, out)
	status, out, errOut = runCommand(t, env, "check", "--nats", nats, "--api", api.URL)
	assert.Zero(t, status, errOut)
	assert.Contains(t, out, "ok    broker         the cluster answers")
}

// TestNewCluster has no streams yet, which is no failure: serve makes them.
func TestNewCluster(t *testing.T) {
	api := altertabletest.NewServer(altertabletest.WithAPIKeys(apiKey))
	defer api.Close()
	nats := startNATS(t)
	status, out, errOut := runCommand(t, map[string]string{"ALTERTABLE_API_KEY": apiKey}, "check", "--nats", nats, "--api", api.URL)
	assert.Zero(t, status, out+errOut)
	assert.Contains(t, out, "ok    streams        default: not there yet, serve makes them")
	status, out, errOut = runCommand(t, nil, "status", "--nats", nats)
	assert.Zero(t, status, errOut)
	assert.Contains(t, out, "no relay has served it here yet")
}

// TestIntakeAlone leaves the rest to another relay, and needs no key of the API.
func TestIntakeAlone(t *testing.T) {
	t.Parallel()
	api := altertabletest.NewServer(altertabletest.WithAPIKeys(apiKey))
	defer api.Close()
	nats := startNATS(t)
	in := serveWith(t, map[string]string{"ALTERTABLE_RELAY_TOKEN": token}, "--nats", nats, "--replicas", "1", "--role", "intake").working()
	in.track(token, "signed_up")
	assert.Empty(t, api.Events())
	out := serveWith(t, map[string]string{"ALTERTABLE_API_KEY": apiKey}, "--nats", nats, "--replicas", "1", "--role", "drain", "--api", api.URL).working()
	require.NoError(t, api.WaitEvents(t.Context(), 1))
	assert.NotContains(t, out.out.String(), "producers")
	assert.Zero(t, out.stop())
	assert.Zero(t, in.stop())
}
