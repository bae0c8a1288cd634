package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/relay/internal/deadletter"
)

// TestAnswersOfAnotherProgram are told, whatever listens at the address.
func TestAnswersOfAnotherProgram(t *testing.T) {
	answer, status := "", http.StatusOK
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.NotEmpty(t, r.Header.Get(controlHeader))
		assert.Equal(t, "localhost", r.Host)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	defer s.Close()
	r := newRemote("tcp", strings.TrimPrefix(s.URL, "http://"))
	defer r.close()
	list := func() (n int, err error) {
		err = r.list(t.Context(), deadletter.Filter{}, true, func(deadletter.Letter) error { n++; return nil })
		return n, err
	}
	for _, text := range []string{"", "<html>", `{"letter":{"sequence":1}}`, `{"letter":{"seq`} {
		answer = text
		_, err := list()
		assert.EqualError(t, err, "the list was cut off: the relay ended", text)
		_, err = r.change(t.Context(), "purge", deadletter.Filter{})
		if text == `{"letter":{"sequence":1}}` {
			continue // an object without a number
		}
		assert.Error(t, err, text)
		assert.Error(t, r.answers(t.Context()), text)
	}
	answer = `{"letter":{"sequence":1}}` + "\n" + `{"error":"no leader"}`
	n, err := list()
	assert.EqualError(t, err, "no leader")
	assert.Equal(t, 1, n)
	answer, status = `{"count":3,"error":"full"}`, http.StatusInternalServerError
	n, err = r.change(t.Context(), "replay", deadletter.Filter{})
	assert.EqualError(t, err, "full")
	assert.Equal(t, 3, n, "some may be done")
	_, err = list()
	assert.EqualError(t, err, "full")
	answer, status = "no", http.StatusTeapot
	_, err = list()
	assert.EqualError(t, err, "the relay answered 418: no")
}

func TestFilterOnItsWay(t *testing.T) {
	want := deadletter.Filter{Tenant: "shop", Code: "a b&c", Since: time.Date(2026, 11, 27, 12, 0, 0, 7, time.UTC)}
	q := httptest.NewRequest(http.MethodGet, "/v1/dlq?"+queryOf(want).Encode(), nil)
	got, err := filterOf(q, []string{"shop"})
	require.NoError(t, err)
	assert.Equal(t, want, got)
}
