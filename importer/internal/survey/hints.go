package survey

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/altertable-ai/altertable-go/importer/internal/message"
	"github.com/altertable-ai/altertable-go/importer/internal/record"
	"github.com/altertable-ai/altertable-go/importer/internal/show"
)

// OldIdentifies says what happens to identifies with timestamps.
const OldIdentifies = `have timestamps. The platform ignores an identify that is older than what it has of the person, and counts it as taken: whoever was identified since keeps the traits there are. -traits-now stamps identifies with the time of the import, and then the traits of the import win.`

// manyEvents is from how many names on something else than an event is probably
// a part of them.
const manyEvents = 500

// printHints writes what somebody should look at before sending.
func (v *Survey) printHints(p *page, showValues bool) {
	hints := slices.Clone(v.Advice)
	if v.dated > 0 {
		hints = append(hints, show.Counted(v.dated, "identify")+" "+strings.Replace(OldIdentifies, "have timestamps", verb(v.dated, "has a timestamp", "have timestamps"), 1))
	}
	if v.stage.Moved > 0 {
		hints = append(hints, show.Counted(v.stage.Moved, "identify")+" at the same instant as another of the same person "+verb(v.stage.Moved, "is", "are")+" moved by microseconds: the platform would ignore the second one.")
	}
	hints = append(hints, v.hintsOfIDs(showValues)...)
	hints = append(hints, v.hintsOfTime()...)
	if n := len(v.calendar.names); n >= manyEvents {
		hints = append(hints, fmt.Sprintf("%s different events: are ids or addresses a part of their names?", show.Count(int64(n))))
	}
	if len(hints) == 0 {
		return
	}
	p.heading("Look at this first")
	for _, hint := range hints {
		p.paragraph("  - ", "    ", hint)
	}
}

func (v *Survey) hintsOfIDs(showValues bool) []string {
	var hints []string
	if n, _ := v.people.emails.count(); n > 0 {
		hints = append(hints, fmt.Sprintf("%s like e-mail addresses, first in %s. An address changes, and then one person is two: use the id of your own system.",
			verb(n, "1 id looks", show.Count(n)+" ids look"), v.people.mail.shown()))
	}
	hints = append(hints, v.people.spaces.hints()...)
	hints = append(hints, v.hintsOfWords(showValues)...)
	constants := slices.DeleteFunc(v.people.constants(), func(o *frequentID) bool { return placeholder(o.id) != "" })
	slices.SortFunc(constants, func(a, b *frequentID) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.first.number, b.first.number))
	})
	for _, o := range constants[:min(len(constants), 3)] {
		name, least := "One id", ""
		if v.people.missed > 0 {
			least = "at least "
		}
		if showValues {
			name = fmt.Sprintf("The id %s", quoted(o.id))
		}
		hints = append(hints, fmt.Sprintf("%s is on %s%s of the rows, %s for example. If it stands for nobody, strangers become one person.", name, least, show.Share(o.count, v.people.rows), o.first.shown()))
	}
	return hints
}

// hintsOfWords names ids that are words for nobody. Without showValues they are as
// this package writes them.
func (v *Survey) hintsOfWords(showValues bool) []string {
	const most = 5
	words := v.people.placeholders()
	var hints []string
	for _, o := range words[:min(len(words), most)] {
		hint := fmt.Sprintf("%s rows, %s for example, have the id %s", show.Count(o.count), o.first.shown(), quoted(placeholder(o.id)))
		if showValues && o.id != placeholder(o.id) {
			hint += ", written " + quoted(o.id)
		}
		hints = append(hints, hint+". It stands for nobody, and strangers become one person: leave it out of these rows.")
	}
	if more := int64(len(words) - most); more > 0 {
		hints = append(hints, show.Count(more)+" more "+verb(more, "id is such a word.", "ids are such words."))
	}
	return hints
}

func (v *Survey) hintsOfTime() []string {
	if v.first == record.NoTime {
		return nil
	}
	var hints []string
	if first := time.UnixMicro(v.first).UTC(); first.Year() < 2000 {
		hints = append(hints, fmt.Sprintf("The first timestamp is of %d: is the column of timestamps the right one?", first.Year()))
	}
	if last := time.UnixMicro(v.last); last.After(time.Now().Add(24 * time.Hour)) {
		hints = append(hints, "The last timestamp is in the future. An identify of the future wins over all that come until then.")
	}
	return hints
}

func verb(n int64, one, more string) string {
	if n == 1 {
		return one
	}
	return more
}

func quoted(text string) string { return `"` + show.Text(text, mostShown) + `"` }

// HasTime reports whether rows of these columns can have timestamps of their own.
func HasTime(columns []message.Column) bool {
	for _, c := range columns {
		switch c.Role {
		case message.Timestamp, message.Message, message.JSON:
			return true
		}
	}
	return false
}
