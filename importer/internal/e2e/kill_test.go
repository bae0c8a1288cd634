package e2e

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

// inFlight is how much a killed run may have delivered without a note: 8 requests of
// 1,000 messages, and what waits in the client's queue to be noted, 2,000 more.
const inFlight = 8*1000 + 2*1000

// The command is killed again and again while it sends. In the end nothing is missing,
// and no more is there twice than was in flight, nor than the report says.
func TestKillWhileSending(t *testing.T) {
	w := newWorld(t)
	lines, rows := mix(12_000, 3000, 300)
	source := w.file("events.ndjson", lines)
	slow := w.srv.Always(altertabletest.Delay(20 * time.Millisecond))
	kills := 0
	for range 6 {
		target := w.stored() + 1 + rand.IntN(2500)
		p := w.start("-temp", w.temp, source)
		if w.awaitStored(p, target) {
			time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond) // a moment at random, no wait for anything
		}
		p.kill()
		p.silent(w.secrets...)
		kills++
	}
	slow.Release()
	r := w.ok("-temp", w.temp, source)
	copies := w.require(t, rows, kills*inFlight)
	t.Logf("%d kills, %d of %d messages twice, %d said to be possible", kills, copies, len(rows), r.report.Duplicates)
	assert.GreaterOrEqual(t, r.report.Duplicates, int64(copies))
	assert.EqualValues(t, len(rows), r.report.Delivered)
	assert.Positive(t, r.report.Earlier)
	assert.LessOrEqual(t, r.report.Earlier, r.report.Delivered)
	w.nothingMore(r.report, source)
}

// A run that begins among equal rows gives them the ids that they had.
func TestKillAmongEqualRows(t *testing.T) {
	w := newWorld(t)
	const equal = 14_000
	row := `{"event":"page_viewed","distinct_id":"zq7x-u1","timestamp":"2024-03-01T08:00:00Z","n":1}` + "\n"
	source := w.file("events.ndjson", strings.Repeat(row, equal))
	slow := w.srv.Always(altertabletest.Delay(20 * time.Millisecond))
	p := w.start(source)
	require.True(t, w.awaitStored(p, 4000), "it ended: %s", tail(p.stderr.String()))
	p.kill()
	slow.Release()
	r := w.ok(source)
	ids := w.eventIDs()
	copies := len(ids) - equal
	slices.Sort(ids)
	assert.Equal(t, equal, len(slices.Compact(ids)), "different ids")
	assert.LessOrEqual(t, copies, inFlight)
	assert.GreaterOrEqual(t, r.report.Duplicates, int64(copies))
}

// Nothing is lost, and nothing sent twice, where the command is killed before it
// sends: while it reads, sorts, and opens its files.
func TestKillWhileLoading(t *testing.T) {
	w := newWorld(t)
	lines, rows := mix(8000, 1000, 10)
	source := w.file("events.ndjson", lines)
	w.srv.Down()
	for range 6 {
		p := w.start("-temp", w.temp, source)
		time.Sleep(time.Duration(rand.IntN(400)) * time.Millisecond) // a moment at random, no wait for anything
		p.kill()
		p.silent(w.secrets...)
	}
	w.srv.Up()
	w.ok("-temp", w.temp, source)
	assert.Zero(t, w.require(t, rows, 0))
}

// What a killed command leaves in the temporary directory, the next one removes. What
// is there besides, it does not.
func TestKillLeavesNothing(t *testing.T) {
	w := newWorld(t)
	lines, rows := mix(2000, 0, 0)
	source := w.file("events.ndjson", lines)
	other := filepath.Join(w.temp, "altertable-import-2024")
	require.NoError(t, os.Mkdir(other, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(other, "export.csv"), nil, 0o600))
	hang := w.srv.Always(altertabletest.Hang())
	p := w.start("-temp", w.temp, source)
	require.NoError(t, w.srv.WaitRequests(t.Context(), 1))
	p.kill()
	left, err := os.ReadDir(w.temp)
	require.NoError(t, err)
	require.Len(t, left, 2, "the killed command has left a directory")
	hang.Release()
	w.ok("-temp", w.temp, source)
	w.require(t, rows, len(rows)) // what hung may be stored after all
	assert.FileExists(t, filepath.Join(other, "export.csv"))
	require.NoError(t, os.RemoveAll(other))
}

// nothingMore runs the command again: it sends nothing, and its report says the same.
func (w *world) nothingMore(before *report, args ...string) {
	w.t.Helper()
	stored := w.stored()
	again := w.ok(args...)
	assert.Equal(w.t, stored, w.stored(), "a finished import was sent again")
	assert.Equal(w.t, before.Delivered, again.report.Delivered)
	assert.Equal(w.t, before.Delivered, again.report.Earlier)
	assert.Equal(w.t, before.Duplicates, again.report.Duplicates)
}
