package server

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// track sends an event as JSON, with more fields.
func (r *running) track(event, more string) {
	r.t.Helper()
	for _, needed := range []string{`"environment":"production"`, `"properties":{}`} {
		if name, _, _ := strings.Cut(needed, ":"); !strings.Contains(more, name) {
			more += "," + needed
		}
	}
	status, answer := r.post("/track", fmt.Sprintf(`{"event":%q,%s}`, event, more))
	require.Equal(r.t, http.StatusOK, status, answer)
}

func eventNames(events []shownEvent) string {
	var names []string
	for _, e := range events {
		names = append(names, e.Event)
	}
	return strings.Join(names, " ")
}

type olderAnswer struct {
	Events []shownEvent `json:"events"`
	Older  bool         `json:"older"`
}

func TestFilters(t *testing.T) {
	r := startLocal(t, Config{Environments: []string{"production", "staging"}})
	r.track("a", `"distinct_id":"anonymous-1","timestamp":"2026-01-02T12:00:00Z"`)
	r.track("b", `"distinct_id":"u_1","properties":{"Plan":"PRO \"quoted\" <x>","n":42}`)
	r.track("c", `"distinct_id":"u_10","session_id":"s-77","device_id":"d-88"`)
	r.track("d", `"anonymous_id":"anonymous-1"`)
	r.track("e", `"distinct_id":"old_1"`)
	r.track("f", `"distinct_id":"u_2","anonymous_id":"anonymous-9"`)
	r.track("g", `"distinct_id":"u_1","environment":"staging"`)
	r.track("h", `"distinct_id":""`)
	r.post("/identify", `[{"environment":"production","distinct_id":"u_1","anonymous_id":"anonymous-1"},{"environment":"production","distinct_id":"u_10"},{"environment":"staging","distinct_id":"u_1"}]`)
	r.post("/alias", `{"environment":"production","distinct_id":"old_1","new_user_id":"u_1"}`)
	tests := []struct{ filter, want string }{
		{"", "a b c d e f g h"},
		{"event=b", "b"},
		{"event=B", ""},
		{"environment=staging", "g"},
		{"environment=nowhere", ""},
		{"person=u_1", "a b d e g"},
		{"person=u_1&environment=production", "a b d e"},
		{"person=anonymous-1", "a b d e"},
		{"person=old_1", "a b d e"},
		{"person=u_10", "c"},
		{"person=u_", "a b c d e f g"},
		{"person=anonymous", "a d f"},
		{"person=anonymous-9", "f"},
		{"person=U_1", ""},
		{"text=plan", "b"},
		{"text=" + url.QueryEscape(`pro "QUOTED" <X>`), "b"},
		{"text=" + url.QueryEscape(`pro \"quoted\" <x>`), "b"},
		{"text=" + url.QueryEscape(`":42`), "b"},
		{"text=S-77", "c"},
		{"text=D-88", "c"},
		{"text=OLD_", "e"},
		{"text=u_1&event=e", "e"},
		{"person=u_1&text=anonymous", "a d"},
		{"person=u_1&environment=production&event=b&text=pro", "b"},
	}
	for _, tt := range tests {
		t.Run(tt.filter, func(t *testing.T) {
			query, err := url.ParseQuery(tt.filter)
			require.NoError(t, err)
			var pairs []string
			for name := range query {
				pairs = append(pairs, name, query.Get(name))
			}
			name, u := listen(r, pairs...).next()
			assert.Equal(t, "snapshot", name)
			assert.Equal(t, tt.want, eventNames(u.Events))
			assert.Equal(t, len(u.Events), u.Matched)
			assert.Equal(t, 8, u.Kept)
			assert.Equal(t, int64(8), u.Stored)
			assert.Equal(t, 3, u.People)
			assert.Equal(t, []string{"a", "b", "c", "d", "e", "f", "g", "h"}, u.Names)
			assert.Equal(t, []string{"production", "staging"}, u.Environments)
			older := get[olderAnswer](r, "/console/events?before=100&"+tt.filter)
			assert.Equal(t, tt.want, eventNames(older.Events))
			assert.False(t, older.Older)
			assert.Equal(t, u.Events, older.Events)
		})
	}
	_, u := listen(r, "person", "anonymous-1").next()
	require.Len(t, u.Identities, 1, "an identity is found by each of its ids")
	assert.Equal(t, "u_1", u.Identities[0].DistinctID)
	_, u = listen(r, "environment", "staging").next()
	assert.Len(t, u.Identities, 1)
	_, u = listen(r, "person", "u_").next()
	assert.Len(t, u.Identities, 3)
	assert.Len(t, u.Requests, 10, "requests are not filtered")
}

// A stream with a filter sends what matches, counts it, and takes away what does
// not match any more.
func TestFilteredStream(t *testing.T) {
	r := startLocal(t, Config{})
	l := listen(r, "person", "u_1")
	name, u := l.next()
	assert.Equal(t, "snapshot", name)
	assert.Empty(t, u.Events)
	r.track("before", `"distinct_id":"anonymous-1"`)
	r.track("other", `"distinct_id":"u_12"`)
	_, u = l.until(func(_ string, u update) bool { return u.Matched > 0 })
	assert.Equal(t, "other", eventNames(u.Events), "as a part, while nobody has that id")
	r.track("own", `"distinct_id":"u_1"`)
	name, u = l.until(func(_ string, u update) bool { return strings.Contains(eventNames(u.Events), "own") })
	assert.Equal(t, "snapshot", name, "other is none of this person's")
	assert.Equal(t, "own", eventNames(u.Events))
	r.post("/identify", `{"environment":"production","distinct_id":"u_1","anonymous_id":"anonymous-1"}`)
	_, u = l.until(func(_ string, u update) bool { return len(u.Identities) > 0 })
	assert.Equal(t, "before own", eventNames(u.Events))
	assert.Equal(t, 2, u.Matched)
	r.post("/alias", `{"environment":"production","distinct_id":"u_1","new_user_id":"w"}`)
	_, u = l.until(func(_ string, u update) bool { return len(u.Identities) > 0 })
	assert.Equal(t, "before own", eventNames(u.Events), "a former id is the person's too")
	assert.Equal(t, "w", u.Events[0].IdentityID)
	assert.Equal(t, "u_1", u.Gone[0].DistinctID)

	parts := listen(r, "person", "w")
	_, u = parts.next()
	assert.Equal(t, 2, u.Matched)
	r.post("/console/clear", "")
	name, u = l.until(func(_ string, u update) bool { return u.Stored == 0 })
	assert.Equal(t, "snapshot", name)
	assert.Zero(t, u.Matched)
}

// An event that matched by its person's id alone does not match when that is another.
func TestFilteredStreamTakesAway(t *testing.T) {
	r := startLocal(t, Config{})
	r.post("/identify", `{"environment":"production","distinct_id":"findable","anonymous_id":"x"}`)
	r.track("e", `"distinct_id":"x"`)
	l := listen(r, "person", "finda")
	_, u := l.next()
	assert.Equal(t, "e", eventNames(u.Events))
	r.post("/alias", `{"environment":"production","distinct_id":"findable","new_user_id":"w"}`)
	name, u := l.until(func(_ string, u update) bool { return u.Matched == 0 })
	assert.Equal(t, "snapshot", name)
	assert.Empty(t, u.Events)
}

func TestWrongParameters(t *testing.T) {
	r := startLocal(t, Config{})
	for _, query := range []string{"event=a&event=b", "person=%", "text=%ff", "events=a", "text=" + strings.Repeat("x", maxFilter+1), "a;b"} {
		for _, path := range []string{"/console/stream?", "/console/events?before=1&"} {
			assertRefused(t, r, http.MethodGet, path+query)
		}
	}
	for _, path := range []string{"/console/events", "/console/events?before=", "/console/events?before=x", "/console/events?before=-1", "/console/stream?before=1",
		"/console/events/x", "/console/events/-1", "/console/events/1?x=1", "/console/requests/x", "/console/requests/99999999999999999999",
		"/console/person", "/console/person?id=u", "/console/person?environment=production", "/console/person?environment=&id=",
		"/console/person?environment=production&id=u&id=v", "/console/person?environment=production&id=%ff", "/console/person?environment=production&id=u&x=1"} {
		assertRefused(t, r, http.MethodGet, path)
	}
	assertRefused(t, r, http.MethodPost, "/console/clear?x=1")
	status, answer := r.do(http.MethodGet, "/console/events/1", "")
	assert.Equal(t, http.StatusNotFound, status)
	assert.Contains(t, answer, `{"error":{"code":"not-found","message":"`)
	status, _ = r.do(http.MethodGet, "/console/requests/999", "")
	assert.Equal(t, http.StatusNotFound, status)
}

func assertRefused(t *testing.T, r *running, method, path string) {
	t.Helper()
	status, answer := r.do(method, path, "")
	assert.Equal(t, http.StatusBadRequest, status, path)
	assert.Contains(t, answer, `{"error":{"code":"bad-request","message":"`, path)
}

// All that the console tells is behind the keys and the guard.
func TestEndpointsAreProtected(t *testing.T) {
	r := startLocal(t, Config{Keys: []string{"secret"}})
	paths := map[string]string{"/console/stream": http.MethodGet, "/console/events?before=1": http.MethodGet, "/console/events/1": http.MethodGet,
		"/console/requests/1": http.MethodGet, "/console/person?environment=production&id=u": http.MethodGet, "/console/clear": http.MethodPost}
	for path, method := range paths {
		status, answer := r.do(method, path, "")
		assert.Equal(t, http.StatusUnauthorized, status, path)
		assert.Contains(t, answer, "unauthorized")
		for _, change := range []func(*http.Request){
			func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") },
			func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		} {
			status, _ = r.do(method, path, "", change, func(r *http.Request) { r.Header.Set("X-Api-Key", "secret") })
			assert.Equal(t, http.StatusForbidden, status, path)
		}
		status, _ = r.do(method, path, "", func(r *http.Request) { r.Host = "evil.example" })
		assert.Equal(t, http.StatusMisdirectedRequest, status, path)
	}
}
