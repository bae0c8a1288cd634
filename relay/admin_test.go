package main

import (
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestControlIsNotServedToTheNetwork(t *testing.T) {
	cacheIn(t)
	s := serveWith(t, nil, "--admin-listen", "0.0.0.0:0").working()
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		status, _ := fetch(t, http.MethodGet, s.admin+path, func(q *http.Request) { q.Host = "10.0.0.7:8481" })
		assert.NotEqual(t, http.StatusNotFound, status, path)
		assert.NotEqual(t, http.StatusMisdirectedRequest, status, path)
	}
	for _, path := range []string{"/v1/status", "/v1/dlq"} {
		status, _ := s.get(path)
		assert.Equal(t, http.StatusNotFound, status, path)
	}
	for _, path := range []string{"/v1/dlq/replay", "/v1/dlq/purge"} {
		status, _ := fetch(t, http.MethodPost, s.admin+path, nil)
		assert.Equal(t, http.StatusNotFound, status, path)
	}
	status, out, errOut := runCommand(t, nil, "status") // by the socket
	assert.Zero(t, status, errOut)
	assert.Contains(t, out, "ready")
	status, _, errOut = runCommand(t, nil, "status", "--data", t.TempDir(), "--admin-listen", strings.Replace(s.admin, "http://localhost", "127.0.0.1", 1))
	assert.Equal(t, exitFailed, status)
	assert.Contains(t, errOut, "no relay answers at 127.0.0.1:")
	assert.Contains(t, errOut, "404")
}

func TestNoAdminPort(t *testing.T) {
	dir := cacheIn(t)
	s := &served{t: t, out: newScreen(), err: newScreen()}
	ctx, cancel := contextOf(t)
	s.end, s.ended = cancel, make(chan int, 1)
	go func() {
		s.ended <- run(ctx, []string{"serve", "--listen", "127.0.0.1:0", "--admin-listen", "none"}, terminal{lookup(nil), s.out, s.err})
	}()
	s.working()
	assert.NotContains(t, s.out.String(), "admin")
	status, _, errOut := runCommand(t, nil, "status", "--data", filepath.Join(dir, "altertable-relay-offline"))
	assert.Zero(t, status, errOut)
	assert.Zero(t, s.stop())
	_, err := os.Stat(filepath.Join(dir, "altertable-relay-offline", socketName))
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestSocketIsTheOwnersAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("has no modes")
	}
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o755))
	serveWith(t, nil, "--api", "offline", "--data", dir)
	info, err := os.Stat(filepath.Join(dir, socketName))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600)|os.ModeSocket, info.Mode())
}

func TestSocketOfAnotherUser(t *testing.T) {
	if runtime.GOOS == "windows" || os.Getuid() == 0 {
		t.Skip("opens everything")
	}
	dir := t.TempDir()
	s := serveWith(t, nil, "--api", "offline", "--data", dir).working()
	require.NoError(t, os.Chmod(filepath.Join(dir, socketName), 0))
	status, _, errOut := runCommand(t, nil, "status", "--data", dir)
	assert.Equal(t, exitFailed, status)
	assert.Contains(t, errOut, "is another user's")
	s.stop()
}

// TestLongPath is about a data directory whose path no socket can have.
func TestLongPath(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("d", 120))
	s := serveWith(t, nil, "--api", "offline", "--data", dir).working()
	s.err.wait(t, "status and dlq reach this relay by --admin-listen alone")
	status, _, errOut := runCommand(t, nil, "status", "--data", dir, "--admin-listen", strings.TrimPrefix(s.admin, "http://"))
	assert.Zero(t, status, errOut)
	status, _, errOut = runCommand(t, nil, "status", "--data", dir)
	assert.Equal(t, exitFailed, status)
	assert.Contains(t, errOut, "another relay has locked it")
}

func TestMethods(t *testing.T) {
	cacheIn(t)
	s := serveWith(t, nil).working()
	for path, method := range map[string]string{"/v1/status": "POST", "/v1/dlq": "DELETE", "/v1/dlq/replay": "GET", "/v1/dlq/purge": "GET", "/healthz": "POST"} {
		status, _ := fetch(t, method, s.admin+path, nil)
		assert.Equal(t, http.StatusMethodNotAllowed, status, path)
	}
	for _, query := range []string{"tenant=other", "tennant=default", "since=yesterday", "code=a&code=b", "tenant="} {
		for _, path := range []string{"/v1/dlq/purge", "/v1/dlq/replay"} {
			status, body := fetch(t, http.MethodPost, s.admin+path+"?"+query, nil)
			assert.Equal(t, http.StatusBadRequest, status, query)
			assert.Contains(t, body, `"error"`)
		}
	}
}
