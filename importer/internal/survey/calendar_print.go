package survey

import (
	"fmt"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
	"github.com/altertable-ai/altertable-go/importer/internal/show"
)

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
