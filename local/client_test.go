package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/local/server"
)

// Whoever sends events cannot command the terminal of who asks for them.
func TestTableForATerminal(t *testing.T) {
	s, err := server.Start(server.Config{})
	require.NoError(t, err)
	defer func() { assert.NoError(t, s.Close()) }()
	client, err := altertable.New("key", altertable.WithBaseURL(s.URL()))
	require.NoError(t, err)
	_, err = client.TrackSync(t.Context(), altertable.Track{Event: "\x1b]0;owned\x07\u202e\nünï", DistinctID: "u"})
	require.NoError(t, err)
	require.NoError(t, client.Close())
	c := config{Config: server.Config{Host: "127.0.0.1", Port: portOf(t, s)}}
	var output bytes.Buffer
	c.sql = "SELECT event AS e, distinct_id, NULL AS \"n\x1b\" FROM events"
	require.NoError(t, ask(t.Context(), c, &output))
	assert.Equal(t, "e                          distinct_id  n\\x1b\n"+
		"-------------------------  -----------  -----\n"+
		"\\x1b]0;owned\\a\\u202e\\nünï  u            null\n(1 row)\n", output.String())
	output.Reset()
	c.sql = "FROM range(20000)"
	require.NoError(t, ask(t.Context(), c, &output))
	assert.Contains(t, output.String(), "(10000 rows)\nthere are more rows than are shown\n")
}
