package survey

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
)

// TestChoiceIsByRow gives rows in an order that is right by endpoint and time, and
// any at equal times, as the stage does.
func TestChoiceIsByRow(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		var rows []record.Row
		kinds, times := 1+random.IntN(9), 1+random.IntN(4)
		for n := range 1 + random.IntN(40) {
			row := track(int64(n+1), "u_1", fmt.Sprintf("event_%d", random.IntN(kinds)), fmt.Sprintf("2026-01-0%d 08:00:00", 1+random.IntN(times)))
			row.File = []string{"", "a.csv"}[random.IntN(2)]
			row.Endpoint = []string{record.Track, record.Track, record.Track, record.Identify, record.Alias}[random.IntN(5)]
			if random.IntN(8) == 0 {
				row.At = record.NoTime
			}
			rows = append(rows, row)
		}
		want := chosen(rows)
		random.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		var c choice
		for i := range rows {
			c.add(&rows[i])
		}
		var got []place
		for _, s := range c.rows() {
			got = append(got, s.at)
		}
		if !assert.Equal(t, want, got) {
			return
		}
	}
}

// chosen is the choice made of all rows at once.
func chosen(rows []record.Row) []place {
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(a, b record.Row) int { return compareRows(&a, &b) })
	kinds := map[string]bool{}
	var first, others []place
	for _, row := range rows {
		kind := row.Endpoint
		if kind == record.Track {
			kind += row.Event
		}
		at := place{row.File, row.Number}
		if kinds[kind] {
			others = append(others, at)
		} else {
			first = append(first, at)
		}
		kinds[kind] = true
	}
	all := append(first[:min(len(first), shownRows)], others...)
	return all[:min(len(all), shownRows)]
}

func TestRowsWithoutATimeAreLast(t *testing.T) {
	early, never := track(9, "u_1", "e", "1969-01-01 00:00:00"), track(1, "u_1", "e", "1970-01-01 00:00:00")
	never.At = record.NoTime
	assert.Negative(t, compareRows(&early, &never))
	assert.Positive(t, compareRows(&never, &early))
	never.Endpoint = record.Identify
	assert.Negative(t, compareRows(&never, &early), "identifies are sent first")
}
