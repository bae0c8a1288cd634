package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Equal rows are different events, with the same ids in every run.
func TestEqualRows(t *testing.T) {
	var runs [2][]string
	for i := range runs {
		t.Run("", func(t *testing.T) {
			w := newWorld(t)
			t.Cleanup(func() { runs[i] = w.eventIDs() })
			const equal = 2500 // more than a batch
			row := fmt.Sprintf(`{"event":"page_viewed","distinct_id":"%s-u1","timestamp":"2024-03-01T08:00:00Z","n":1}`+"\n", canary)
			lines, _ := mix(200, 0, 0)
			w.ok(w.file("events.ndjson", strings.Repeat(row, equal)+lines))
			require.Equal(t, equal+200, w.stored())
			ids := w.eventIDs()
			slices.Sort(ids)
			assert.Equal(t, equal+200, len(slices.Compact(ids)), "different ids")
		})
	}
	t.Cleanup(func() {
		for _, ids := range runs {
			slices.Sort(ids)
		}
		assert.True(t, slices.Equal(runs[0], runs[1]), "other ids in another run")
	})
}

func (l *ledger) eventIDs() (ids []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.entries {
		ids = append(ids, e.eventID)
	}
	return ids
}

// The occurrences are counted across the files of a run, and $event_id of a source's
// own stays.
func TestEqualRowsOfFiles(t *testing.T) {
	w := newWorld(t)
	lines := `{"event":"page_viewed","distinct_id":"zq7x-u1","timestamp":"2024-03-01T08:00:00Z","n":1}` + "\n"
	own := `{"event":"page_viewed","distinct_id":"zq7x-u1","timestamp":"2024-03-01T08:00:00Z","n":2,"$event_id":"own"}` + "\n"
	w.file("a.ndjson", lines)
	w.file("b.ndjson", lines+own)
	r := w.ok(w.dir + "/*.ndjson")
	assert.EqualValues(t, 3, r.report.Rows)
	ids := w.eventIDs()
	slices.Sort(ids)
	require.Len(t, slices.Compact(ids), 3)
	assert.Contains(t, ids, "own")
}

// A person's traits are those of the last row, whatever their order in the file.
func TestLatestTraitsStay(t *testing.T) {
	w := newWorld(t)
	var lines []string
	for n := range 50 {
		lines = append(lines, fmt.Sprintf(`{"distinct_id":"%s-u1","timestamp":"2024-03-01T08:00:%02dZ","traits":{"n":%d}}`, canary, n, n))
	}
	slices.Reverse(lines)
	w.ok("-as", "identify", w.file("users.ndjson", strings.Join(lines, "\n")))
	w.require(t, numbered("identify", 50), 0)
	people := w.srv.Identities()
	require.Len(t, people, 1)
	assert.EqualValues(t, 49, people[0].Traits["n"])
}
