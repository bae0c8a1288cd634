package server

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestAbsentPaths(t *testing.T) {
	r, sent := startLocal(t, Config{}), int64(1)
	for path, methods := range map[string][]string{
		"/query/019f1d9b-84fd-7d11-b66e-a2aeaffcee8c":              {http.MethodGet, http.MethodDelete},
		"/query/019f1d9b-84fd-7d11-b66e-a2aeaffcee8c?session_id=x": {http.MethodDelete},
		"/tasks/019f1d9b-84fd-7d11-b66e-a2aeaffcee8c":              {http.MethodGet},
		"/validate": {http.MethodPost}, "/explain": {http.MethodPost}, "/autocomplete": {http.MethodPost},
		"/append?catalog=a&schema=b&table=c": {http.MethodPost}, "/upload?mode=create": {http.MethodPost}, "/upsert": {http.MethodPost},
	} {
		for _, method := range methods {
			sent++
			status, answer := r.do(method, path, `{"statement": "SELECT 1"}`, basic("u", "p"))
			assert.Equal(t, http.StatusNotFound, status, path)
			assert.Equal(t, "altertable-local has POST /query alone of the lakehouse API", answer, path)
		}
	}
	for _, path := range []string{"/batch", "/query/", "/query/a/b", "/tasks", "/validates", "/v1/validate"} {
		sent++
		status, answer := r.do(http.MethodPost, path, `{}`)
		assert.Equal(t, http.StatusNotFound, status, path)
		assert.Equal(t, "not found", answer, path)
	}
	status, _ := r.post("/track", `{"environment":"production","event":"e","distinct_id":"u","properties":{}}`)
	assert.Equal(t, http.StatusOK, status, "the API is as it was")

	_, u := listen(r).next()
	assert.Equal(t, sent, u.Received, "the console shows them")
}

func TestAbsentPathsWithFaults(t *testing.T) {
	r := startLocal(t, Config{Fail: 503, FailRate: 1})
	status, answer := r.do(http.MethodPost, "/validate", `{}`, basic("u", "p"))
	assert.Equal(t, http.StatusServiceUnavailable, status)
	assert.NotContains(t, answer, "lakehouse")
}
