package server

import "github.com/altertable-ai/altertable-go/local/internal/hints"

// A tally is what a viewer knows of each kept item of a series, so that a count
// of those that match costs no look at all of them.
type tally struct {
	first   int64 // number of the oldest item
	marks   []mark
	matched int
	hints   [8]int // for each of the codes
}

type mark struct {
	matched bool
	hints   hints.Set
}

// begin forgets the items that are older than the first that is kept.
func (t *tally) begin(first int64) {
	for t.first < first && len(t.marks) > 0 {
		t.count(t.marks[0], -1)
		t.marks = t.marks[1:]
		t.first++
	}
	t.first = max(t.first, first)
}

// set notes an item, and reports whether it matched before.
func (t *tally) set(number int64, m mark) (before bool) {
	i := number - t.first
	if i < 0 {
		return false
	}
	for int64(len(t.marks)) <= i {
		t.marks = append(t.marks, mark{})
	}
	old := t.marks[i]
	t.count(old, -1)
	t.count(m, 1)
	t.marks[i] = m
	return old.matched
}

func (t *tally) count(m mark, by int) {
	if !m.matched {
		return
	}
	t.matched += by
	for i := range t.hints {
		if m.hints.Has(i) {
			t.hints[i] += by
		}
	}
}
