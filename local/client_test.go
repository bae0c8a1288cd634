package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
)

// Whoever sends events cannot command the terminal of who asks for them.
func TestTableForATerminal(t *testing.T) {
	r := startLocal(t, config{})
	send(t, r.client(), altertable.Track{Event: "\x1b]0;owned\x07\u202e\nünï", DistinctID: "u"})
	var output bytes.Buffer
	require.NoError(t, ask(t.Context(), config{host: "127.0.0.1", port: portOf(t, r.url), sql: "SELECT event AS e, distinct_id, NULL AS \"n\x1b\" FROM events"}, &output))
	assert.Equal(t, "e                          distinct_id  n\\x1b\n"+
		"-------------------------  -----------  -----\n"+
		"\\x1b]0;owned\\a\\u202e\\nünï  u            null\n(1 row)\n", output.String())
	output.Reset()
	require.NoError(t, ask(t.Context(), config{host: "127.0.0.1", port: portOf(t, r.url), sql: "FROM range(20000)"}, &output))
	assert.Contains(t, output.String(), "(10000 rows)\nthere are more rows than are shown\n")
}
