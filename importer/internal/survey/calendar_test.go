package survey

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
	"github.com/altertable-ai/altertable-go/importer/internal/stage"
)

func TestCalendarByMonthAndYear(t *testing.T) {
	for _, test := range []struct {
		days, step int
		title      string
		first      string
	}{
		{31, 1, "Days", "2020-01-31"},
		{32, 1, "Months", "2020-01"},
		{900, 1, "Months", "2020-01"},
		{2000, 1, "Years", "2020"},
		{40, 365, "All time", "all"},
	} {
		v := newSurvey(&stage.Stage{})
		day := time.Date(2020, 1, 31, 23, 59, 59, 0, time.UTC)
		for i := range test.days {
			row := track(int64(i+1), "u_1", "page_viewed", day.AddDate(0, 0, i*test.step).Format(time.DateTime))
			v.add(&row)
		}
		text := printed(t, v, 80, false)
		_, table, found := strings.Cut(text, "\n"+test.title+" ")
		assert.True(t, found, text)
		assert.Contains(t, table, "\n  "+test.first+" ")
	}
}

func TestTopTwentyAndTheRest(t *testing.T) {
	v := newSurvey(&stage.Stage{})
	number := int64(0)
	for event := range 30 {
		for range 100 - event {
			number++
			row := track(number, fmt.Sprintf("u_%d", number), fmt.Sprintf("event_%02d", event), "2026-01-02 08:00:00")
			v.add(&row)
		}
	}
	text := printed(t, v, 80, false)
	assert.Contains(t, text, "  event_19 ")
	assert.NotContains(t, text, "  event_20 ")
	assert.Contains(t, text, "  10 others                                 755   29.4 %\n")
	assert.Contains(t, text, "  2026-01-02       2,565  event_00 100, event_01 99, event_02 98, others 2,268\n")
}

// TestCalendarIsBounded has more events and days than there is memory for.
func TestCalendarIsBounded(t *testing.T) {
	v := newSurvey(&stage.Stage{})
	total := 0
	for day := range 2500 {
		for event := range 100 {
			total++
			v.calendar.add(int64(day)*dayMicros, fmt.Sprintf("event_%d", event))
		}
	}
	assert.LessOrEqual(t, len(v.calendar.cells), mostCells)
	assert.Equal(t, month, v.calendar.unit)
	for n := range 2 * mostNames {
		total++
		v.calendar.add(dayMicros, fmt.Sprintf("other_%d", n))
	}
	assert.Len(t, v.calendar.names, mostNames)
	sum := int64(0)
	for _, period := range v.calendar.table(year) {
		sum += period.count
	}
	assert.EqualValues(t, total, sum)
	v.sent[record.Track] = sum
	assert.Contains(t, printed(t, v, 80, false), "more than 9,980 others")
}

func TestCalendarOfAnyTime(t *testing.T) {
	var c calendar
	c.add(-1, "before")
	c.add(math.MaxInt64, "late")
	c.add(math.MinInt64+1, "early")
	c.add(record.NoTime, "never")
	c.coarsen(month)
	c.coarsen(year)
	c.coarsen(ever)
	assert.EqualValues(t, 3, c.table(ever)[0].count)
	assert.Equal(t, "1969-12-31", day.name(day.of(-1)))
	assert.Equal(t, "1969-12", month.name(month.of(-1)))
	assert.Equal(t, "0001-01", month.name(month.of(-719162)))
}

func TestPeriodsInLittleRoom(t *testing.T) {
	p := period{count: 1000, events: []eventCount{{"page_viewed", 600}, {"signed_up", 300}, {"a", 50}, {"b", 50}}}
	assert.Equal(t, "page_viewed 600, signed_up 300, a 50, others 50", p.named(60))
	assert.Equal(t, "page_viewed 600, signed_up 300, others 100", p.named(45))
	assert.Equal(t, "page_viewed 600, others 400", p.named(30))
	assert.Empty(t, p.named(10))
	one := period{count: 5, events: []eventCount{{strings.Repeat("x", 50), 5}}}
	assert.Equal(t, "xxxxxxxxx…", one.named(10))
}
