package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSinkHangs(t *testing.T) {
	listener := httptest.NewServer(new(server))
	defer listener.Close()
	sink := sink{url: listener.URL}
	require.NoError(t, sink.awaitHung(0, 0))

	ctx, cancel := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, listener.URL+"/hung/track", strings.NewReader("[]"))
	require.NoError(t, err)
	failed := make(chan error)
	go func() {
		_, err := http.DefaultClient.Do(request)
		failed <- err
	}()
	require.NoError(t, sink.awaitHung(1, 1))
	cancel()
	assert.ErrorIs(t, <-failed, context.Canceled)
	assert.NoError(t, sink.awaitHung(0, 0))
}

func TestSinkReadsBodiesOfUnknownLength(t *testing.T) {
	var sink server
	listener := httptest.NewServer(&sink)
	defer listener.Close()
	request, err := http.NewRequest(http.MethodPost, listener.URL+"/now/batch", struct{ *strings.Reader }{strings.NewReader(usualJSON(t))})
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	assert.Equal(t, tally{Events: 1}, sink.count())
}
