package intake_test

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/relay/internal/intake"
	"github.com/altertable-ai/altertable-go/relay/internal/metrics"
)

func TestRequestsAndEventsAreCounted(t *testing.T) {
	m := metrics.New([]string{"acme"})
	s := start(t, intake.Options{Metrics: m})
	for range 2 {
		require.Equal(t, 200, s.post(t, "/track", list(150, track)).status)
	}
	require.Equal(t, 200, s.post(t, "/identify", `{"environment":"e","distinct_id":"u"}`).status)
	require.Equal(t, 422, s.post(t, "/identify", `{"environment":"e"}`).status)
	require.Equal(t, 401, s.post(t, "/identify", `{}`, "X-API-Key", "wrong").status)
	require.Equal(t, 404, s.post(t, "/query", `{}`).status)
	require.Equal(t, 200, inMemory(t, s, "acme", "POST", "/track", track(200)).status)

	text, lines := "", []string{
		`altertable_relay_requests_total{endpoint="track",status="200",tenant="acme"} 3`,
		`altertable_relay_requests_total{endpoint="identify",status="200",tenant="acme"} 1`,
		`altertable_relay_requests_total{endpoint="identify",status="422",tenant="acme"} 1`,
		`altertable_relay_requests_total{endpoint="identify",status="401",tenant=""} 1`,
		`altertable_relay_accepted_events_total{endpoint="track",tenant="acme"} 301`,
		`altertable_relay_stored_events_total{endpoint="track",tenant="acme"} 151`,
		`altertable_relay_stored_events_total{endpoint="identify",tenant="acme"} 1`,
		`altertable_relay_duplicate_events_total{tenant="acme"} 150`,
	}
	has := func(line string) bool { return strings.Contains(text, line+"\n") }
	assert.Eventually(t, func() bool { // a request is counted after its answer
		w := httptest.NewRecorder()
		m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		text = w.Body.String()
		return !slices.ContainsFunc(lines, func(line string) bool { return !has(line) })
	}, patience, time.Millisecond)
	for _, line := range lines {
		assert.True(t, has(line), "%s is not in\n%s", line, firstLines(text, "_total{"))
	}
	assert.NotContains(t, text, token)
}

func firstLines(text, with string) string {
	var found []string
	for line := range strings.Lines(text) {
		if strings.Contains(line, with) && !strings.HasSuffix(line, " 0\n") {
			found = append(found, line)
		}
	}
	return strings.Join(found, "")
}
