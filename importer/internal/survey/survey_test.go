package survey

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
	"github.com/altertable-ai/altertable-go/importer/internal/show"
	"github.com/altertable-ai/altertable-go/importer/internal/stage"
)

func at(text string) int64 {
	t, err := time.Parse(time.DateTime, text)
	if err != nil {
		panic(err)
	}
	return t.UnixMicro()
}

// track is a row that can be sent.
func track(number int64, person, event, when string) record.Row {
	return record.Row{
		Number: number, Endpoint: record.Track, Event: event, Person: person, At: at(when),
		Message: fmt.Appendf(nil, `{"environment":"production","event":%q,"distinct_id":%q,"properties":{"amount":19.5,"secret":"hunter2"}}`, event, person),
	}
}

func refused(number int64, reason string) record.Row {
	return record.Row{Number: number, Endpoint: record.Track, At: record.NoTime, Reason: reason, Message: []byte(`"torn hunter2"`)}
}

func surveyOf(rows ...record.Row) *Survey {
	v := newSurvey(&stage.Stage{SourceRows: int64(len(rows)), Messages: int64(len(rows))})
	for i := range rows {
		v.add(&rows[i])
	}
	return v
}

func printed(t *testing.T, v *Survey, width int, showValues bool) string {
	t.Helper()
	var out strings.Builder
	require.NoError(t, v.Print(&out, width, showValues))
	for line := range strings.Lines(out.String()) {
		line = strings.TrimSuffix(line, "\n")
		assert.LessOrEqual(t, show.Width(line), max(width, leastWidth), line)
		assert.Equal(t, strings.TrimRight(line, " "), line)
		for _, r := range line {
			assert.True(t, unicode.IsPrint(r), "%q", line)
		}
	}
	return out.String()
}

func TestSurvey(t *testing.T) {
	identify := record.Row{
		Number: 9, Endpoint: record.Identify, Person: "u_1", At: at("2026-01-01 08:00:00"),
		Message: []byte(`{"distinct_id":"u_1","environment":"staging","traits":{"plan":"pro","tags":["a"],"since":null}}`),
	}
	v := surveyOf(identify,
		track(1, "u_1", "page_viewed", "2026-01-02 08:00:00"),
		track(2, "u_1", "page_viewed", "2026-01-02 09:00:00"),
		track(3, "u_2", "signed_up", "2026-01-04 10:00:00"),
		refused(5, "no timestamp"), refused(4, "no timestamp"), refused(6, "distinct_id is empty"),
	)
	assert.Equal(t, map[string]int64{"no timestamp": 2, "distinct_id is empty": 1}, v.Rejected())
	want := `  rows          7
  to send       1 identify, 3 tracks
  refused       3, 42.9 %, for 2 reasons
  from          2026-01-01 08:00:00 UTC
  to            2026-01-04 10:00:00 UTC
  people        2
  events        2 names
  environment   production, staging; the project has to have them
  requests      about 2

Events                                    count    share  first day   last day
  page_viewed                                 2   66.7 %  2026-01-02  2026-01-02
  signed_up                                   1   33.3 %  2026-01-04  2026-01-04

Days               count  events
  2026-01-02           2  page_viewed 2
  2026-01-04           1  signed_up 1

Refused
         2  no timestamp
            rows 4, 5
         1  distinct_id is empty
            row 6

Look at this first
  - 1 identify has a timestamp. The platform ignores an identify that is older
    than what it has of the person, and counts it as taken: whoever was
    identified since keeps the traits there are. -traits-now stamps identifies
    with the time of the import, and then the traits of the import win.

4 rows as they would be sent (-show-values shows values)
  row 9, identify
    distinct_id string, environment string
    traits: plan string, tags array, since null
  row 1, track page_viewed
    environment string, event string, distinct_id string
    properties: amount number, secret string
  row 3, track signed_up
    environment string, event string, distinct_id string
    properties: amount number, secret string
  row 2, track page_viewed
    environment string, event string, distinct_id string
    properties: amount number, secret string
`
	assert.Equal(t, want, printed(t, v, 80, false))
	narrow := printed(t, v, 60, false)
	assert.NotContains(t, narrow, "first day")
	assert.NotContains(t, narrow, "hunter2")
	for line := range strings.Lines(printed(t, v, 40, false)) {
		assert.LessOrEqual(t, show.Width(strings.TrimSuffix(line, "\n")), 40, line)
	}
	shown := printed(t, v, 80, true)
	assert.Contains(t, shown, `secret: "hunter2"`)
	assert.Contains(t, shown, `amount: 19.5`)
}

// TestNothingHostileReachesTheTerminal looks at what printed checks of each line.
func TestNothingHostileReachesTheTerminal(t *testing.T) {
	hostile := []string{
		"\x1b[2J\x1b]0;title\x07", strings.Repeat("long_", 10_000), "\u202eevent\u2066", "line\nbreak\r", "\xff\xfe", "日本語のイベント名がとても長い場合にはどうなるか",
		"a" + strings.Repeat("\u0301", 10_000), "", " ", "\u0000", "\u009b31m",
	}
	var rows []record.Row
	for i, text := range hostile {
		row := track(int64(i+1), text, text, "2026-01-02 08:00:00")
		row.File = text
		row.Message = fmt.Appendf(nil, `{"environment":"\u001b[31m","%s":1,"properties":{"\u001b[31m\nx":"\u001b[31m","nested":{"a":[1]}}}`, strings.Repeat("n", i*100))
		rows = append(rows, row)
		bad := refused(int64(i+1), "reason "+text)
		bad.File = text
		rows = append(rows, bad)
	}
	rows = append(rows, record.Row{Endpoint: record.Track, Message: []byte(`{"torn`)}, record.Row{Endpoint: "other", Message: nil}, record.Row{Endpoint: record.Identify, Message: []byte(`[1]`), At: math.MaxInt64})
	v := surveyOf(rows...)
	for _, width := range []int{-1, 0, 40, 41, 50, 60, 80, 200} {
		for _, values := range []bool{false, true} {
			printed(t, v, width, values)
		}
	}
}

func TestExamplesAreTheFirstTenRows(t *testing.T) {
	v := newSurvey(&stage.Stage{})
	for n := int64(50); n > 0; n-- {
		row := refused(n, "no timestamp")
		v.add(&row)
	}
	assert.Contains(t, printed(t, v, 80, false), "rows 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 40 more\n")
	row := refused(3, "no event")
	row.File = "b.csv"
	v.add(&row)
	row.File, row.Number = "a.csv", 1700
	v.add(&row)
	assert.Contains(t, printed(t, v, 80, false), "row 1700 of a.csv; row 3 of b.csv\n")
}

func TestReasonsAreBounded(t *testing.T) {
	v := newSurvey(&stage.Stage{})
	for n := range int64(1000) {
		row := refused(n+1, fmt.Sprintf("reason %d", n))
		v.add(&row)
	}
	assert.Len(t, v.Rejected(), mostReasons+1)
	assert.EqualValues(t, 900, v.Rejected()["other reasons"])
}

func TestIDsThatAreNone(t *testing.T) {
	v := newSurvey(&stage.Stage{})
	for n := range int64(1000) {
		person := fmt.Sprintf("u_%d", n%400)
		switch {
		case n%4 == 0:
			person = "acct-77"
		case n%50 == 3:
			person = fmt.Sprintf("ada%d@example.com", n)
		}
		row := track(n+1, person, "page_viewed", "2026-01-02 08:00:00")
		v.add(&row)
	}
	text := strings.Join(strings.Fields(printed(t, v, 80, false)), " ")
	assert.Contains(t, text, "20 ids look like e-mail addresses, first in row 4.")
	assert.Contains(t, text, "One id is on at least 23.9 % of the rows, row 1 for example.")
	assert.NotContains(t, text, "acct-77")
	assert.NotContains(t, text, "@")
	assert.Contains(t, printed(t, v, 80, true), `The id "acct-77"`)
}

func TestNoIDIsSuspiciousForBeingBusy(t *testing.T) {
	v := newSurvey(&stage.Stage{})
	for n := range int64(1000) {
		row := track(n+1, fmt.Sprintf("u_%d", n%3), "page_viewed", "2026-01-02 08:00:00")
		v.add(&row)
	}
	assert.NotContains(t, printed(t, v, 80, false), "One id")
	one := newSurvey(&stage.Stage{})
	for n := range int64(20) {
		row := track(n+1, "me", "page_viewed", "2026-01-02 08:00:00")
		one.add(&row)
	}
	assert.Contains(t, printed(t, one, 80, false), "One id is on 100 % of the rows")
}

func TestLooksLikeMail(t *testing.T) {
	for id, want := range map[string]bool{
		"ada@example.com": true, "a+b@c.d.org": true, "@example.com": false, "ada@": false, "ada@localhost": false, "a b@c.de": false, "u_1": false, "a@b@c.de": false, "a@b.": false, "a@.b": false,
	} {
		assert.Equal(t, want, looksLikeMail(id), id)
	}
}

func TestDistinctEstimates(t *testing.T) {
	p := newPeople()
	for n := range 200_000 {
		p.add(fmt.Sprintf("person_%d", n%150_000), place{})
	}
	n, exact := p.ids.count()
	assert.False(t, exact)
	assert.InEpsilon(t, 150_000, n, 0.03)
	assert.LessOrEqual(t, len(p.ids.hashes), mostHashes)
	assert.LessOrEqual(t, len(p.often), mostIDs)
}

func TestTimeHints(t *testing.T) {
	old := surveyOf(track(1, "u_1", "page_viewed", "1970-01-20 10:00:00"))
	assert.Contains(t, printed(t, old, 80, false), "The first timestamp is of 1970")
	future := surveyOf(track(1, "u_1", "page_viewed", time.Now().AddDate(1, 0, 0).Format(time.DateTime)))
	assert.Contains(t, printed(t, future, 80, false), "in the future")
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestPrintFails(t *testing.T) {
	assert.EqualError(t, surveyOf(track(1, "u_1", "page_viewed", "2026-01-02 08:00:00")).Print(brokenPipe{}, 80, false), "broken pipe")
}

func TestRequests(t *testing.T) {
	v := newSurvey(&stage.Stage{})
	assert.Zero(t, v.requests())
	v.sent = map[string]int64{record.Identify: 1, record.Track: 1001}
	v.bytes = map[string]int64{record.Identify: 100, record.Track: 5 << 20}
	assert.EqualValues(t, 1+3, v.requests())
}
