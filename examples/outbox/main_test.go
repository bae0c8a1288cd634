package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRunOffline(t *testing.T) {
	t.Setenv("ALTERTABLE_API_KEY", "")
	t.Setenv("ALTERTABLE_BASE_URL", "")
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out))
	for _, want := range []string{
		"order 1001 of u_ada over 12.50: committed",
		"order 1002 of u_ben over 9999.00: rolled back: the card was declined",
		"order 1003 of u_ada over 40.00: committed",
		"messages left in the outbox: 0",
		"order_placed  u_ada  order 1001  12.50",
		"order_placed  u_ada  order 1003  40.00",
	} {
		assert.Contains(t, out.String(), want)
	}
	assert.NotContains(t, out.String(), "u_ben  order 1002")
}
