package survey

import (
	"cmp"
	"slices"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
)

// A choice is of the rows that are shown: the first one of each endpoint, and of each
// event, and the first of the others where these are too few. First are identifies,
// aliases, tracks, each by time, and at the same time by the row's number: the
// stage's order is another one there.
type choice struct {
	first  []record.Row // in order, each of another kind
	others []record.Row // in order
}

// add looks at one more row.
func (c *choice) add(row *record.Row) {
	if len(c.first) == shownRows && compareRows(row, &c.first[shownRows-1]) >= 0 {
		return
	}
	i := slices.IndexFunc(c.first, func(r record.Row) bool { return sameKind(&r, row) })
	switch {
	case i < 0:
		c.first = insertRow(c.first, row)
	case compareRows(row, &c.first[i]) >= 0:
		c.others = insertRow(c.others, row)
	default:
		c.others = insertRow(c.others, &c.first[i])
		c.first = insertRow(slices.Delete(c.first, i, i+1), row)
	}
}

// rows are five of all, or all.
func (c *choice) rows() []shown {
	var rows []shown
	for _, row := range slices.Concat(c.first, c.others) {
		if len(rows) < shownRows {
			rows = append(rows, newShown(&row))
		}
	}
	return rows
}

func sameKind(a, b *record.Row) bool {
	return a.Endpoint == b.Endpoint && (a.Endpoint != record.Track || a.Event == b.Event)
}

// insertRow keeps rows in order, and no more of them than are shown.
func insertRow(rows []record.Row, row *record.Row) []record.Row {
	i, _ := slices.BinarySearchFunc(rows, row, func(r record.Row, row *record.Row) int { return compareRows(&r, row) })
	if i == shownRows {
		return rows
	}
	rows = slices.Insert(rows, i, *row)
	return rows[:min(len(rows), shownRows)]
}

func compareRows(a, b *record.Row) int {
	return cmp.Or(
		cmp.Compare(rankOf(a.Endpoint), rankOf(b.Endpoint)),
		compareTimes(a.At, b.At),
		cmp.Compare(a.File, b.File),
		cmp.Compare(a.Number, b.Number),
	)
}

// compareTimes has rows without a time last.
func compareTimes(a, b int64) int {
	if (a == record.NoTime) != (b == record.NoTime) {
		return -cmp.Compare(a, b)
	}
	return cmp.Compare(a, b)
}

func rankOf(endpoint string) int {
	return slices.Index([]string{record.Identify, record.Alias, record.Track}, endpoint)
}
