//go:build unix

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

// interrupted is the exit status of a run that a signal has ended.
const interrupted = 130

// An interrupt finishes what is in flight, so the next run sends nothing twice. The
// rows are more than can be on their way while the server holds its answers back.
func TestInterrupt(t *testing.T) {
	w := newWorld(t)
	lines, rows := mix(40_000, 500, 0)
	source := w.file("events.ndjson", lines)
	w.srv.Next(3, altertabletest.Pass())
	held := w.srv.Always(altertabletest.Hang())
	report := filepath.Join(t.TempDir(), "report.json")
	p := w.start("-report", report, source)
	require.NoError(t, w.srv.WaitRequests(t.Context(), 4))
	p.signal(os.Interrupt)
	p.stderr.await(t, p.ended, func() bool { return strings.Contains(p.stderr.String(), "Interrupted") })
	held.Release()
	r := w.result(p, report)
	assert.Equal(t, interrupted, r.code, tail(r.said()))
	assert.Contains(t, r.said(), "again", "how to go on")
	require.NotNil(t, r.report)
	assert.False(t, r.report.Finished)
	assert.EqualValues(t, w.stored(), r.report.Delivered)
	assert.Zero(t, r.report.Duplicates)
	r = w.ok(source)
	assert.Zero(t, w.require(t, rows, 0))
	assert.Zero(t, r.report.Duplicates)
}

// Before anything is sent there is nothing to finish.
func TestInterruptWhileLoading(t *testing.T) {
	w := newWorld(t)
	lines, rows := mix(20_000, 0, 0)
	source := w.file("events.ndjson", lines)
	w.srv.Down() // it cannot be over before the signal, however late that is
	p := w.start("-temp", w.temp, source)
	for p.running() { // until it has its directory
		if left, err := os.ReadDir(w.temp); err == nil && len(left) > 0 {
			break
		}
	}
	p.signal(os.Interrupt)
	r := w.result(p, "")
	assert.Equal(t, interrupted, r.code, tail(r.said()))
	w.srv.Up()
	w.ok(source)
	assert.Zero(t, w.require(t, rows, 0))
}

// A second signal ends it at once, whatever is in flight.
func TestInterruptTwice(t *testing.T) {
	w := newWorld(t)
	lines, rows := mix(3000, 0, 0)
	source := w.file("events.ndjson", lines)
	hang := w.srv.Always(altertabletest.Hang().AfterStoring())
	p := w.start(source)
	require.NoError(t, w.srv.WaitRequests(t.Context(), 1))
	said := p.stderr.String()
	p.signal(os.Interrupt)
	p.stderr.await(t, p.ended, func() bool { return strings.TrimSpace(p.stderr.String()[len(said):]) != "" })
	require.True(t, p.running(), "one signal does not end it while something is in flight\n%s", tail(p.stderr.String()))
	began := time.Now()
	p.signal(os.Interrupt)
	assert.Equal(t, interrupted, p.wait(), tail(p.stderr.String()))
	assert.Less(t, time.Since(began), 30*time.Second, "as long as it waits after one signal")
	p.silent(w.secrets...)
	hang.Release()
	r := w.ok(source)
	copies := w.require(t, rows, 3000)
	assert.Positive(t, copies)
	assert.GreaterOrEqual(t, r.report.Duplicates, int64(copies))
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(s))
}
