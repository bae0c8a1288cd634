package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// get returns the JSON that a page asks for.
func get[T any](r *running, path string) (v T) {
	r.t.Helper()
	status, body := r.do(http.MethodGet, path, "")
	require.Equal(r.t, http.StatusOK, status, "%s: %s", path, body)
	require.NoError(r.t, json.Unmarshal([]byte(body), &v), body)
	return v
}

func storyPath(environment, id string) string {
	return "/console/person?" + url.Values{"environment": {environment}, "id": {id}}.Encode()
}

// told are the steps as one line.
func told(s story) string {
	var steps []string
	for _, step := range s.Steps {
		switch step.Kind {
		case "event":
			text := step.Event + " as " + step.SentAs
			if *step.Anonymous {
				text += " (anonymous)"
			}
			steps = append(steps, text)
		case "identify":
			text := "identify " + step.DistinctID + " " + step.Traits
			if *step.Ignored {
				text += " (ignored)"
			}
			steps = append(steps, text)
		case "alias":
			steps = append(steps, "alias "+step.DistinctID+" to "+step.NewUserID)
		}
	}
	return strings.Join(steps, ", ")
}

func TestPerson(t *testing.T) {
	r := startLocal(t, Config{Environments: []string{"production", "staging"}})
	stamped := func(second int) string { return fmt.Sprintf(`"timestamp":"2026-01-02T12:00:%02dZ"`, second) }
	r.track("late", `"distinct_id":"u_1",`+stamped(9))
	r.track("viewed", `"distinct_id":"anonymous-1","device_id":"device-2","properties":{"page":"/"},`+stamped(1))
	r.track("clicked", `"anonymous_id":"anonymous-1",`+stamped(2))
	r.track("stranger", `"distinct_id":"u_2",`+stamped(3))
	r.track("elsewhere", `"environment":"staging","distinct_id":"u_1",`+stamped(3))
	s := get[story](r, storyPath("production", "anonymous-1"))
	assert.Nil(t, s.Identity)
	assert.Equal(t, "viewed as anonymous-1, clicked as anonymous-1 (anonymous)", told(s))

	r.post("/identify", `{"environment":"production","distinct_id":"u_1","anonymous_id":"anonymous-1","device_id":"device-1","traits":{"plan":"pro"},`+stamped(4)+`}`)
	r.post("/identify", `{"environment":"production","distinct_id":"u_1","traits":{"plan":"free"},`+stamped(3)+`}`)
	r.post("/alias", `{"environment":"production","distinct_id":"crm_1","new_user_id":"u_1",`+stamped(6)+`}`)
	r.track("paid", `"distinct_id":"crm_1",`+stamped(7))
	for _, id := range []string{"u_1", "anonymous-1", "crm_1"} {
		s = get[story](r, storyPath("production", id))
		assert.Equal(t, "viewed as anonymous-1 (anonymous), clicked as anonymous-1 (anonymous), "+
			`identify u_1 {"plan":"free"} (ignored), identify u_1 {"plan":"pro"}, alias crm_1 to u_1, paid as crm_1, late as u_1`, told(s))
		assert.Equal(t, id, s.ID)
		require.NotNil(t, s.Identity)
		assert.Equal(t, "u_1", s.Identity.DistinctID)
		assert.Equal(t, `{"plan":"pro"}`, s.Identity.Traits)
		assert.Equal(t, []string{"device-1", "device-2"}, s.DeviceIDs)
		assert.False(t, s.More)
	}
	assert.Equal(t, []string{"ignored-identify"}, codes(s.Identity.Hints))
	viewed, ignored := s.Steps[0], s.Steps[2]
	assert.Equal(t, int64(2), viewed.Number)
	assert.Equal(t, "page: /", viewed.Brief)
	assert.Equal(t, `{"page":"/"}`, viewed.Properties)
	assert.Equal(t, "2026-01-02T12:00:01Z", viewed.Timestamp)
	assert.NotEmpty(t, viewed.ReceivedAt)
	assert.Equal(t, "2026-01-02T12:00:04Z", ignored.Before)

	assert.Equal(t, "elsewhere as u_1", told(get[story](r, storyPath("staging", "u_1"))))
	s = get[story](r, storyPath("production", "nobody"))
	assert.Nil(t, s.Identity)
	assert.Empty(t, s.Steps)
	_, body := r.do(http.MethodGet, storyPath("production", "nobody"), "")
	assert.JSONEq(t, `{"identity":null,"id":"nobody","environment":"production","device_ids":[],"steps":[],"more":false}`, body)
}

func TestPersonWithOddIDs(t *testing.T) {
	r := startLocal(t, Config{})
	for n, id := range []string{`it's`, `''; DROP TABLE x; --`, "a\x00b", "\x00", "\x00'\x00", `\`, `$$`, "\U0001F600", "-- \n", `%_`, `"`, "E'\\n'", strings.Repeat("long'", 2000)} {
		quoted, err := json.Marshal(id)
		require.NoError(t, err)
		r.track("e", `"distinct_id":`+string(quoted))
		s := get[story](r, storyPath("production", id))
		require.Len(t, s.Steps, 1, "%q", id)
		assert.Equal(t, clipped(id), s.Steps[0].SentAs)
		assert.Equal(t, int64(n+1), s.Steps[0].Number)
	}
}

// Of a long story the newest part is told.
func TestPersonIsBounded(t *testing.T) {
	r := startLocal(t, Config{})
	var events []string
	for n := range storyEvents + 100 {
		events = append(events, fmt.Sprintf(`{"environment":"production","event":"e%d","distinct_id":"u_1","properties":{},"timestamp":%d}`, n, 1767355200000+n))
	}
	r.post("/track", "["+strings.Join(events, ",")+"]")
	s := get[story](r, storyPath("production", "u_1"))
	assert.Len(t, s.Steps, storyEvents)
	assert.True(t, s.More)
	assert.Equal(t, "e100", s.Steps[0].Event)
	assert.Equal(t, fmt.Sprint("e", storyEvents+99), s.Steps[storyEvents-1].Event)

	for range 700 {
		r.track("large", `"distinct_id":"u_2","properties":{"x":"`+strings.Repeat("x", 20_000)+`"}`)
	}
	status, body := r.do(http.MethodGet, storyPath("production", "u_2"), "")
	assert.Equal(t, http.StatusOK, status)
	assert.Less(t, len(body), 2*storyBytes)
	assert.Contains(t, body, `"more":true`)
}

// Events that came in one request at the same instant are told in their order,
// as long as the console keeps them.
func TestPersonKeepsTheOrderOfArrival(t *testing.T) {
	r := startLocal(t, Config{})
	var events, want []string
	for n := range 50 {
		events = append(events, fmt.Sprintf(`{"environment":"production","event":"e%d","distinct_id":"u_1","properties":{},"timestamp":"2026-01-02"}`, n))
		want = append(want, fmt.Sprintf("e%d as u_1", n))
	}
	r.post("/track", "["+strings.Join(events, ",")+"]")
	assert.Equal(t, strings.Join(want, ", "), told(get[story](r, storyPath("production", "u_1"))))
}
