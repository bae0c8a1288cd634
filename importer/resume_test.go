package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestForce(t *testing.T) {
	srv := newServer(t)
	s := newShell(t, srv)
	source := write(t, "events.csv", clean)
	require.Equal(t, exitOK, s.run(source), s.said())
	require.NoError(t, os.WriteFile(source, []byte(clean+"track,signed_up,u_3,2026-01-04T08:00:00Z,,\n"), 0o600))
	require.Equal(t, exitFailed, s.run(source))
	assert.Contains(t, s.err.String(), "-force goes on after the first 4 messages, which are the same")
	require.Equal(t, exitOK, s.run("-force", source), s.said())
	assert.Contains(t, s.err.String(), "-force goes on after the first 4 messages")
	assert.Len(t, srv.Events(), 4)

	changed := strings.Replace(clean, ",pro,", ",free,", 1)
	require.NoError(t, os.WriteFile(source, []byte(changed), 0o600))
	require.Equal(t, exitOK, s.run("-force", source), s.said(), "there are fewer rows")
	assert.Contains(t, s.err.String(), "-force starts at the first row")
	assert.Contains(t, s.out.String(), "perhaps twice 5")
	assert.Len(t, srv.Events(), 7)

	require.NoError(t, os.WriteFile(source, []byte(strings.Replace(changed, ",free,", ",team,", 1)), 0o600))
	require.Equal(t, exitOK, s.run("-force", source), s.said(), "there are as many")
	assert.Contains(t, s.err.String(), "-force starts at the first row")
	assert.Contains(t, s.out.String(), "perhaps twice 9")
	assert.Len(t, srv.Events(), 10)
}

// What -force sends again is said before.
func TestForceWithARowAmongTheOldOnes(t *testing.T) {
	srv := newServer(t)
	s := newShell(t, srv)
	source := write(t, "events.csv", clean)
	require.Equal(t, exitOK, s.run(source), s.said())
	require.NoError(t, os.WriteFile(source, []byte(clean+"track,signed_up,u_3,2025-01-04T08:00:00Z,,\n"), 0o600))
	const says = "-force starts at the first row and sends all 5 messages, since rows before message 5 were changed, added or removed: up to 4 that were delivered are sent again"
	require.Equal(t, exitFailed, s.run(source))
	assert.Contains(t, s.err.String(), says)
	assert.Len(t, srv.Events(), 3)
	require.Equal(t, exitOK, s.run("-force", source), s.said())
	assert.Contains(t, s.err.String(), says)
	assert.Len(t, srv.Events(), 7)
	assert.Contains(t, s.out.String(), "perhaps twice 4")
	ids := map[any]int{}
	for _, e := range srv.Events() {
		ids[e.Properties["$event_id"]]++
	}
	assert.Len(t, ids, 4, "a query counts each event once")
}

func TestAnotherTarget(t *testing.T) {
	srv, other := newServer(t), newServer(t)
	s := newShell(t, srv)
	source := write(t, "events.csv", clean)
	require.Equal(t, exitOK, s.run(source), s.said())
	s.variables["ALTERTABLE_API_KEY"] = "pk_of_another_project"
	reportPath := filepath.Join(t.TempDir(), "report.json")
	require.Equal(t, exitFailed, s.run("-report", reportPath, source))
	assert.Contains(t, s.err.String(), "the API key is another one")
	assert.Contains(t, readReport(t, reportPath).Error, "the API key is another one", "there is a report of a failure, too")
	assert.NotContains(t, s.said(), "pk_of_another_project")
	s.variables["ALTERTABLE_API_KEY"], s.variables["ALTERTABLE_BASE_URL"] = testKey, other.URL
	require.Equal(t, exitFailed, s.run(source))
	assert.Contains(t, s.err.String(), "the target was "+srv.URL)
	assert.Len(t, srv.Events(), 3)
	assert.Empty(t, other.Requests())
}
