package survey

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
	"github.com/altertable-ai/altertable-go/importer/internal/show"
)

const (
	mostMembers = 40 // of a row that is shown
	mostShown   = 60 // columns of a value that is shown
)

// A shown is a row as it would be sent.
type shown struct {
	at              place
	endpoint, event string
	members         []member
	inner           string   // the member whose members are the next ones: properties or traits
	innerMembers    []member // of it
	left            int      // members of which there is no room
}

func newShown(row *record.Row) shown {
	s := shown{at: place{row.File, row.Number}, endpoint: row.Endpoint, event: row.Event}
	s.members = s.read(row.Message, true)
	return s
}

func (s *shown) read(object []byte, outer bool) []member {
	var members []member
	eachMember(object, func(name string, value jsontext.Value, whole bool) bool {
		switch {
		case !whole:
		case outer && value.Kind() == '{' && (name == "properties" || name == "traits"):
			s.inner = name
			s.innerMembers = s.read(value, false)
		case len(members) >= mostMembers:
			s.left++
		default:
			members = append(members, member{name, kind(value), string(value[:min(len(value), 4*mostShown)])})
		}
		return whole
	})
	return members
}

// printRows writes rows as they would be sent.
func (v *Survey) printRows(p *page, showValues bool) {
	rows := v.choice.rows()
	if len(rows) == 0 {
		return
	}
	title := show.Counted(int64(len(rows)), "row") + " as they would be sent"
	if len(rows) == 1 {
		title = "1 row as it would be sent"
	}
	if !showValues {
		title += " (-show-values shows values)"
	}
	p.heading(title)
	for _, row := range rows {
		name := row.at.shown() + ", " + row.endpoint
		if row.event != "" {
			name += " " + show.Text(row.event, 40)
		}
		p.paragraph("  ", "    ", name)
		if showValues {
			row.printValues(p)
			continue
		}
		p.paragraph("    ", "    ", namesAndTypes(row.members))
		if row.inner != "" {
			text := row.inner + ": " + namesAndTypes(row.innerMembers)
			if row.left > 0 {
				text += ", and " + show.Count(int64(row.left)) + " more"
			}
			p.paragraph("    ", "      ", text)
		}
	}
}

func namesAndTypes(members []member) string {
	parts := make([]string, len(members))
	for i, m := range members {
		parts[i] = strings.ReplaceAll(show.Text(m.name, 40), " ", show.Glue) + show.Glue + m.kind
	}
	return strings.Join(parts, ", ")
}

func (s *shown) printValues(p *page) {
	for _, m := range s.members {
		p.line(show.Text("    "+m.name+": "+m.value, p.width))
	}
	if s.inner == "" {
		return
	}
	p.line("    " + s.inner + ":")
	for _, m := range s.innerMembers {
		p.line(show.Text("      "+m.name+": "+m.value, p.width))
	}
	if s.left > 0 {
		p.line("      and " + show.Count(int64(s.left)) + " more")
	}
}
