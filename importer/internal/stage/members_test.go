package stage

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
	"github.com/altertable-ai/altertable-go/importer/internal/record"
)

// lines is a source of JSON lines.
func lines(lines ...string) string {
	query := "SELECT * FROM (VALUES "
	for i, line := range lines {
		if i > 0 {
			query += ", "
		}
		query += "(" + string(rune('1'+i)) + "::BIGINT, " + duck.Quote(line) + ")"
	}
	return query + ") AS v(_row, _json)"
}

func TestObjectsAreSortedByTheirMembers(t *testing.T) {
	s := build(t, lines(
		`{"event":"signed_up","distinct_id":"u1","timestamp":"2026-01-03T00:00:00Z"}`,
		`{"event":"signed_up","distinct_id":42,"timestamp":1767225600}`,
		`{"endpoint":"identify","distinct_id":"u1","timestamp":"2026-01-05","traits":{"plan":"pro"}}`,
		`{"event":"signed_up","anonymous_id":"a1","timestamp":1767312000123}`,
		`{"event":"signed_up","distinct_id":"u1","timestamp":"2026-01-01T00:00:00Z"`,
		`[1,2]`,
		`"text"`,
		`{"event":"signed_up","distinct_id":"u1","timestamp":"soon"}`,
	), Options{As: record.Track})
	rows := read(t, s, 0)
	require.Equal(t, []int64{3, 2, 4, 1}, order(rows)[:4])
	assert.ElementsMatch(t, []int64{5, 6, 7, 8}, order(rows)[4:])
	for i, row := range rows {
		assert.Equal(t, i >= 4, row.Reason != "", "%d %s", row.Number, row.Reason)
	}
	assert.Equal(t, "a1", rows[2].Person)
	assert.Equal(t, int64(1767312000123000), rows[2].At)
}

func TestColumnsComeBeforeMembers(t *testing.T) {
	s := build(t, lines(`{"distinct_id":"u1","timestamp":"2026-01-03"}`, `{"distinct_id":"u2","timestamp":"2026-01-02","event":"own"}`), Options{
		Mapping: "SELECT *, CASE WHEN _row = 1 THEN 'page_viewed' END AS event, 'eu' AS environment FROM source", As: record.Track})
	rows := read(t, s, 0)
	assert.Equal(t, "own", rows[0].Event)
	assert.Equal(t, "page_viewed", rows[1].Event)
	assert.Contains(t, string(rows[1].Message), `"environment":"eu"`)
}

func TestTextsThatDuckDBCannotTake(t *testing.T) {
	s := build(t, lines(
		`{"event":"nul\u0000","distinct_id":"u1","timestamp":"2026-01-03T00:00:00Z"}`,
		`{"event":"lone\ud800","distinct_id":"u1","timestamp":"2026-01-03T00:00:00Z"}`,
		`{"event":"fine","distinct_id":"u1","timestamp":"2026-01-01T00:00:00Z"}`,
	), Options{})
	rows := read(t, s, 0)
	assert.Equal(t, int64(3), rows[0].Number)
	assert.Len(t, rows, 3)
}
