package stage

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
)

type identify struct {
	row, at      int64
	zone, person string
}

// movedOnes is how identifies are moved, told in Go.
func movedOnes(all []identify) (at map[int64]int64, moved int64) {
	at = map[int64]int64{}
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b identify) int { return int(a.at - b.at) })
	last := map[string]int64{}
	for _, i := range all {
		who := i.zone + "/" + i.person
		at[i.row] = i.at
		if before, ok := last[who]; ok && before >= i.at {
			at[i.row] = before + 1
			moved++
		}
		last[who] = at[i.row]
	}
	return at, moved
}

func TestIdentifiesOfAPersonAtOneInstantAreMoved(t *testing.T) {
	db := open(t)
	for seed := range uint64(8) {
		random := rand.New(rand.NewPCG(seed, 1))
		var all []identify
		var rows []string
		for i := range int64(200) {
			one := identify{row: i + 1, at: random.Int64N(40), person: fmt.Sprint(random.IntN(6)), zone: []string{"", "production", "staging"}[random.IntN(3)]}
			rows = append(rows, fmt.Sprintf("(make_timestamp(%d), '%s', '%s')", one.at, one.person, one.zone))
			if one.zone == "" {
				one.zone = "production"
			}
			all = append(all, one)
		}
		s := buildNext(t, db, values("timestamp, distinct_id, environment", strings.Join(rows, ", ")), Options{Environment: "production"})
		want, moved := movedOnes(all)
		require.Equal(t, moved, s.Moved)
		last := map[string]int64{}
		for _, row := range read(t, s, 0) {
			require.Equal(t, want[row.Number], row.At)
			who := all[row.Number-1].zone + "/" + row.Person
			if before, ok := last[who]; ok {
				require.Greater(t, row.At, before)
			}
			last[who] = row.At
		}
	}
}

func TestOnlyIdentifiesWithATimestampAreMoved(t *testing.T) {
	const rows = `('u1', '2026-01-01'), ('u1', '2026-01-01'), ('u2', '2026-01-01'), ('u3', NULL), ('u3', NULL), (NULL, '2026-01-01'), (NULL, '2026-01-01')`
	s := build(t, values("distinct_id, timestamp", rows), Options{})
	assert.Equal(t, int64(1), s.Moved)
	s = build(t, values("distinct_id, timestamp", rows), Options{TraitsNow: true})
	assert.Zero(t, s.Moved)
	s = build(t, values("distinct_id, timestamp, event", "('u1', '2026-01-01', 'signed_up'), ('u1', '2026-01-01', 'signed_up')"), Options{})
	assert.Zero(t, s.Moved)
}

func TestMovesOfJSON(t *testing.T) {
	s := build(t, `SELECT '{"distinct_id":"u1","timestamp":"2026-01-01T00:00:00Z"}' AS _json FROM range(3)`, Options{})
	assert.Equal(t, record.Identify, s.As)
	rows := read(t, s, 0)
	assert.Equal(t, int64(2), s.Moved)
	assert.Equal(t, rows[0].At+1, rows[1].At)
	assert.Equal(t, rows[0].At+2, rows[2].At)
	assert.Contains(t, string(rows[2].Message), "000002")
}
