package intake_test

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/relay/internal/intake"
)

func TestATokenLeadsToItsTenant(t *testing.T) {
	tenants := []intake.Tenant{
		{Name: "a", Tokens: []intake.Token{{SHA256: sha256.Sum256([]byte("token-a1"))}, {SHA256: sha256.Sum256([]byte("token-a2"))}}},
		{Name: "b", Tokens: []intake.Token{{SHA256: sha256.Sum256([]byte("token-b"))}}, Environments: []string{"staging"}},
		{Name: "c"},
	}
	s := start(t, intake.Options{Tenants: tenants})
	for token, want := range map[string]int{
		"token-a1": 200, "token-a2": 200, "token-b": 400, "token-c": 401, "token-a": 401, "token-a11": 401, "Token-a1": 401,
		strings.Repeat("x", 100_000): 401, string(make([]byte, 0)) + " ": 401,
	} {
		assert.Equal(t, want, s.post(t, "/track", track(len(token)), "X-API-Key", token).status, "%.10s", token)
	}
	assert.Len(t, s.stored(t, "a"), 1, "both tokens sent the same")
	assert.Empty(t, s.stored(t, "b"))
	a := s.post(t, "/track", track(1), "X-API-Key", "token-b")
	assert.Equal(t, "environment-not-found", a.code)
	assert.Equal(t, 200, s.post(t, "/track", strings.Replace(track(1), "production", "staging", 1), "X-API-Key", "token-b").status)
	assert.Len(t, s.stored(t, "b"), 1)
}

func TestAnyTokenIsAnyExceptNone(t *testing.T) {
	s := start(t, intake.Options{Tenants: []intake.Tenant{{Name: "acme", AnyToken: true}}})
	assert.Equal(t, 200, s.post(t, "/track", track(1), "X-API-Key", "whatever").status)
	assert.Equal(t, 401, s.post(t, "/track", track(1), "X-API-Key", "").status)
}

func TestNoTenantHasNoAccess(t *testing.T) {
	s := startOn(t, nil, intake.Options{Tenants: []intake.Tenant{}})
	assert.Equal(t, 401, s.post(t, "/track", track(1)).status)
}

// A slow body, or one that never ends, does not hold the answer up.
func TestAStrangerIsAnsweredBeforeTheBody(t *testing.T) {
	s := start(t, intake.Options{})
	for _, length := range []string{"Content-Length: 100000", "Content-Length: 2000000", "Content-Length: 999999999999", "Transfer-Encoding: chunked"} {
		t.Run(length, func(t *testing.T) {
			conn := dial(t, s)
			_, err := fmt.Fprintf(conn, "POST /track HTTP/1.1\r\nHost: x\r\nX-API-Key: wrong\r\nContent-Type: application/json\r\n%s\r\n\r\n", length)
			require.NoError(t, err)
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			require.NoError(t, err)
			assert.Equal(t, 401, resp.StatusCode)
			assert.True(t, resp.Close)
			_, err = io.Copy(io.Discard, conn) // a reset is an end as well
			assert.NotErrorIs(t, err, os.ErrDeadlineExceeded, "the connection was not closed")
		})
	}
}

// What a stranger sends for ever is not read for ever.
func TestAnEndlessBodyOfAStrangerIsCutOff(t *testing.T) {
	s := start(t, intake.Options{})
	conn := dial(t, s)
	_, err := io.WriteString(conn, "POST /track HTTP/1.1\r\nHost: x\r\nX-API-Key: wrong\r\nTransfer-Encoding: chunked\r\n\r\n")
	require.NoError(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	assert.Equal(t, 401, resp.StatusCode)
	chunk := "10000\r\n" + strings.Repeat("x", 0x10000) + "\r\n"
	sent := 0
	for ; err == nil && sent < 1<<30; sent += len(chunk) {
		_, err = io.WriteString(conn, chunk)
	}
	assert.Error(t, err)
	assert.Less(t, sent, 64<<20)
}

func TestAStrangersSmallBodyEndsInAnAnswer(t *testing.T) {
	s := start(t, intake.Options{})
	for range 20 {
		assert.Equal(t, 401, s.post(t, "/track", list(200, track), "X-API-Key", "wrong").status)
		assert.Equal(t, 200, s.post(t, "/track", track(1)).status)
	}
}

func dial(t *testing.T, s *service) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	require.NoError(t, err)
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// A page whose owner makes its name point to this machine is of the same origin as
// the relay to the browser, which asks nobody. Only its Origin tells.
func TestAnyTokenIsNoneForAPage(t *testing.T) {
	s := start(t, intake.Options{Tenants: []intake.Tenant{{Name: "acme", AnyToken: true, Origins: []string{"http://localhost:3000"}}}})
	assert.Equal(t, 401, s.post(t, "/track", track(1), "Origin", "http://evil.example:8480").status)
	assert.Equal(t, 401, s.post(t, "/track", track(1), "Origin", "null").status)
	assert.Empty(t, s.stored(t, "acme"))
	assert.Equal(t, 200, s.post(t, "/track", track(1), "Origin", "http://localhost:3000").status)
	assert.Equal(t, 200, s.post(t, "/track", track(2)).status)
}
