package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

func TestSpool(t *testing.T) {
	t.Parallel()
	api := altertabletest.NewServer(altertabletest.WithAPIKeys(apiKey))
	defer api.Close()
	dir := t.TempDir()
	short, err := altertable.New("whatever", altertable.WithSpool(dir, altertable.SpoolName("jobs"), altertable.SpoolWriteOnly()))
	require.NoError(t, err)
	require.NoError(t, short.Track(t.Context(), altertable.Track{Event: "report_made", DistinctID: person}))
	require.NoError(t, short.Close())

	s := serveWith(t, map[string]string{"ALTERTABLE_API_KEY": apiKey, "ALTERTABLE_RELAY_TOKEN": token},
		"--data", t.TempDir(), "--api", api.URL, "--spool", dir, "--spool-name", "jobs")
	require.NoError(t, api.WaitEvents(t.Context(), 1))
	api.RequireEvent(t, altertabletest.Want{Event: "report_made", DistinctID: person})
	require.Eventually(t, func() bool { // the intake counts it after it is stored, and so perhaps delivered
		_, body := s.get("/metrics")
		return strings.Contains(body, `altertable_relay_accepted_events_total{endpoint="track",tenant="default"} 1`)
	}, deadline, time.Millisecond, "by way of the intake")
	assert.Zero(t, s.stop())
}

// TestRefusedOfASpool is kept: the spool itself gives it up.
func TestRefusedOfASpool(t *testing.T) {
	t.Parallel()
	dir, data := t.TempDir(), t.TempDir()
	short, err := altertable.New("whatever", altertable.WithSpool(dir, altertable.SpoolName("jobs"), altertable.SpoolWriteOnly()))
	require.NoError(t, err)
	half := json.RawMessage(`{"environment":"production","event":"signed_up","distinct_id":"u_1","properties":{"half":"\ud800"}}`)
	require.NoError(t, short.Enqueue(t.Context(), altertable.Raw{Endpoint: "track", JSON: half}, nil))
	require.NoError(t, short.Track(t.Context(), altertable.Track{Event: "report_made", DistinctID: "u_1"}))
	require.NoError(t, short.Close())
	s := serveWith(t, nil, "--api", "offline", "--data", data, "--spool", dir, "--spool-name", "jobs").working()
	s.out.wait(t, "report_made 1")
	assert.Contains(t, letters(t, 1, "--data", data), "track     400")
}
