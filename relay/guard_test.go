package main

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestGuard(t *testing.T) {
	handler := guard(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	ask := func(path, host string, header http.Header) int {
		r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1"+path, nil)
		r.Host, r.Header = host, header
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w.Code
	}
	ours := func() http.Header { return http.Header{controlHeader: {"x"}} }
	with := func(name, value string) http.Header { h := ours(); h[name] = []string{value}; return h }
	tests := []struct {
		host   string
		header http.Header
		want   int
	}{
		{"127.0.0.1:8481", ours(), http.StatusNoContent},
		{"localhost", ours(), http.StatusNoContent},
		{"LOCALHOST:8481", ours(), http.StatusNoContent},
		{"[::1]:8481", ours(), http.StatusNoContent},
		{"[::1]", ours(), http.StatusNoContent},
		{"127.9.9.9", ours(), http.StatusNoContent},
		{"evil.example:8481", ours(), http.StatusMisdirectedRequest},
		{"127.0.0.1.evil.example", ours(), http.StatusMisdirectedRequest},
		{"localhost.evil.example", ours(), http.StatusMisdirectedRequest},
		{"192.168.1.5:8481", ours(), http.StatusMisdirectedRequest},
		{"", ours(), http.StatusMisdirectedRequest},
		{"127.0.0.1:8481", with("Origin", "http://127.0.0.1:8481"), http.StatusForbidden},
		{"127.0.0.1:8481", with("Origin", "null"), http.StatusForbidden},
		{"127.0.0.1:8481", with("Origin", ""), http.StatusForbidden},
		{"127.0.0.1:8481", with("Sec-Fetch-Site", "cross-site"), http.StatusForbidden},
		{"127.0.0.1:8481", with("Sec-Fetch-Site", "same-site"), http.StatusForbidden},
		{"127.0.0.1:8481", http.Header{}, http.StatusForbidden},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, ask("/v1/dlq/purge", tt.host, tt.header), "%q %q", tt.host, tt.header)
	}
	assert.Equal(t, http.StatusNoContent, ask("/metrics", "127.0.0.1:8481", http.Header{}), "a scraper has no header of ours")
	assert.Equal(t, http.StatusMisdirectedRequest, ask("/metrics", "evil.example", http.Header{}))
}
