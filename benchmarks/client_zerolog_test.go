package main

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The limit would be none if it made its callers allocate. Both loops have the
// same share of what a batch costs.
func TestZerologLeavesALiteralOnTheStack(t *testing.T) {
	listener := httptest.NewServer(new(server))
	defer listener.Close()
	c := newZerologClient(listener.URL, 1)
	defer func() { assert.NoError(t, c.close()) }()
	literal := testing.AllocsPerRun(10, func() { require.NoError(t, c.literal(batchSize)) })
	heap := testing.AllocsPerRun(10, func() { require.NoError(t, c.heap(usual, batchSize, nil)) })
	assert.Greater(t, heap-literal, 1.5*batchSize)
}

func TestZerologReportsARefusal(t *testing.T) {
	listener := httptest.NewServer(http.NotFoundHandler())
	defer listener.Close()
	c := newZerologClient(listener.URL, 1)
	require.NoError(t, c.literal(1))
	assert.ErrorContains(t, c.close(), "404")
}

func TestZerologRefusesAnUnknownType(t *testing.T) {
	c := newZerologClient("", 1)
	defer func() { assert.NoError(t, c.close()) }()
	s := sample{event, user, func() map[string]any { return map[string]any{"list": []int{1}} }}
	assert.ErrorIs(t, c.heap(s, 1, nil), errUnknownType)
}
