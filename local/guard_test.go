package main

import (
	"bytes"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestHosts(t *testing.T) {
	tests := []struct {
		listen, host string
		known        bool
	}{
		{"127.0.0.1", "127.0.0.1:15001", true},
		{"127.0.0.1", "127.9.9.9", true},
		{"127.0.0.1", "localhost:15001", true},
		{"127.0.0.1", "LOCALHOST", true},
		{"127.0.0.1", "altertable.localhost:15001", true},
		{"127.0.0.1", "[::1]:15001", true},
		{"127.0.0.1", "::1", true},
		{"127.0.0.1", "evil.example", false},
		{"127.0.0.1", "localhost.evil.example:15001", false},
		{"127.0.0.1", "127.0.0.1.evil.example", false},
		{"127.0.0.1", "192.168.1.5:15001", false},
		{"127.0.0.1", "", false},
		{"192.168.1.5", "192.168.1.5:15001", true},
		{"192.168.1.5", "192.168.1.6:15001", false},
		{"0.0.0.0", "192.168.1.5:15001", true},
		{"::", "[fe80::1]:15001", true},
		{"0.0.0.0", "evil.example", false},
		{"", "192.168.1.5", true},
		{"", "evil.example", false},
		{"devbox", "devbox:15001", true},
		{"devbox", "evil.example", false},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.known, guard{host: tt.listen}.known(tt.host), "%q asked for %q", tt.listen, tt.host)
	}
}

func TestGuard(t *testing.T) {
	r := startLocal(t, config{})
	const track = `{"environment":"production","event":"e","distinct_id":"u","properties":{}}`
	host := func(name string) func(*http.Request) { return func(r *http.Request) { r.Host = name } }
	origin := func(name string) func(*http.Request) { return func(r *http.Request) { r.Header.Set("Origin", name) } }
	for _, path := range []string{"/", "/console/stream", "/console/session"} {
		status, _ := r.do(http.MethodGet, path, "", host("evil.example"))
		assert.Equal(t, http.StatusMisdirectedRequest, status, path)
		status, _ = r.do(http.MethodGet, path, "", origin("https://evil.example"))
		assert.Equal(t, http.StatusForbidden, status, path)
	}
	for path, body := range map[string]string{"/track": track, "/query": `{"sql":"SELECT 1"}`, "/console/session": `{}`} {
		for _, o := range []string{"null", "https://evil.example", "http://127.0.0.1:1", "https://" + r.url[len("http://"):]} {
			status, _ := r.do(http.MethodPost, path, body, origin(o))
			assert.Equal(t, http.StatusForbidden, status, path+o)
		}
	}
	// A page that shows an image or a frame from here sends no Origin.
	fetch := func(site, mode, destination string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Site", site)
			r.Header.Set("Sec-Fetch-Mode", mode)
			r.Header.Set("Sec-Fetch-Dest", destination)
		}
	}
	for _, elsewhere := range []func(*http.Request){
		fetch("cross-site", "no-cors", "image"), fetch("same-site", "no-cors", "empty"), fetch("cross-site", "navigate", "iframe"),
	} {
		for _, path := range []string{"/console/session", "/track"} {
			status, _ := r.do(http.MethodGet, path, "", elsewhere)
			assert.Equal(t, http.StatusForbidden, status, path)
		}
	}
	for _, own := range []func(*http.Request){
		fetch("none", "navigate", "document"), fetch("cross-site", "navigate", "document"), fetch("same-origin", "cors", "empty"),
	} {
		status, _ := r.do(http.MethodGet, "/", "", own)
		assert.Equal(t, http.StatusOK, status)
	}
	status, _ := r.do(http.MethodPost, "/query", `{"sql":"SELECT 1"}`, origin(r.url))
	assert.Equal(t, http.StatusOK, status)
	assert.JSONEq(t, `[[0]]`, r.rows("SELECT count(*) FROM events"))
}

func TestKeys(t *testing.T) {
	r := startLocal(t, config{keys: list{"first", "second"}})
	const query = `{"sql":"SELECT 1"}`
	key := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	for _, request := range [][2]string{{http.MethodPost, "/query"}, {http.MethodGet, "/console/session"}} {
		for _, wrong := range []func(*http.Request){
			func(*http.Request) {}, key("X-Api-Key", "third"), key("Authorization", "Bearer third"), key("Authorization", "Basic first"),
			key("Cookie", "altertable_local=x"),
		} {
			status, answer := r.do(request[0], request[1], query, wrong)
			assert.Equal(t, http.StatusUnauthorized, status)
			assert.Contains(t, answer, `"unauthorized"`)
		}
		for _, right := range []func(*http.Request){key("X-Api-Key", "first"), key("Authorization", "bearer second")} {
			status, answer := r.do(request[0], request[1], query, right)
			assert.Less(t, status, 300, answer)
		}
	}
	status, _ := r.do(http.MethodGet, "/console/stream", "")
	assert.Equal(t, http.StatusUnauthorized, status)
	status, _ = r.post("/track", `[]`)
	assert.Equal(t, http.StatusUnauthorized, status, "with another key")
}

func TestSessions(t *testing.T) {
	r := startLocal(t, config{keys: list{"secret"}})
	for _, body := range []string{``, `{}`, `{"key":""}`, `{"key":"wrong"}`} {
		status, _ := r.do(http.MethodPost, "/console/session", body)
		assert.Equal(t, http.StatusUnauthorized, status)
	}
	resp, err := r.http.Post(r.url+"/console/session", "application/json", bytes.NewBufferString(`{"key":"secret"}`))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Len(t, resp.Cookies(), 1)
	cookie := resp.Cookies()[0]
	assert.True(t, cookie.HttpOnly)
	assert.Equal(t, http.SameSiteStrictMode, cookie.SameSite)
	assert.NotContains(t, cookie.String(), "secret")

	with := func(r *http.Request) { r.AddCookie(&http.Cookie{Name: cookie.Name, Value: cookie.Value}) }
	status, _ := r.do(http.MethodPost, "/query", `{"sql":"SELECT 1"}`, with)
	assert.Equal(t, http.StatusOK, status)
	status, _ = r.do(http.MethodPost, "/track", `[]`, with)
	assert.Equal(t, http.StatusUnauthorized, status, "a session is the console's alone")
	status, _ = r.do(http.MethodPost, "/query", `{"sql":"SELECT 1"}`, func(r *http.Request) { r.AddCookie(&http.Cookie{Name: cookie.Name, Value: "x"}) })
	assert.Equal(t, http.StatusUnauthorized, status)
}

func TestPagesAreLocked(t *testing.T) {
	r := startLocal(t, config{})
	for _, path := range []string{"/", "/console/style.css", "/console/console.js", "/favicon.ico"} {
		resp, err := r.http.Get(r.url + path)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, http.StatusOK, resp.StatusCode)
		policy := resp.Header.Get("Content-Security-Policy")
		assert.Contains(t, policy, "default-src 'none'", path)
		assert.NotContains(t, policy, "unsafe", path)
		assert.Equal(t, "nosniff", resp.Header.Get("X-Content-Type-Options"))
	}
}
