package survey

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
	"github.com/altertable-ai/altertable-go/importer/internal/show"
)

const (
	leastWidth  = 40
	mostWidth   = 100
	mostPeriods = 31
	mostEvents  = 3 // of a period, that are named
)

// A page is text of a width. It keeps the first error of writing.
type page struct {
	out   io.Writer
	width int
	err   error
}

func (p *page) line(text string) {
	if p.err == nil {
		_, p.err = fmt.Fprintln(p.out, strings.TrimRight(text, " "))
	}
}

func (p *page) heading(text string) {
	p.line("")
	if show.Width(text) <= p.width {
		p.line(text)
		return
	}
	p.paragraph("", "", text)
}

// paragraph writes text after a first and between further indents.
func (p *page) paragraph(first, indent, text string) {
	for _, line := range show.Wrap(text, p.width-max(len(indent), show.Width(first))) {
		p.line(first + line)
		first = indent
	}
}

// fact writes what something is, beside its name.
func (p *page) fact(name, text string) {
	p.paragraph("  "+show.Pad(name, 14), strings.Repeat(" ", 16), text)
}

// Print writes the survey for people, as wide as width. Values of rows are shown
// with showValues alone.
func (v *Survey) Print(out io.Writer, width int, showValues bool) error {
	p := &page{out: out, width: min(max(width, leastWidth), mostWidth)}
	v.printSummary(p)
	v.printEvents(p)
	v.printPeriods(p)
	v.printRefused(p, showValues)
	v.printHints(p, showValues)
	v.printRows(p, showValues)
	return p.err
}

func (v *Survey) printSummary(p *page) {
	p.fact("rows", show.Count(v.stage.SourceRows))
	if v.stage.LeftOut > 0 {
		p.fact("left out", show.Count(v.stage.LeftOut)+" by -only, -since or -until")
	}
	p.fact("to send", v.toSend())
	if v.Refused > 0 {
		p.fact("refused", fmt.Sprintf("%s, %s, for %s", show.Count(v.Refused), show.Share(v.Refused, v.Messages), show.Counted(int64(len(v.reasons)), "reason")))
	}
	if v.first != record.NoTime {
		p.fact("from", show.Time(v.first)+" UTC")
		p.fact("to", show.Time(v.last)+" UTC")
	}
	if v.stage.Guessed {
		p.fact("read as", fmt.Sprintf("%s, by the column %s (see -as)", v.stage.As, show.Text(v.stage.Because, 60)))
	}
	if len(v.sent) == 0 {
		return
	}
	n, exact := v.people.ids.count()
	people := show.Count(n)
	if !exact {
		people = "about " + people
	}
	p.fact("people", people)
	if n := int64(len(v.calendar.names)); n > 0 {
		names := show.Counted(n, "name")
		if v.calendar.rest != nil {
			names = "more than " + names
		}
		p.fact("events", names)
	}
	var names []string
	for _, name := range v.Environments() {
		names = append(names, show.Text(name, 40))
	}
	if len(names) > 5 {
		names = append(names[:5], show.Counted(int64(len(names)-5), "other"))
	}
	p.fact("environment", strings.Join(names, ", ")+"; the project has to have "+verb(int64(len(v.environments)), "it", "them"))
	p.fact("requests", "about "+show.Count(v.requests()))
}

// toSend is how many messages of each endpoint would be sent.
func (v *Survey) toSend() string {
	var parts []string
	for _, endpoint := range []string{record.Identify, record.Alias, record.Track} {
		if n := v.sent[endpoint]; n > 0 {
			parts = append(parts, show.Counted(n, endpoint))
		}
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}

func (v *Survey) printEvents(p *page) {
	events := v.calendar.events()
	if len(events) == 0 {
		return
	}
	days := p.width >= 70
	column := p.width - 2 - 12 - 9
	title := show.Pad("Events", column+2) + "       count    share"
	if days {
		column -= 24
		title = show.Pad("Events", column+2) + "       count    share  first day   last day"
	}
	p.heading(title)
	total := v.sent[record.Track]
	var rest, named int64
	for i, e := range events {
		if i >= topEvents {
			rest += e.count
			continue
		}
		named++
		line := eventLine(e.name, column, e.count, total)
		if days {
			line += "  " + day.name(e.first) + "  " + day.name(e.last)
		}
		p.line(line)
	}
	others := show.Counted(int64(len(events))-named, "other")
	if v.calendar.rest != nil {
		rest += v.calendar.rest.count
		others = "more than " + others
	}
	if rest > 0 {
		p.line(eventLine(others, column, rest, total))
	}
}

// eventLine has less room for the name where the count is a long one.
func eventLine(name string, column int, count, total int64) string {
	numbers := fmt.Sprintf("%12s%9s", show.Count(count), show.Share(count, total))
	column -= len(numbers) - 12 - 9
	return "  " + show.Pad(show.Text(name, column-1), column) + numbers
}

// printPeriods writes a line for each day, or where these are too many for each
// month or year.
func (v *Survey) printPeriods(p *page) {
	if len(v.calendar.periods) == 0 {
		return
	}
	unit := v.calendar.finest(mostPeriods)
	title := [...]string{"Days", "Months", "Years", "All time"}[unit]
	p.heading(show.Pad(title, 12) + "       count  events")
	for _, period := range v.calendar.table(unit) {
		line := fmt.Sprintf("  %-10s%12s  ", period.name, show.Count(period.count))
		p.line(line + period.named(p.width-len(line)))
	}
}

// named are the most frequent events of a period and their counts, as many as
// there is room for, and how many others there are.
func (r *period) named(columns int) string {
	text := ""
	left := r.count
	for i, e := range r.events {
		if i == mostEvents {
			break
		}
		part := show.Text(e.name, 30) + " " + show.Count(e.count)
		if text != "" {
			part = text + ", " + part
		}
		others := ""
		if left > e.count {
			others = ", others " + show.Count(left-e.count)
		}
		if show.Width(part+others) > columns {
			break
		}
		text, left = part, left-e.count
	}
	switch {
	case left == 0 || text == "" && len(r.events) != 1:
		return text
	case text == "":
		return show.Text(r.events[0].name, columns)
	}
	return text + ", others " + show.Count(left)
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
