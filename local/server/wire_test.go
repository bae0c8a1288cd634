package server

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What the platform's clients rely on, over a socket.
func TestWire(t *testing.T) {
	r := startLocal(t, Config{Keys: []string{"key"}, Environments: []string{"production"}})
	r.key = "key" // of the queries
	const event = `{"environment":"production","event":"e","distinct_id":"u","properties":{}}`
	with := func(member string) string { return strings.Replace(event, "{", "{"+member+",", 1) }
	none := func(*http.Request) {}
	plus := header("Content-Type", "application/cloudevents+json")
	tests := map[string]struct {
		path, body string
		change     func(*http.Request)
		status     int
		answer     string // a part of it
	}{
		"query parameter":     {"/track?apiKey=key", event, header("X-Api-Key", ""), 200, `"ok":true`},
		"other key":           {"/track?apiKey=other", event, none, 401, ""},
		"no key":              {"/track", event, none, 401, ""},
		"header":              {"/track", event, header("X-Api-Key", "key"), 200, `"error_code":null`},
		"bearer":              {"/track", event, header("Authorization", "Bearer key"), 200, `"task_id":"task-`},
		"small bearer":        {"/track", event, header("Authorization", "bearer key"), 401, ""},
		"array":               {"/track?apiKey=key&sync=true", "[" + event + "," + event + "]", none, 200, `"ok":true`},
		"empty array":         {"/identify?apiKey=key", "[]", none, 200, `"ok":true`},
		"other JSON":          {"/track?apiKey=key", event, plus, 200, `"ok":true`},
		"text":                {"/track?apiKey=key", event, header("Content-Type", "text/plain"), 415, "application/json"},
		"not JSON":            {"/track?apiKey=key", "{", none, 400, "not valid JSON"},
		"null properties":     {"/track?apiKey=key", strings.Replace(event, "{}", "null", 1), none, 422, "properties"},
		"no distinct_id":      {"/alias?apiKey=key", `{"environment":"production","new_user_id":"u"}`, none, 422, "distinct_id"},
		"session of no type":  {"/track?apiKey=key", with(`"session_id":1`), none, 422, "session_id"},
		"twice":               {"/track?apiKey=key", with(`"event":"e"`), none, 422, "event"},
		"too large":           {"/track?apiKey=key", event + strings.Repeat(" ", 2_097_153-len(event)), none, 413, ""},
		"environment":         {"/track?apiKey=key", strings.Replace(event, "production", "nowhere", 1), none, 400, `"error_code":"environment-not-found"`},
		"timestamp of track":  {"/track?apiKey=key", with(`"timestamp":"2023-01-01T12:00:00,5Z"`), none, 400, `"error_code":"insert-failed"`},
		"timestamp of a user": {"/identify?apiKey=key", `{"environment":"production","distinct_id":"u","timestamp":"soon"}`, none, 400, `"error_code":"identify-failed"`},
	}
	stored := 0
	for name, tt := range tests {
		change := func(request *http.Request) {
			request.Header.Del("X-Api-Key")
			tt.change(request)
			if request.Header.Get("X-Api-Key") == "" {
				request.Header.Del("X-Api-Key")
			}
		}
		status, answer := r.do(http.MethodPost, tt.path, tt.body, change)
		assert.Equal(t, tt.status, status, "%s: %s", name, answer)
		assert.Contains(t, answer, tt.answer, name)
		if status == http.StatusUnauthorized {
			assert.Empty(t, answer, name)
		}
		if status == http.StatusOK {
			stored += strings.Count(tt.body, `"event"`)
		}
	}
	var counted [][]int
	require.NoError(t, json.Unmarshal([]byte(r.rows(`SELECT count(*) FROM events`)), &counted))
	assert.Equal(t, stored, counted[0][0])
}

func TestTimestampsInSQL(t *testing.T) {
	for text, want := range map[string]string{
		`"2023-01-01T12:00:00.000Z"`:     "2023-01-01T12:00:00Z",
		`"2023-01-01T12:00:00"`:          "2023-01-01T12:00:00Z",
		`"2023-01-01 12:00:00"`:          "2023-01-01T12:00:00Z",
		`"2023-01-01"`:                   "2023-01-01T00:00:00Z",
		`"2023-01-01T14:00:00+0200"`:     "2023-01-01T12:00:00Z",
		`"2023-01-01T14:00:00+02"`:       "2023-01-01T12:00:00Z",
		`"2023-01-01T14:00:00.25+02:00"`: "2023-01-01T12:00:00.25Z",
		`1672574400`:                     "2023-01-01T12:00:00Z",
		`1672574400250`:                  "2023-01-01T12:00:00.25Z",
	} {
		r := startLocal(t, Config{})
		status, answer := r.post("/track", `{"environment":"production","event":"e","distinct_id":"u","properties":{},"timestamp":`+text+`}`)
		require.Equal(t, 200, status, answer)
		assert.JSONEq(t, `[["`+want+`"]]`, r.rows(`SELECT timestamp FROM events`), text)
		r.stop()
	}
}

// The same through SQL, the console's endpoints and after another start.
func TestSessionAndAnonymousEverywhere(t *testing.T) {
	c := Config{Data: t.TempDir() + "/data.duckdb"}
	r := startLocal(t, c)
	for _, members := range []string{`"anonymous_id":"anon","session_id":"session-1"`, `"anonymous_id":"anon","distinct_id":null`, `"anonymous_id":"anon","distinct_id":""`, `"device_id":"d"`} {
		status, answer := r.post("/track", `{"environment":"production","event":"page_viewed","properties":{},`+members+`}`)
		require.Equal(t, 200, status, answer)
	}
	check := func(owner, plan string) {
		t.Helper()
		assert.JSONEq(t, `[["anon","`+owner+`","session-1",`+plan+`],["anon","`+owner+`",null,`+plan+`],["anon","`+owner+`",null,`+plan+`],[null,null,null,null]]`,
			r.rows(`SELECT anonymous_id, identity_id, session_id, identity_traits->>'plan' FROM events ORDER BY received_at`))
		assert.JSONEq(t, `[[0]]`, r.rows(`SELECT count(distinct_id) FROM events`))
		_, u := listen(r).next()
		require.Len(t, u.Events, 4)
		first, last := u.Events[0], u.Events[3]
		assert.Equal(t, owner, first.IdentityID)
		assert.Empty(t, first.DistinctID)
		assert.Empty(t, last.IdentityID)
		s := get[story](r, storyPath("production", "anon"))
		assert.Equal(t, 3, strings.Count(told(s), "page_viewed"))
	}
	check("anon", "null")
	for _, id := range []string{"", "u_42"} {
		status, answer := r.post("/identify", `{"environment":"production","distinct_id":"`+id+`","anonymous_id":"`+strings.Repeat("anon", len(id)/4)+`","traits":{"plan":"pro"}}`)
		require.Equal(t, 200, status, answer)
	}
	check("u_42", `"pro"`)
	r.stop()
	r = startLocal(t, c)
	check("u_42", `"pro"`)
}

// A page's back end forwards to the command, with the Host of either.
func TestBehindAProxy(t *testing.T) {
	const site = "http://shop.test:8080"
	const event = `{"environment":"production","event":"e","distinct_id":"u","properties":{}}`
	page := func(request *http.Request) {
		request.Host = "shop.test:8080"
		request.Header.Set("Origin", site)
		request.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for _, tt := range []struct {
		keepsHost bool
		origins   []string
		path      string
		status    int
		answer    string
	}{
		{false, nil, "/track?apiKey=any", 403, "-origin " + site + " lets its pages send events"},
		{false, nil, "/query", 403, "and not through a proxy"},
		{false, []string{site}, "/track?apiKey=any", 200, `"ok":true`},
		{false, []string{site}, "/query", 403, "and not through a proxy"},
		{true, []string{site}, "/track?apiKey=any", 421, "also as the Host that a proxy sends"},
	} {
		r := startLocal(t, Config{Origins: tt.origins})
		target, err := url.Parse(r.url)
		require.NoError(t, err)
		proxy := httptest.NewServer(&httputil.ReverseProxy{Transport: r.http.Transport, Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(target)
			if tt.keepsHost {
				p.Out.Host = p.In.Host
			}
		}})
		behind := &running{t: t, Server: &Server{url: proxy.URL}, http: r.http}
		status, answer := behind.do(http.MethodPost, tt.path, event, page)
		assert.Equal(t, tt.status, status, answer)
		assert.Contains(t, answer, tt.answer)
		r.http.CloseIdleConnections()
		proxy.Close()
	}
}
