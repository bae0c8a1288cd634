package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

// Twenty runs, some at the same time, are twenty events of one installation.
func TestDeliver(t *testing.T) {
	const runs = 20
	tl := newTool(t)
	results := make(chan result, runs)
	var wg sync.WaitGroup
	for range runs / 4 {
		for range 4 {
			wg.Go(func() { results <- tl.run([]string{"CI=true"}, "-v", "count", "file.txt") })
		}
		wg.Wait()
	}
	notices := 0
	for range runs {
		got := <-results
		assert.Zero(t, got.status)
		if got.stderr != "" {
			assert.Equal(t, notice, got.stderr)
			notices++
		}
	}
	assert.Equal(t, 1, notices)

	got := tl.run(nil, "deliver")
	assert.Zero(t, got.status)
	assert.Empty(t, got.stderr)
	assert.Contains(t, got.stdout, "delivered: 20, left on disk for later: 0\n")
	ids, installations := map[any]int{}, map[string]bool{}
	for _, e := range delivered(t, got.stdout) {
		ids[e.Properties["$event_id"]]++
		installations[e.DistinctID] = true
		assert.Equal(t, "command_run", e.Event)
		assert.Equal(t, "count", e.Properties["command"])
		assert.EqualValues(t, 0, e.Properties["status"])
		assert.Contains(t, e.Properties, "duration_ms")
		assert.Equal(t, version, e.Properties["$release"])
		assert.Equal(t, runtime.GOOS, e.Properties["os"])
		assert.Equal(t, runtime.GOARCH, e.Properties["arch"])
		assert.Equal(t, true, e.Properties["ci"])
	}
	assert.Len(t, ids, runs)
	for id, times := range ids {
		assert.Equal(t, 1, times, id)
	}
	assert.Len(t, installations, 1)

	assert.Equal(t, "delivered: 0, left on disk for later: 0\n", tl.run(nil, "deliver").stdout)
}

type sentEvent struct {
	Event      string         `json:"event"`
	DistinctID string         `json:"distinct_id"`
	Properties map[string]any `json:"properties"`
}

// delivered returns the events that "deliver" printed.
func delivered(t *testing.T, stdout string) (events []sentEvent) {
	t.Helper()
	for line := range strings.Lines(stdout) {
		if strings.HasPrefix(line, "{") {
			var e sentEvent
			require.NoError(t, json.Unmarshal([]byte(line), &e))
			events = append(events, e)
		}
	}
	return events
}

// A status that is not 0 is told.
func TestDeliverStatus(t *testing.T) {
	tl := newTool(t)
	tl.run(nil, "count", "missing")
	events := delivered(t, tl.run(nil, "deliver").stdout)
	require.Len(t, events, 1)
	assert.EqualValues(t, 1, events[0].Properties["status"])
	assert.Equal(t, false, events[0].Properties["ci"])
}

// A run that starts a delivery does not wait for it, not even by way of its
// standard output.
func TestDeliverInBackground(t *testing.T) {
	tl := newTool(t)
	// The process that delivers may live a little longer than the test.
	dir, err := os.MkdirTemp("", "altertable-cli")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	tl.dir = filepath.Join(dir, "data")

	srv := altertabletest.NewServer()
	t.Cleanup(srv.Close)
	release, answered := make(chan struct{}), make(chan struct{}, 100)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-release
		srv.Handler().ServeHTTP(w, r)
		answered <- struct{}{}
	}))
	t.Cleanup(api.Close)
	environment := []string{"ALTERTABLE_BASE_URL=" + api.URL, "ALTERTABLE_API_KEY=any"}

	assert.Zero(t, tl.run(environment, "count", "file.txt").status)
	ageStamp(t, tl.dir, deliveryInterval)
	got := tl.run(environment, "-v", "count", "file.txt") // returns at the end of its output, before the answer
	assert.Equal(t, result{stdout: got.stdout}, got)
	close(release)
	for deadline := time.After(time.Minute); len(srv.Events()) < 2; {
		select {
		case <-answered:
		case <-deadline:
			require.FailNow(t, "not delivered", "%d events arrived", len(srv.Events()))
		}
	}
	ids := map[any]bool{}
	for _, e := range srv.Events() {
		ids[e.Properties["$event_id"]] = true
	}
	assert.Len(t, ids, 2)
}
