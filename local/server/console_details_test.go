package server

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOlderEvents(t *testing.T) {
	r := startLocal(t, Config{})
	var events []string
	for n := range 1000 {
		events = append(events, fmt.Sprintf(`{"environment":"production","event":"e%d","distinct_id":"u_%d","properties":{}}`, n%2, n))
	}
	r.post("/track", "["+strings.Join(events, ",")+"]")
	_, u := listen(r, "event", "e1").next()
	require.Len(t, u.Events, shown)
	assert.Equal(t, 500, u.Matched)
	before := u.Events[0].Number
	assert.Equal(t, int64(402), before, "the newest come first, and the numbers are those of all events")
	page := get[olderAnswer](r, fmt.Sprintf("/console/events?event=e1&before=%d", before))
	assert.Len(t, page.Events, 200)
	assert.False(t, page.Older)
	page = get[olderAnswer](r, "/console/events?event=e1&before=1000")
	require.Len(t, page.Events, shown)
	assert.True(t, page.Older)
	assert.Equal(t, int64(998), page.Events[shown-1].Number, "oldest first")
}

func TestEventDetails(t *testing.T) {
	r := startLocal(t, Config{})
	r.track("signed_up", `"distinct_id":"u_1","anonymous_id":"anonymous-1","device_id":"device-1","session_id":"session-1","timestamp":"2026-01-02T12:00:00.5Z","properties":{"$lib":"x","plan":"pro","seats":5,"nested":{"a":[1]},"no":null}`)
	d := get[eventDetails](r, "/console/events/1")
	assert.Equal(t, "nested: {\"a\":[1]}   no: null   plan: pro   seats: 5", d.Brief)
	assert.Equal(t, `{"$lib":"x","nested":{"a":[1]},"no":null,"plan":"pro","seats":5}`, d.Properties)
	assert.Equal(t, "device-1", d.DeviceID)
	assert.Equal(t, "session-1", d.SessionID)
	assert.Equal(t, "2026-01-02T12:00:00.5Z", d.Timestamp)
	assert.Equal(t, "u_1", d.IdentityID)
	assert.False(t, d.Known)
	assert.Empty(t, d.Traits, "absent while there is no identity")
	assert.False(t, d.Truncated)
	r.post("/identify", `{"environment":"production","distinct_id":"u_1","traits":{"role":"owner"}}`)
	d = get[eventDetails](r, "/console/events/1")
	assert.True(t, d.Known)
	assert.Equal(t, `{"role":"owner"}`, d.Traits)

	long := strings.Repeat("\u00fc", clipDetail)
	r.track(long[:6000], `"distinct_id":"`+long[:6000]+`","properties":{"x":"`+long+`"}`)
	_, u := listen(r).next()
	row := u.Events[1]
	for _, text := range []string{row.Event, row.DistinctID, row.IdentityID} {
		assert.Equal(t, long[:clip]+"...", text)
	}
	assert.LessOrEqual(t, len(row.Brief), clipBrief+3)
	d = get[eventDetails](r, "/console/events/2")
	assert.Equal(t, long[:6000], d.Event)
	assert.Equal(t, long[:6000], d.DistinctID)
	assert.True(t, d.Truncated)
	assert.InDelta(t, clipDetail, len(d.Properties), 10)

	r.track("nobody's", `"distinct_id":""`)
	_, body := r.do(http.MethodGet, "/console/events/3", "")
	for _, absent := range []string{"distinct_id", "anonymous_id", "identity_id", "device_id", "session_id", "traits", "hints"} {
		assert.NotContains(t, body, `"`+absent+`"`)
	}
}

func TestRequestDetails(t *testing.T) {
	r := startLocal(t, Config{Keys: []string{"topsecret"}})
	r.key = "topsecret"
	send := func(path, body string, change ...func(*http.Request)) requestDetails {
		t.Helper()
		r.do(http.MethodPost, path, body, change...)
		_, u := listen(r).next()
		newest := u.Requests[len(u.Requests)-1]
		d := get[requestDetails](r, fmt.Sprint("/console/requests/", newest.Number))
		assert.Equal(t, newest, d.shownRequest)
		return d
	}
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	noKey := func(r *http.Request) { r.Header.Del("X-Api-Key") }

	const good = `{"environment":"production","event":"e","distinct_id":"u","properties":{}}`
	d := send("/track?sync=true", good, header("User-Agent", "curl/8"))
	assert.Equal(t, requestDetails{shownRequest: d.shownRequest, Query: "sync=true", Auth: "X-API-Key", UserAgent: "curl/8", ContentType: "application/json", Body: good}, d)
	d = send("/track", `{"environment":"production","properties":{}}`)
	assert.Equal(t, 422, d.Status)
	assert.Equal(t, `{"environment":"production","properties":{}}`, d.Body, "a refused body is seen")
	assert.Contains(t, d.Reason, "event")
	d = send("/track", "\xff\x00{")
	assert.Equal(t, "\uFFFD\x00{", d.Body)
	assert.Equal(t, 400, d.Status)
	large := `"` + strings.Repeat("x", clipDetail)
	d = send("/track", large)
	assert.Equal(t, large[:clipDetail], d.Body)
	assert.True(t, d.Truncated)
	assert.Equal(t, len(large), d.Size)
	d = send("/track", strings.Repeat(" ", 2_097_153))
	assert.Equal(t, 413, d.Status)
	assert.Empty(t, d.Body)
	assert.Contains(t, d.BodyMissing, "2 MiB")
	d = send("/track", "")
	assert.Contains(t, d.BodyMissing, "had none")
	for _, d := range []requestDetails{send("/track", good, noKey), send("/track", good, header("Content-Type", "text/plain")), send("/nowhere", good)} {
		assert.Contains(t, d.BodyMissing, "before its body was read", d.Status)
		assert.Empty(t, d.Body)
	}
	d = send("/track", `{"environment":"prod","event":"e","distinct_id":"u","properties":{}}`)
	require.Equal(t, []string{"unknown-environment"}, codes(d.Hints))
	assert.Contains(t, d.Hints[0].Text, `"prod" does not exist, only "production"`)

	// No key is in any answer, however it was sent.
	for _, change := range []func(*http.Request){
		header("X-Api-Key", "topsecret"), header("X-Api-Key", "othersecret"),
		func(r *http.Request) { noKey(r); r.Header.Set("Authorization", "Bearer topsecret") },
		func(r *http.Request) { noKey(r); r.URL.RawQuery = "apiKey=topsecret&api_key=topsecret&x=1" },
		header("Cookie", "atbl.topsecret.production=x"),
	} {
		d := send("/track", good, change)
		assert.NotContains(t, fmt.Sprint(d), "secret")
	}
	_, stream := r.do(http.MethodGet, "/console/requests/1", "")
	assert.NotContains(t, stream, "secret")
}

// The bodies of refused requests stay when others have to leave.
func TestRefusedBodiesStay(t *testing.T) {
	r := startLocal(t, Config{})
	refused := `{"environment":"production"}`
	r.post("/track", refused)
	fine := `{"environment":"production","event":"e","distinct_id":"u","properties":{"x":"` + strings.Repeat("x", clipDetail) + `"}}`
	const many = keepBodies/clipDetail + 10
	for range many {
		r.post("/track", fine)
	}
	assert.Equal(t, refused, get[requestDetails](r, "/console/requests/1").Body)
	d := get[requestDetails](r, "/console/requests/2")
	assert.Empty(t, d.Body)
	assert.Contains(t, d.BodyMissing, "made room")
	assert.Len(t, get[requestDetails](r, fmt.Sprint("/console/requests/", many+1)).Body, clipDetail)
	assert.LessOrEqual(t, r.hub.bodies.size, keepBodies)
}

func TestRequestsAreBounded(t *testing.T) {
	r := startLocal(t, Config{})
	for range keepRequests + 10 {
		r.post("/track", `[]`)
	}
	_, u := listen(r).next()
	assert.Len(t, u.Requests, shown)
	assert.Equal(t, int64(keepRequests+10), u.Received)
	status, _ := r.do(http.MethodGet, "/console/requests/10", "")
	assert.Equal(t, http.StatusNotFound, status)
	assert.Equal(t, "[]", get[requestDetails](r, "/console/requests/11").Body)
}
