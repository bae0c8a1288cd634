package server

import (
	"bytes"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestKeys(t *testing.T) {
	r := startLocal(t, Config{Keys: []string{"first", "second"}})
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
	r := startLocal(t, Config{Keys: []string{"secret"}})
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
	r := startLocal(t, Config{})
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
