package state

import (
	"cmp"
	"slices"
)

// merge returns the positions of both lists, sorted, with gaps between the ranges.
// The first one is like that already.
func merge(sorted, more []Range) []Range {
	if len(more) == 0 {
		return sorted
	}
	all := make([]Range, 0, len(sorted)+len(more))
	all = append(append(all, sorted...), more...)
	slices.SortFunc(all, func(a, b Range) int { return cmp.Compare(a.First, b.First) })
	merged := all[:1]
	for _, r := range all[1:] {
		if last := &merged[len(merged)-1]; r.First <= last.Last+1 {
			last.Last = max(last.Last, r.Last)
		} else {
			merged = append(merged, r)
		}
	}
	return merged
}

// count returns how many positions there are.
func count(ranges []Range) (n int64) {
	for _, r := range ranges {
		n += r.Last - r.First + 1
	}
	return n
}

// missing returns how many positions below limit are in none of the ranges.
func missing(ranges []Range, limit int64) int64 {
	n := limit
	for _, r := range ranges {
		if r.First < limit {
			n -= min(r.Last+1, limit) - r.First
		}
	}
	return n
}

// upTo returns the first position behind all ranges.
func upTo(ranges []Range) int64 {
	if len(ranges) == 0 {
		return 0
	}
	return ranges[len(ranges)-1].Last + 1
}
