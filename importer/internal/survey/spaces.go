package survey

import (
	"strings"
	"unicode"

	"github.com/altertable-ai/altertable-go/importer/internal/show"
)

// spaces are ids that begin or end with a space: another system's id without it is
// somebody else.
type spaces struct {
	ids   distinct
	first place
}

func (s *spaces) add(id string, hash uint64, at place) {
	if strings.TrimFunc(id, unicode.IsSpace) == id {
		return
	}
	if len(s.ids.hashes) == 0 || at.before(s.first) {
		s.first = at
	}
	s.ids.add(hash)
}

// hints says how many there are, and how to take the spaces off.
func (s *spaces) hints() []string {
	n, exact := s.ids.count()
	if n == 0 {
		return nil
	}
	number := verb(n, "1 id begins or ends", show.Count(n)+" ids begin or end")
	if !exact {
		number = "about " + number
	}
	return []string{number + " with a space, first in " + s.first.shown() + ". It stays a part of the id, so this is not the person that your own system knows. Take it off with -sql: trim(distinct_id) AS distinct_id."}
}
