package main

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

// Requests at the same time share messages, of which the next process knows what was
// in them: it stores none of a producer's retries again.
func TestRetriesReachTheNextProcess(t *testing.T) {
	const producers = 60 // as many messages are looked at
	api := altertabletest.NewServer()
	defer api.Close()
	api.Down()
	env := map[string]string{"ALTERTABLE_API_KEY": apiKey}
	args := []string{"--data", t.TempDir(), "--api", api.URL, "--shutdown-timeout", "10s"} // all of it passes: what a busy machine does within it is no failure
	for run := range 2 {
		s := serveWith(t, env, args...).working()
		var sending sync.WaitGroup
		for i := range producers {
			sending.Go(func() {
				status, _ := send(t, s.url, "any", fmt.Sprintf(
					`{"environment":"production","event":"signed_up","distinct_id":"u_%d","properties":{},"timestamp":"2026-11-27T12:00:00Z"}`, i))
				assert.Equal(t, http.StatusOK, status)
			})
		}
		sending.Wait()
		_, metrics := s.get("/metrics")
		assert.Contains(t, metrics, fmt.Sprintf(`altertable_relay_duplicate_events_total{tenant="default"} %d`, run*producers))
		if run == 1 {
			api.Up()
			require.NoError(t, api.WaitEvents(t.Context(), producers))
		}
		http.DefaultClient.CloseIdleConnections() // dialed, and never used
		assert.Zero(t, s.stop(), "%s", s.err)
	}
	assert.Len(t, api.Events(), producers)
}
