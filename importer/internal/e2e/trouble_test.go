package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

// A server that is in trouble for a while costs time, and nothing else.
func TestServerTrouble(t *testing.T) {
	for name, fault := range map[string]altertabletest.Fault{
		"503":              altertabletest.Status(503),
		"429, Retry-After": altertabletest.Status(429).RetryAfter(time.Second),
		"reset":            altertabletest.Reset(),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			lines, rows := mix(4000, 600, 20)
			w.srv.Next(1, altertabletest.Pass())
			rule := w.srv.Next(2, fault)
			r := w.ok(w.file("events.ndjson", lines))
			assert.Equal(t, 2, rule.Hits())
			assert.Zero(t, w.require(t, rows, 0))
			assert.EqualValues(t, len(rows), r.report.Delivered)
		})
	}
}

// What was stored without an answer is sent again: the report says so.
func TestResetAfterStoring(t *testing.T) {
	w := newWorld(t)
	lines, rows := mix(4000, 600, 0)
	w.srv.Next(1, altertabletest.Pass())
	w.srv.Next(2, altertabletest.Reset().AfterStoring())
	r := w.ok(w.file("events.ndjson", lines))
	copies := w.require(t, rows, 2000)
	assert.Positive(t, copies)
	assert.GreaterOrEqual(t, r.report.Duplicates, int64(copies))
	assert.LessOrEqual(t, r.report.Duplicates, int64(2000))
}

// What no message is to blame for ends the import: nothing is refused, and the next
// run goes on.
func TestAllIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		fault altertabletest.Fault
		word  string
	}{
		"key":         {altertabletest.Status(401), "key"},
		"forbidden":   {altertabletest.Status(403).ErrorCode("forbidden"), "key"},
		"environment": {altertabletest.Status(400).ErrorCode("environment-not-found"), "environment"},
		"redirect":    {altertabletest.Redirect(http.StatusFound, "https://example.com/login"), "redirect"},
		"not found":   {altertabletest.Status(404), "404"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			lines, rows := mix(3000, 50, 0)
			source := w.file("events.ndjson", lines)
			rule := w.srv.Always(c.fault.On("/track"))
			r := w.run(source)
			assert.Equal(t, 1, r.code, tail(r.said()))
			assert.Contains(t, r.stderr, c.word)
			require.NotNil(t, r.report)
			assert.False(t, r.report.Finished)
			assert.Empty(t, r.report.Rejected)
			assert.NoFileExists(t, source+".rejects.ndjson")
			assert.Equal(t, 50, w.stored())
			rule.Release()
			r = w.ok(source)
			assert.Zero(t, w.require(t, rows, 0))
			assert.EqualValues(t, 50, r.report.Earlier)
			assert.EqualValues(t, len(rows), r.report.Delivered)
		})
	}
}

// A key that is no ingestion key is refused before anything is read.
func TestManagementKey(t *testing.T) {
	w := newWorld(t)
	lines, _ := mix(10, 0, 0)
	w.env = append(w.env, "ALTERTABLE_API_KEY=atm_e2e_secret")
	w.secrets = append(w.secrets, "atm_e2e_secret")
	w.refused(1, []string{"key"}, w.file("events.ndjson", lines))
}

// -rate is kept.
func TestRate(t *testing.T) {
	w := newWorld(t)
	lines, rows := mix(3000, 0, 0)
	r := w.ok("-rate", "2000", w.file("events.ndjson", lines))
	w.require(t, rows, 0)
	// Except for the first tenth of a second's they have to wait, on any machine.
	assert.Greater(t, r.report.Seconds, 1.35)
	assert.Less(t, r.report.Seconds, patience.Seconds())
}
