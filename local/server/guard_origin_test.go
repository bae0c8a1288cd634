package server

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

const (
	named   = "http://localhost:5173"
	unnamed = "http://localhost:5174"
)

// from makes a request one of a page of the origin.
func from(origin ...string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header["Origin"] = origin
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		r.Header.Set("Sec-Fetch-Mode", "cors")
	}
}

// beforehand makes a request the one with which a browser asks whether it may.
func beforehand(r *http.Request) { r.Header.Set("Access-Control-Request-Method", http.MethodPost) }

// exchange sends a request, and returns the answer and its body.
func (r *running) exchange(method, path, body string, change ...func(*http.Request)) (*http.Response, string) {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, strings.NewReader(body))
	require.NoError(r.t, err)
	request.Header.Set("Content-Type", "application/json")
	for _, c := range change {
		c(request)
	}
	resp, err := r.http.Do(request)
	require.NoError(r.t, err)
	answer, err := io.ReadAll(resp.Body)
	require.NoError(r.t, err)
	require.NoError(r.t, resp.Body.Close())
	return resp, string(answer)
}

func TestNamedOriginSendsEvents(t *testing.T) {
	r := startLocal(t, Config{Origins: []string{named}, Keys: []string{"key"}})
	r.key = "key" // of the queries
	const event = `{"environment":"production","event":"e","distinct_id":"u","properties":{}}`
	tests := map[string]struct {
		path, body, contentType string
		status                  int
	}{
		"stored":           {"/track?apiKey=key", event, "application/json", 200},
		"identify":         {"/identify?apiKey=key", `{"environment":"production","distinct_id":"u"}`, "application/json", 200},
		"alias":            {"/alias?apiKey=key", `{"environment":"production","distinct_id":"a","new_user_id":"u"}`, "application/json", 200},
		"wrong key":        {"/track?apiKey=other", event, "application/json", 401},
		"no key":           {"/track", event, "application/json", 401},
		"no environment":   {"/track?apiKey=key", `{"environment":"x","event":"e","distinct_id":"u","properties":{}}`, "application/json", 400},
		"not JSON":         {"/track?apiKey=key", `{`, "application/json", 400},
		"wrong type":       {"/track?apiKey=key", `{"event":1}`, "application/json", 422},
		"too large":        {"/track?apiKey=key", strings.Repeat(" ", 2<<20+1), "application/json", 413},
		"a form's content": {"/track?apiKey=key", event, "text/plain", 415},
	}
	for name, tt := range tests {
		resp, answer := r.exchange(http.MethodPost, tt.path, tt.body, from(named), func(r *http.Request) { r.Header.Set("Content-Type", tt.contentType) })
		assert.Equal(t, tt.status, resp.StatusCode, "%s: %s", name, answer)
		assert.Equal(t, []string{named}, resp.Header["Access-Control-Allow-Origin"], name)
		assert.Equal(t, []string{"true"}, resp.Header["Access-Control-Allow-Credentials"], name)
		assert.Equal(t, []string{"Origin"}, resp.Header["Vary"], name)
	}
	assert.JSONEq(t, `[["e","u"]]`, r.rows("SELECT event, distinct_id FROM events"))
}

func TestPreflight(t *testing.T) {
	r := startLocal(t, Config{Origins: []string{"https://app.test", named}, Keys: []string{"key"}, Fail: 503, FailRate: 1, Latency: time.Hour})
	for _, origin := range []string{named, "https://app.test"} {
		for _, path := range []string{"/track", "/identify", "/alias", "/track?apiKey=key&sync=true"} {
			resp, answer := r.exchange(http.MethodOptions, path, "", from(origin), beforehand)
			assert.Equal(t, http.StatusNoContent, resp.StatusCode)
			assert.Empty(t, answer)
			for name, want := range map[string]string{
				"Access-Control-Allow-Origin":      origin,
				"Access-Control-Allow-Credentials": "true",
				"Access-Control-Allow-Methods":     "POST",
				"Access-Control-Allow-Headers":     "content-type, x-api-key, authorization",
				"Access-Control-Max-Age":           "600",
				"Vary":                             "Origin",
			} {
				assert.Equal(t, []string{want}, resp.Header[name], name)
			}
		}
	}
	resp, _ := r.exchange(http.MethodOptions, "/track", "", from(unnamed), beforehand)
	assert.Equal(t, http.StatusForbidden, resp.StatusCode)
	assert.Equal(t, "Origin", resp.Header.Get("Vary"))
}

func TestPageReadsFaults(t *testing.T) {
	r := startLocal(t, Config{Origins: []string{named}, Fail: 503, FailRate: 1, Latency: time.Millisecond})
	resp, _ := r.exchange(http.MethodPost, "/track?apiKey=key", `[]`, from(named))
	assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	assert.Equal(t, named, resp.Header.Get("Access-Control-Allow-Origin"))
	assert.Equal(t, "true", resp.Header.Get("Access-Control-Allow-Credentials"))
	assert.Equal(t, "Origin", resp.Header.Get("Vary"))
}

func TestOtherOriginsAreRefused(t *testing.T) {
	r := startLocal(t, Config{Origins: []string{named, "http://[::1]:5173", "https://app.test"}})
	for _, origin := range [][]string{
		{unnamed}, {"null"}, {"http://localhost"}, {named + "/"}, {strings.ToUpper(named)}, {"http://localhost:05173"},
		{"https://localhost:5173"}, {"http://127.0.0.1:5173"}, {named + ".evil.example"}, {"http://evil.localhost:5173"},
		{"http://[0:0::1]:5173"}, {"https://app.test:443"}, {"http://app.test"}, {"https://app.test."}, {"*"},
		{named + ", " + unnamed}, {named + " " + named}, {named, unnamed}, {named, named}, {named, ""}, {"", named}, {r.url, r.url},
		{strings.Repeat("x", 10_000)}, {"\xff\x80<script>"},
	} {
		for _, request := range [][2]string{{http.MethodPost, "/track?apiKey=key"}, {http.MethodOptions, "/identify"}, {http.MethodPost, "/query"}} {
			resp, answer := r.exchange(request[0], request[1], `[]`, beforehand, func(r *http.Request) { r.Header["Origin"] = origin })
			assert.Equal(t, http.StatusForbidden, resp.StatusCode, "%q", origin)
			assert.Empty(t, resp.Header["Access-Control-Allow-Origin"], "%q", origin)
			assert.Empty(t, resp.Header["Access-Control-Allow-Credentials"], "%q", origin)
			assert.Less(t, len(answer), 500)
			assert.NotContains(t, answer, "\xff")
		}
	}
	resp, _ := r.exchange(http.MethodPost, "/track?apiKey=key", `[]`, from(named), func(r *http.Request) { r.Host = "rebound.example" })
	assert.Equal(t, http.StatusMisdirectedRequest, resp.StatusCode, "a named origin opens no other name")
	assert.Empty(t, resp.Header["Access-Control-Allow-Origin"])
	assert.Equal(t, "Origin", resp.Header.Get("Vary"))
	for _, site := range []string{"cross-site", "same-site"} { // an image, or a form of an old browser
		for _, request := range [][2]string{{http.MethodGet, "/track"}, {http.MethodPost, "/track?apiKey=key"}} {
			resp, _ = r.exchange(request[0], request[1], `[]`, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", site) })
			assert.Equal(t, http.StatusForbidden, resp.StatusCode, "without an origin it is nobody's")
		}
	}
	resp, _ = startLocal(t, Config{}).exchange(http.MethodPost, "/track?apiKey=key", `[]`, from(named))
	assert.Equal(t, http.StatusForbidden, resp.StatusCode, "without -origin")
}

func TestNamedOriginReachesNothingElse(t *testing.T) {
	r := startLocal(t, Config{Origins: []string{named}})
	methods := []string{http.MethodGet, http.MethodPost, http.MethodOptions, http.MethodHead, http.MethodPut, http.MethodDelete}
	for _, path := range []string{
		"/", "/query", "/console/stream", "/console/session", "/console/console.js", "/console/clear", "/person", "/favicon.ico",
		"/track/", "//track", "/Track", "/track/x", "/nothing",
	} {
		for _, method := range methods {
			resp, _ := r.exchange(method, path, `{"sql":"SELECT 1"}`, from(named), beforehand)
			assert.Equal(t, http.StatusForbidden, resp.StatusCode, "%s %s", method, path)
			assert.Empty(t, resp.Header["Access-Control-Allow-Origin"], "%s %s", method, path)
		}
	}
	for _, method := range methods {
		if method == http.MethodPost {
			continue
		}
		resp, answer := r.exchange(method, "/track?apiKey=key", `[]`, from(named))
		assert.Equal(t, http.StatusForbidden, resp.StatusCode, method)
		assert.Empty(t, resp.Header["Access-Control-Allow-Origin"], method)
		if method != http.MethodHead {
			assert.Contains(t, answer, "and nothing else", method)
		}
	}
}

func TestOwnOriginIsNoOther(t *testing.T) {
	r := startLocal(t, Config{Origins: []string{named}})
	for host, origin := range map[string]string{
		strings.TrimPrefix(r.url, "http://"): r.url,
		"localhost":                          "http://localhost",
		"[::1]:15001":                        "http://[::1]:15001",
		"local.localhost":                    "http://local.localhost",
		"127.0.0.1":                          "", // a service
	} {
		resp, _ := r.exchange(http.MethodPost, "/track?apiKey=key", `[]`, func(r *http.Request) {
			r.Host = host
			if origin != "" {
				r.Header.Set("Origin", origin)
			}
		})
		assert.Equal(t, http.StatusOK, resp.StatusCode, host)
		assert.Empty(t, resp.Header["Access-Control-Allow-Origin"], host)
		assert.Equal(t, "Origin", resp.Header.Get("Vary"), host)
	}
}

func TestRefusalNamesTheFlag(t *testing.T) {
	r := startLocal(t, Config{Origins: []string{named}})
	tests := []struct{ origin, path, want string }{
		{"https://app.test", "/track", `requests of the origin "https://app.test" are refused: -origin https://app.test lets its pages send events`},
		{"https://app.test", "/query", `-origin https://app.test lets its pages send events; the console is used at its own address alone, ` + r.url + `/, and not through a proxy`},
		{named, "/query", `-origin lets its pages POST /track, /identify and /alias, and nothing else; the console is used at its own address`},
		{"null", "/track", "serve the page over http, and name its origin with -origin"},
		{"https://a.test$(reboot)", "/track", `"https://a.test$(reboot)" are refused: no page of it can be let in`},
		{"https://" + strings.Repeat("a", 300) + ".test", "/track", strings.Repeat("a", 92) + `..." are refused: no page`},
		{`"; <b>é`, "/track", `"\"; <b>\u00e9" are refused`},
	}
	for _, tt := range tests {
		resp, answer := r.exchange(http.MethodPost, tt.path, `[]`, from(tt.origin))
		assert.Equal(t, http.StatusForbidden, resp.StatusCode)
		if tt.path == "/query" { // the console shows the error of its query
			var body struct{ Error sqlError }
			require.NoError(t, json.Unmarshal([]byte(answer), &body))
			assert.Equal(t, "forbidden", body.Error.Code)
			answer = body.Error.Message
		}
		assert.Contains(t, answer, tt.want)
	}
}

func TestRefusalsAreShownOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var shown []string
		g := guard{host: "127.0.0.1", refused: &refusals{observe: func(c altertabletest.Change) {
			assert.Equal(t, "/track", c.Request.Path)
			assert.Equal(t, http.StatusForbidden, c.Request.Status)
			assert.NotContains(t, fmt.Sprint(*c.Request), "secret")
			shown = append(shown, c.Request.Reason)
		}}}
		send := func(origin string) {
			r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1/track?apiKey=secret", nil)
			r.Header.Set("Origin", origin)
			r.Header.Set("Cookie", "secret=1")
			g.wrap(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), r)
		}
		for range 100 {
			send("http://first.test")
		}
		time.Sleep(time.Second)
		send("http://second.test")
		require.Len(t, shown, 2)
		assert.Contains(t, shown[0], "-origin http://first.test")
		assert.Contains(t, shown[1], "-origin http://second.test")
	})
}
