package survey

import (
	"fmt"
	"io"
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
