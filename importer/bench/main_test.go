package main

import (
	"bytes"
	"encoding/csv"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheLoopSendsTheRowsOfTheFile(t *testing.T) {
	dir := t.TempDir()
	events, parquet := filepath.Join(dir, "events.csv"), filepath.Join(dir, "events.parquet")
	require.NoError(t, makeFiles(50, events, parquet))
	file, err := os.Open(events)
	require.NoError(t, err)
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	require.NoError(t, err)
	assert.Len(t, rows, 51)
	assert.Len(t, rows[0], 3+8)
	_, err = os.Stat(parquet)
	require.NoError(t, err)

	server := httptest.NewServer(new(sink))
	defer server.Close()
	require.NoError(t, loop(t.Context(), server.URL, events, 20))
	a, err := arrived(server.URL)
	require.NoError(t, err)
	assert.EqualValues(t, 20, a.Messages)
	assert.EqualValues(t, 20, a.Requests)
	assert.Positive(t, a.Bytes)
	require.Error(t, loop(t.Context(), server.URL, events, 51), "there are not so many")
}

func TestTheTable(t *testing.T) {
	var out bytes.Buffer
	printTable(&out, []measured{
		{name: "csv", events: 300_000, wall: 2 * time.Second, sending: time.Second, memory: 200 << 20, cpu: 3 * time.Second, requests: 300, bytes: 100 << 20},
		{name: "loop", events: 5000, wall: time.Second, sending: time.Second, requests: 5000},
	})
	assert.Regexp(t, `csv +300000 +2\.00 +1\.00 +150000 +30\.0 x +10\.00 +200 +300 +100\n`, out.String())
}
