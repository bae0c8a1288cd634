package main

import (
	"encoding/json"
	"net/http"
	"net/url"
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

func TestPersonWithOddIDs(t *testing.T) {
	for _, id := range []string{`it's`, `''; DROP TABLE x; --`, "a\x00b", "\x00", `\`, `$$`, "\U0001F600", "-- \n", `%_`, `"`, "E'\\n'"} {
		r := startLocal(t, config{})
		quoted, err := json.Marshal(id)
		require.NoError(t, err)
		r.post("/track", `{"environment":"production","event":"e","distinct_id":`+string(quoted)+`,"properties":{}}`)
		s := get[story](r, storyPath("production", id))
		require.Len(t, s.Steps, 1, "%q", id)
		assert.Equal(t, id, s.Steps[0].SentAs)
		assert.Equal(t, int64(1), s.Steps[0].Number)
	}
}
