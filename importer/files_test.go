package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAPatternDoesNotMeanOurFiles imports a directory in which a killed import
// has left all of its files.
func TestAPatternDoesNotMeanOurFiles(t *testing.T) {
	srv := newServer(t)
	s := newShell(t, srv)
	source := write(t, "events.csv", clean)
	for _, suffix := range ourSuffixes {
		require.NoError(t, os.WriteFile(source+suffix, nil, 0o600))
	}
	all := filepath.Join(filepath.Dir(source), "*")
	require.Equal(t, exitOK, s.run(all), s.said())
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(source), "more.csv"), []byte(clean), 0o600))
	require.Equal(t, exitOK, s.run(all), s.said())
	require.Equal(t, exitOK, s.run(all), "again: "+s.said())
	assert.Len(t, srv.Events(), 3+6)
}
