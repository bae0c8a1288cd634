package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ownNames has other names than ours, and a row that is torn.
const ownNames = "user_id,created_at,name,zip\n007,2026-01-02 10:00:00,signed_up,01234\n8,2026-01-02 11:00:00,signed_up\n"

const ownMapping = "SELECT user_id AS distinct_id, created_at AS timestamp, name AS event, * EXCLUDE (user_id, created_at, name) FROM source;"

func TestSQLOverFiles(t *testing.T) {
	srv := newServer(t)
	path := write(t, "own.csv", ownNames)
	s := newShell(t, srv)
	require.Equal(t, exitRefused, s.run("-sql", ownMapping, path), s.said())
	require.Len(t, srv.Events(), 1)
	event := srv.Events()[0]
	assert.Equal(t, "signed_up", event.Event)
	assert.Equal(t, "007", event.DistinctID, "nothing is guessed about the values")
	assert.Equal(t, "01234", event.Properties["zip"])
	assert.FileExists(t, path+stateSuffix, "the state is beside the file")
	assert.Contains(t, s.out.String(), "fewer columns", "torn rows are refused rows")

	again := newShell(t, srv)
	require.Equal(t, exitRefused, again.run("-sql", ownMapping, path), again.said())
	assert.Len(t, srv.Events(), 1)
}

func TestSQLOverStandardInput(t *testing.T) {
	s := newShell(t, nil)
	s.in = strings.NewReader(ownNames)
	require.Equal(t, exitRefused, s.run("-sql", ownMapping, "-format", "csv", "-"), s.said())
	assert.Contains(t, s.out.String(), "1 track")
}

func TestFilesWithoutAHeader(t *testing.T) {
	path := write(t, "rows.csv", "signed_up,ada@example.com,2026-01-01\npage,u_2,2026-01-01\n")
	for _, args := range [][]string{{}, {"-as", "identify"}, {"-preset", "segment"}, {"-preset", "posthog"}, {"-preset", "mixpanel", "-print-sql"}, {"-sql", "SELECT * FROM source"}} {
		s := newShell(t, nil)
		require.Equal(t, exitFailed, s.run(append(args, path)...), "%v: %s", args, s.said())
		assert.Contains(t, s.err.String(), "rows.csv has no header", args)
		assert.NotContains(t, s.said(), "ada@example.com", args)
		assert.NotContains(t, s.said(), "signed_up", args)
	}
}

func TestSQLOverFilesOfMessages(t *testing.T) {
	s := newShell(t, nil)
	path := write(t, "dead.ndjson", `{"endpoint":"track","message":{"event":"e"}}`+"\n")
	require.Equal(t, exitFailed, s.run("-sql", "SELECT * FROM source", path))
	assert.Contains(t, s.err.String(), "leave -preset and -sql out")
}

func TestWithoutArguments(t *testing.T) {
	srv := newServer(t)
	s := newShell(t, srv) // a key changes nothing
	require.Equal(t, exitOK, s.run(), s.said())
	assert.Contains(t, s.out.String(), "Dry run of a sample, importer/testdata/sample.csv")
	for _, next := range []string{"altertable-import -to local\n", "altertable-import -dry-run /path/to/FILE\n", "altertable-import -h\n"} {
		assert.Contains(t, s.out.String(), next)
	}
	assert.Equal(t, exitOK, s.run("-dry-run", "-show-values"))
	assert.Equal(t, exitFailed, s.run("-rate", "5"))
	assert.Contains(t, s.err.String(), "name a file to import")
	assert.Empty(t, srv.Requests())
}

func TestDumpsAreNoData(t *testing.T) {
	for _, text := range []string{"--\n-- PostgreSQL database dump\n--\n", "PGDMP\x01\x0e"} {
		s := newShell(t, nil)
		require.Equal(t, exitFailed, s.run("-dry-run", write(t, "dump.sql", text)))
		assert.Contains(t, s.err.String(), "COPY users TO STDOUT CSV HEADER")
	}
}
