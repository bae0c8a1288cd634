package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

func TestARefusedKeyIsSetRight(t *testing.T) {
	srv := newServer(t, altertabletest.WithAPIKeys("pk_right"))
	path := write(t, "events.csv", clean)
	s := newShell(t, srv)
	require.Equal(t, exitFailed, s.run(path))
	assert.Contains(t, s.err.String(), "run the same command again")
	assert.NotContains(t, s.err.String(), "messages are lost", "they are not")
	assert.NotContains(t, s.out.String(), "-traits-now", "nothing was sent")

	s.variables["ALTERTABLE_API_KEY"] = "pk_right"
	require.Equal(t, exitOK, s.run(path), s.said())
	assert.Len(t, srv.Events(), 3)
}

func TestAPlainURLIsASentenceOfTheCommand(t *testing.T) {
	s := newShell(t, newServer(t))
	s.variables["ALTERTABLE_BASE_URL"] = "http://api.example.com"
	require.Equal(t, exitFailed, s.run(write(t, "events.csv", clean)))
	assert.Contains(t, s.err.String(), "ALTERTABLE_INSECURE_HTTP=true")
	assert.NotContains(t, s.err.String(), "WithInsecureHTTP")
}
