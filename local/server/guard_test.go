package server

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
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
	r := startLocal(t, Config{})
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
