package survey

import (
	"bytes"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
	"github.com/altertable-ai/altertable-go/importer/internal/show"
)

// mostExample is how many bytes of a refused row are kept. They fill a line.
const mostExample = 4 << 10

// An example is a row that is refused.
type example struct {
	place
	message []byte // the beginning of it
}

// add keeps the first rows of the source: the stage's order is another one.
func (r *refusal) add(row *record.Row) {
	at := place{row.File, row.Number}
	if len(r.rows) == exampleRows && !at.before(r.rows[exampleRows-1].place) {
		return
	}
	i := len(r.rows)
	for i > 0 && at.before(r.rows[i-1].place) {
		i--
	}
	r.rows = slices.Insert(r.rows, i, example{at, bytes.Clone(row.Message[:min(len(row.Message), mostExample)])})
	r.rows = r.rows[:min(len(r.rows), exampleRows)]
}

// text is the row as it was read: the text of one that is no message, and else its
// values by their names, without what the importer adds. usual is the environment of
// rows that name none.
func (e *example) text(usual string) string {
	message := bytes.TrimSpace(e.message)
	if len(message) == 0 || message[0] != '{' {
		if text, _ := jsontext.AppendUnquote(nil, message); len(text) > 0 {
			return string(text)
		}
		return string(message)
	}
	var parts []string
	for _, m := range values(message, true) {
		if m.name == "environment" && m.value == `"`+usual+`"` {
			continue
		}
		parts = append(parts, m.name+": "+m.value)
	}
	return strings.Join(parts, ", ")
}

// values are the members of an object, and in their place those of its properties or
// traits. The object may be cut off: then the last one has what is left.
func values(object []byte, outer bool) []member {
	d := decoder(object)
	var all []member
	if token, err := d.ReadToken(); err != nil || token.Kind() != '{' {
		return nil
	}
	for d.PeekKind() == '"' {
		token, err := d.ReadToken()
		if err != nil {
			break
		}
		name, start := strings.Clone(token.String()), d.InputOffset()
		value, err := d.ReadValue()
		left := err != nil
		if left {
			value = bytes.TrimLeft(object[start:], ": \t\r\n")
		}
		switch {
		case outer && len(value) > 0 && value[0] == '{' && (name == "properties" || name == "traits"):
			all = append(all, values(bytes.Clone(value), false)...)
		default:
			all = append(all, member{name: name, value: string(value)})
		}
		if left {
			break
		}
	}
	if !outer {
		all = withoutAdded(all)
	}
	return all
}

// withoutAdded takes out what the importer adds to properties, which have its name.
func withoutAdded(members []member) []member {
	if !slices.ContainsFunc(members, func(m member) bool { return m.name == "$lib" && m.value == `"altertable-import"` }) {
		return members
	}
	return slices.DeleteFunc(members, func(m member) bool {
		return m.name == "$lib" || m.name == "$lib_version" || m.name == "$event_id" || m.name == "$ip" && m.value == "0"
	})
}

// printExamples writes a line for each of the first rows, with its values.
func (r *refusal) printExamples(p *page, usual string) {
	const indent = "            "
	for i := range r.rows {
		e := &r.rows[i]
		p.line(show.Text(indent+e.shownIn(p.width/3)+": "+e.text(usual), p.width))
	}
	if more := r.count - int64(len(r.rows)); more > 0 {
		p.line(indent + "and " + show.Count(more) + " more")
	}
}
