package state

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRanges(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1))
		var ranges []Range
		done := make([]bool, 60)
		for range random.IntN(12) {
			var more []Range
			for range random.IntN(4) {
				first := random.Int64N(60)
				r := Range{first, first + random.Int64N(60-first)/4}
				for p := r.First; p <= r.Last; p++ {
					done[p] = true
				}
				more = append(more, r)
			}
			ranges = merge(ranges, more)
		}
		s := &State{done: ranges}
		limit, want, sum, next := random.Int64N(61), int64(0), int64(0), int64(0)
		for p, is := range done {
			require.Equal(t, is, isDone(s, int64(p)))
			if is {
				sum++
			} else if int64(p) < limit {
				want++
			}
		}
		for next < 60 && done[next] {
			next++
		}
		require.Equal(t, next, s.Next())
		require.Equal(t, want, missing(ranges, limit))
		require.Equal(t, sum, count(ranges))
		for i := 1; i < len(ranges); i++ {
			require.Greater(t, ranges[i].First, ranges[i-1].Last+1)
		}
	}
}
