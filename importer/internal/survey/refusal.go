package survey

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
	"github.com/altertable-ai/altertable-go/importer/internal/show"
)

// A refusal is what is refused for one reason.
type refusal struct {
	reason string
	count  int64
	rows   []example // the first ones by number
}

func (v *Survey) refuse(row *record.Row) {
	v.Refused++
	r := v.byReason[row.Reason]
	if r == nil {
		reason := row.Reason
		if len(v.reasons) >= mostReasons {
			reason = "other reasons"
			r = v.byReason[reason]
		}
		if r == nil {
			r = &refusal{reason: reason}
			v.byReason[reason] = r
			v.reasons = append(v.reasons, r)
		}
	}
	r.count++
	r.add(row)
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

func (v *Survey) printRefused(p *page, showValues bool) {
	if len(v.reasons) == 0 {
		return
	}
	p.heading("Refused")
	slices.SortStableFunc(v.reasons, func(a, b *refusal) int { return int(min(max(b.count-a.count, -1), 1)) })
	for _, r := range v.reasons {
		count := fmt.Sprintf("%10s  ", show.Count(r.count))
		p.paragraph(count, strings.Repeat(" ", 12), show.Text(r.reason, 400))
		if showValues {
			r.printExamples(p, string(v.usual))
			continue
		}
		p.paragraph(strings.Repeat(" ", 12), strings.Repeat(" ", 12), r.examples())
	}
}

// examples names the first rows.
func (r *refusal) examples() string {
	var files []string
	numbers := map[string][]string{}
	for _, at := range r.rows {
		if numbers[at.file] == nil {
			files = append(files, at.file)
		}
		numbers[at.file] = append(numbers[at.file], strconv.FormatInt(at.number, 10))
	}
	var parts []string
	for _, file := range files {
		part := "rows "
		if len(numbers[file]) == 1 {
			part = "row "
		}
		part += strings.Join(numbers[file], ", ")
		if file != "" {
			part += " of " + show.Text(file, 60)
		}
		parts = append(parts, part)
	}
	text := strings.Join(parts, "; ")
	if more := r.count - int64(len(r.rows)); more > 0 {
		text += " and " + show.Count(more) + " more"
	}
	return text
}
