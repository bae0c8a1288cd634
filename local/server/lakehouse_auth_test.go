package server

import (
	"encoding/base64"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
)

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func TestStatementAuth(t *testing.T) {
	encoded := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	nothing := func(*http.Request) {}
	open, locked := startLocal(t, Config{}), startLocal(t, Config{Keys: []string{"first", "se:cond"}})
	for name, tt := range map[string]struct {
		with         func(*http.Request)
		open, locked int
	}{
		"nothing":                {nothing, 401, 401},
		"a key":                  {header("X-Api-Key", "first"), 401, 401},
		"a bearer":               {header("Authorization", "Bearer first"), 401, 401},
		"not base64":             {header("Authorization", "Basic first"), 401, 401},
		"no colon":               {header("Authorization", "Basic "+encoded("first")), 401, 401},
		"scheme alone":           {header("Authorization", "Basic"), 401, 401},
		"any password":           {basic("user", "third"), 200, 401},
		"no password":            {basic("user", ""), 200, 401},
		"the key as the user":    {basic("first", ""), 200, 401},
		"a key as the password":  {basic("user", "first"), 200, 200},
		"a password with colons": {basic("user", "se:cond"), 200, 200},
		"no user":                {basic("", "first"), 200, 200},
		"scheme in lower case":   {header("Authorization", "basic "+encoded("u:first")), 200, 200},
	} {
		for r, want := range map[*running]int{open: tt.open, locked: tt.locked} {
			status, lines := r.lines(`{"statement": "SELECT 1"}`, tt.with)
			assert.Equal(t, want, status, name)
			if want == http.StatusUnauthorized {
				assert.Contains(t, lines[0], "a statement needs Basic auth", name)
				assert.NotContains(t, lines[0], "first")
			}
		}
	}
	status, answer := locked.do(http.MethodPost, "/query", `{"sql": "SELECT 1"}`, basic("user", "first"))
	assert.Equal(t, http.StatusUnauthorized, status, "it opens nothing else")
	assert.Contains(t, answer, `{"error":{"code":"unauthorized"`)
	for _, path := range []string{"/console/session", "/console/stream"} {
		status, _ = locked.do(http.MethodGet, path, "", basic("user", "first"))
		assert.Equal(t, http.StatusUnauthorized, status, path)
	}
	status, answer = open.do(http.MethodPost, "/query", `{"sql": "SELECT 1", "statement": "SELECT 1"}`)
	assert.Equal(t, http.StatusBadRequest, status)
	assert.Contains(t, answer, `{"error":{"code":"bad-request","message":"expected {\"sql\": \"...\"} or {\"statement\": \"...\"}, not both"}}`)
	for _, body := range []string{`nope`, `{}`, `{"statement": 1}`} {
		status, _ = locked.lines(body, nothing)
		assert.Equal(t, http.StatusUnauthorized, status, body)
		for _, wrong := range []func(*http.Request){basic("user", "third"), header("Authorization", "bASIC third")} {
			status, lines := locked.lines(body, wrong)
			assert.Equal(t, http.StatusUnauthorized, status, body)
			assert.Contains(t, lines[0], "a statement needs Basic auth", body)
		}
	}
}

// A program is told which auth is missing. A browser is not, or it would ask its
// user for a password.
func TestChallenge(t *testing.T) {
	r := startLocal(t, Config{})
	challenged := func(change func(*http.Request)) string {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+"/query", http.NoBody)
		if !assert.NoError(t, err) {
			return ""
		}
		request.Header.Set("Authorization", "Basic !")
		change(request)
		resp, err := r.http.Do(request)
		if !assert.NoError(t, err) {
			return ""
		}
		assert.NoError(t, resp.Body.Close())
		assert.Equal(t, http.StatusUnauthorized, resp.StatusCode)
		return resp.Header.Get("WWW-Authenticate")
	}
	assert.Equal(t, `Basic realm="altertable-local", charset="UTF-8"`, challenged(func(*http.Request) {}))
	assert.Empty(t, challenged(header("Sec-Fetch-Site", "same-origin")))
}

// The guard is before the password.
func TestStatementsOfOtherOrigins(t *testing.T) {
	r := startLocal(t, Config{})
	for _, elsewhere := range []func(*http.Request){
		header("Origin", "https://evil.example"), header("Sec-Fetch-Site", "cross-site"),
	} {
		status, _ := r.lines(`{"statement": "SELECT 1"}`, basic("u", "p"), elsewhere)
		assert.Equal(t, http.StatusForbidden, status)
	}
	status, _ := r.lines(`{"statement": "SELECT 1"}`, basic("u", "p"), func(r *http.Request) { r.Host = "evil.example" })
	assert.Equal(t, http.StatusMisdirectedRequest, status)
}
