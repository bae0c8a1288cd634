package server

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestQueryRequests(t *testing.T) {
	r := startLocal(t, Config{})
	for body, status := range map[string]int{``: 400, `nope`: 400, `{}`: 400, `[]`: 400, `{"sql":null}`: 400, `{"sql":1}`: 400, `{"SQL":"SELECT 1"}`: 400, `{"sql":"SELECT 1","SQL":1}`: 200,
		`{"sql":"SELECT 1"}`: 200} {
		got, answer := r.do(http.MethodPost, "/query", body)
		assert.Equal(t, status, got, body+answer)
	}
	status, _ := r.do(http.MethodPost, "/query", `{"sql":"SELECT 1"}`, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") })
	assert.Equal(t, http.StatusUnsupportedMediaType, status)
	status, _ = r.do(http.MethodGet, "/query", "")
	assert.Equal(t, http.StatusNotFound, status)
}
