package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

func TestNewcomer(t *testing.T) {
	cacheIn(t)
	s := serveWith(t, nil).working()
	assert.Contains(t, s.out.String(), "no API key: draining into an embedded server, nothing leaves this machine")
	assert.Contains(t, s.out.String(), "export ALTERTABLE_BASE_URL="+s.url+"\nexport ALTERTABLE_API_KEY=any\n")
	assert.Contains(t, s.out.String(), "altertable-relay-offline")
	client := s.client("any")
	require.NoError(t, client.Track(t.Context(), altertable.Track{Event: "signed_up", DistinctID: person}))
	require.NoError(t, client.Identify(t.Context(), altertable.Identify{DistinctID: person}))
	require.NoError(t, client.Track(t.Context(), altertable.Track{Event: "plan_upgraded", DistinctID: person}))
	require.NoError(t, client.Close())
	s.out.wait(t, `embedded API: .*signed_up 1`)
	s.out.wait(t, `embedded API: .*1 identify call`)
	assert.Zero(t, s.stop())
	assert.Contains(t, s.err.String(), `msg="relay ends" within=`)
	assert.Contains(t, s.out.String(), "ended, everything is delivered")
}

// TestQuickStart runs the example as the README tells a newcomer to.
func TestQuickStart(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the example")
	}
	quick := exec.Command("go", "run", "./examples/quickstart")
	quick.Dir = ".."
	quick.Env = os.Environ() // with the build cache of this user
	cacheIn(t)
	s := serveWith(t, nil).working()
	quick.Env = append(quick.Env, "ALTERTABLE_BASE_URL="+s.url, "ALTERTABLE_API_KEY=any")
	out, err := quick.CombinedOutput()
	require.NoError(t, err)
	assert.Contains(t, string(out), "delivered: 2 tracks")
	s.out.wait(t, `signed_up 1`)
	s.out.wait(t, `1 identify call`)
	assert.Zero(t, s.stop())
}

// TestNothingIsLeftRunning looks at goroutines.
func TestNothingIsLeftRunning(t *testing.T) {
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	before := goleak.IgnoreCurrent()
	cacheIn(t)
	s := serveWith(t, nil).working()
	s.track("any", "signed_up")
	s.out.wait(t, "signed_up 1")
	assert.Zero(t, s.stop())
	goleak.VerifyNone(t, before)
}

// TestAnswersThatAreDue come before the relay ends.
func TestAnswersThatAreDue(t *testing.T) {
	api := altertabletest.NewServer()
	defer api.Close()
	hang := api.Always(altertabletest.Hang())
	s := serveWith(t, map[string]string{"ALTERTABLE_API_KEY": apiKey}, "--data", t.TempDir(), "--api", api.URL).working()
	client := s.client("any")
	answered := make(chan error, 1)
	go func() {
		_, err := client.TrackSync(t.Context(), altertable.Track{Event: "signed_up", DistinctID: person})
		answered <- err
	}()
	require.NoError(t, api.WaitRequests(t.Context(), 1))
	s.end()
	hang.Release()
	require.NoError(t, <-answered)
	assert.Zero(t, s.stop())
	require.NoError(t, client.Close())
}

// TestServeIsTheDefault runs the command with flags alone.
func TestServeIsTheDefault(t *testing.T) {
	status, _, errOut := runCommand(t, nil, "--replicas", "9")
	assert.Equal(t, exitUsage, status)
	assert.Equal(t, "altertable-relay: --replicas: 9 is out of range: 1 to 5\n", errOut)
}

func TestDelivers(t *testing.T) {
	api := altertabletest.NewServer(altertabletest.WithAPIKeys(apiKey))
	defer api.Close()
	env := map[string]string{"ALTERTABLE_API_KEY": apiKey, "ALTERTABLE_RELAY_TOKEN": token}
	dir := t.TempDir()
	s := serveWith(t, env, "--data", dir, "--api", api.URL, "--log-level", "debug").working()
	assert.Contains(t, s.out.String(), "export ALTERTABLE_API_KEY=YOUR_RELAY_TOKEN")
	client := s.client(token)
	require.NoError(t, client.Identify(t.Context(), altertable.Identify{DistinctID: person, Traits: altertable.Traits{"plan": "pro"}}))
	require.NoError(t, client.Track(t.Context(), altertable.Track{Event: "plan_upgraded", DistinctID: person}))
	require.NoError(t, client.Close())
	require.NoError(t, api.WaitRequests(t.Context(), 2))
	require.NoError(t, api.WaitEvents(t.Context(), 1))
	event := api.RequireEvent(t, altertabletest.Want{Event: "plan_upgraded", DistinctID: person})
	assert.Equal(t, "pro", event.IdentityTraits["plan"])

	bad := s.client("tk_wrong")
	require.NoError(t, bad.Track(t.Context(), altertable.Track{Event: "plan_upgraded", DistinctID: person}))
	assert.ErrorIs(t, bad.Close(), altertable.ErrUnauthorized)

	require.Eventually(t, func() bool { // the intake counts it after it has answered
		_, body := s.get("/metrics")
		return strings.Contains(body, `altertable_relay_accepted_events_total{endpoint="track",tenant="default"} 1`)
	}, deadline, time.Millisecond)
	for _, path := range []string{"/readyz", "/healthz", "/metrics", "/v1/status"} {
		status, body := s.get(path)
		assert.Equal(t, http.StatusOK, status, path)
		for _, secret := range []string{apiKey, token, person, "tk_wrong"} {
			assert.NotContains(t, body, secret, path)
		}
		if path == "/metrics" {
			assert.Contains(t, body, "altertable_relay_ready 1")
		}
	}
	assert.NotContains(t, s.err.String(), "tk_wrong")
	assert.Zero(t, s.stop())
}

// TestRestart holds that what an outage left is delivered soon after the next start.
func TestRestart(t *testing.T) {
	for name, outage := range map[string]func(*altertabletest.Server){
		"refuses": func(api *altertabletest.Server) { api.Down() },
		"hangs":   func(api *altertabletest.Server) { api.Always(altertabletest.Hang()) },
		"401":     func(api *altertabletest.Server) { api.Always(altertabletest.Status(401)) },
		"429":     func(api *altertabletest.Server) { api.Always(altertabletest.Status(429).RetryAfter(time.Hour)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := altertabletest.NewServer(altertabletest.WithAPIKeys(apiKey))
			defer api.Close()
			outage(api)
			env := map[string]string{"ALTERTABLE_API_KEY": apiKey}
			args := []string{"--data", t.TempDir(), "--api", api.URL, "--shutdown-timeout", "10s"} // all of it passes: what a busy machine does within it is no failure
			s := serveWith(t, env, args...).working()
			s.track("any", "signed_up", "plan_upgraded")
			assert.Zero(t, s.stop(), "what stays stored is no failure")
			assert.Contains(t, s.out.String(), "ended, about 2 events stored for the next start")

			api.ClearFaults()
			api.Up()
			serveWith(t, env, args...).working()
			require.NoError(t, api.WaitEvents(t.Context(), 2))
			assert.Len(t, api.Events(), 2)
		})
	}
}

func hashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

func TestTenantsDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	api := altertabletest.NewServer(altertabletest.WithAPIKeys(apiKey))
	defer api.Close()
	file := writeFile(t, "relay.yaml", `
tenants:
- {name: revoked, api_key_env: REVOKED_KEY, tokens: [{sha256: `+hashOf("tk_a")+`}]}
- {name: good, api_key_env: GOOD_KEY, tokens: [{sha256: `+hashOf("tk_b")+`}]}
`)
	env := map[string]string{"REVOKED_KEY": "sk_revoked", "GOOD_KEY": apiKey}
	s := serveWith(t, env, "--config", file, "--data", t.TempDir(), "--api", api.URL, "--shutdown-timeout", "2s").working()
	s.track("tk_a", "signed_up")
	require.NoError(t, api.WaitRequests(t.Context(), 1))
	s.track("tk_b", "plan_upgraded")
	require.NoError(t, api.WaitEvents(t.Context(), 1))
	api.RequireEvent(t, altertabletest.Want{Event: "plan_upgraded"})
	status, out, errOut := 0, "", ""
	good := regexp.MustCompile(`good +0 .*leads`)
	require.Eventually(t, func() bool { // the drain learns of the answer after the API has given it
		status, out, errOut = runCommand(t, nil, "status", "--admin-listen", strings.TrimPrefix(s.admin, "http://"))
		return strings.Contains(out, "paused") && good.MatchString(out)
	}, deadline, 50*time.Millisecond)
	assert.Zero(t, status, errOut)
	assert.Regexp(t, `revoked +1 .*paused \(`, out)
	assert.NotContains(t, out, "sk_revoked")
}

// TestBrokerAway starts before its cluster is there.
func TestBrokerAway(t *testing.T) {
	s := serveWith(t, map[string]string{"ALTERTABLE_API_KEY": apiKey}, "--nats", "nats://127.0.0.1:1")
	status, body := s.get("/healthz")
	assert.Equal(t, http.StatusOK, status, body)
	status, body = s.get("/readyz")
	assert.Equal(t, http.StatusServiceUnavailable, status)
	assert.NotEmpty(t, strings.TrimSpace(body), "says why")
	q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/track", strings.NewReader(`{"environment":"production","event":"signed_up","distinct_id":"u_1","properties":{}}`))
	require.NoError(t, err)
	q.Header.Set("X-API-Key", "any")
	q.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(q)
	require.NoError(t, err)
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	assert.NotEmpty(t, resp.Header.Get("Retry-After"))
	status, body = s.get("/v1/dlq")
	assert.Equal(t, http.StatusServiceUnavailable, status)
	assert.Contains(t, body, "recovers")
	assert.Zero(t, s.stop())
}

func TestPortsThatAreTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	for _, flag := range []string{"--listen", "--admin-listen"} {
		cacheIn(t)
		args := []string{"serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", flag, l.Addr().String()}
		status, out, errOut := runCommand(t, nil, args...)
		assert.Equal(t, exitFailed, status)
		assert.Contains(t, errOut, "altertable-relay: "+flag+": listen tcp "+l.Addr().String()+": ")
		assert.Empty(t, out)
	}
}

func TestDataOfAnotherRelay(t *testing.T) {
	cacheIn(t)
	serveWith(t, nil)
	status, _, errOut := runCommand(t, nil, "serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")
	assert.Equal(t, exitFailed, status)
	assert.Contains(t, errOut, "another relay has locked it: end that one, or choose another --data")
	assert.NotContains(t, errOut, "relay ends")
}

func TestLargeHeaders(t *testing.T) {
	cacheIn(t)
	s := serveWith(t, nil)
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	_, _ = conn.Write([]byte("POST /track HTTP/1.1\r\nHost: x\r\nX-Large: " + strings.Repeat("x", 100_000) + "\r\n\r\n"))
	answer, _ := io.ReadAll(conn)
	assert.Contains(t, string(bytes.SplitN(answer, []byte("\r\n"), 2)[0]), "431")
}

func TestStoredFilesAreTheOwnersAlone(t *testing.T) {
	if os.Getuid() < 0 {
		t.Skip("has no modes")
	}
	dir := cacheIn(t)
	s := serveWith(t, nil).working()
	s.track("any", "signed_up")
	s.out.wait(t, "signed_up 1")
	assert.Zero(t, s.stop())
	assertPrivate(t, dir+"/altertable-relay-offline")
}
