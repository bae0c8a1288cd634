package survey

import (
	"fmt"

	"github.com/altertable-ai/altertable-go/importer/internal/show"
)

// A place says where a row is in the source.
type place struct {
	file   string
	number int64
}

func (p place) before(q place) bool {
	return p.file < q.file || p.file == q.file && p.number < q.number
}

func (p place) shown() string { return p.shownIn(60) }

// shownIn has so many columns for the name of a file.
func (p place) shownIn(columns int) string {
	if p.file == "" {
		return fmt.Sprintf("row %d", p.number)
	}
	return fmt.Sprintf("row %d of %s", p.number, show.Text(p.file, columns))
}
