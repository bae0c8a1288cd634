package survey

import (
	"cmp"
	"hash/maphash"
	"slices"
	"strings"
	"time"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
)

const (
	mostNames = 10_000  // events that are told apart
	mostName  = 200     // bytes of an event's name that are kept
	mostCells = 200_000 // counts of an event in a period
	topEvents = 20
)

const dayMicros = 24 * 60 * 60 * 1_000_000

// A calendar counts tracks by day and event. Where that would be too many
// counts, it has months instead of days, and then years.
type calendar struct {
	names   map[uint64]*event
	seed    maphash.Seed
	rest    *event // of which there is no room for the name
	cells   map[cell]int64
	unit    unit
	periods map[int64]int64 // events of each period
}

// An event is one name, with its count and the days of its first and last one.
type event struct {
	name        string
	count       int64
	first, last int64 // days since 1970
}

type cell struct {
	period int64
	event  *event
}

// A unit is how long the periods are.
type unit int

const (
	day unit = iota
	month
	year
	ever
)

// of returns the period of a day.
func (u unit) of(days int64) int64 {
	at := time.Unix(days*24*60*60, 0).UTC()
	switch u {
	case day:
		return days
	case month:
		return int64(at.Year())*12 + int64(at.Month()) - 1
	case year:
		return int64(at.Year())
	}
	return 0
}

// coarser returns the period of a longer unit that has the period of u.
func (u unit) coarser(period int64, longer unit) int64 {
	switch {
	case u == longer:
		return period
	case u == day:
		return longer.of(period)
	case longer == ever:
		return 0
	}
	return period / 12 // of a month to a year
}

func (u unit) name(period int64) string {
	switch u {
	case day:
		return time.Unix(period*24*60*60, 0).UTC().Format(time.DateOnly)
	case month:
		return time.Date(int(period/12), time.Month(period%12+1), 1, 0, 0, 0, 0, time.UTC).Format("2006-01")
	case year:
		return time.Date(int(period), 1, 1, 0, 0, 0, 0, time.UTC).Format("2006")
	}
	return "all"
}

func (c *calendar) add(at int64, name string) {
	if c.names == nil {
		c.names, c.cells, c.periods = map[uint64]*event{}, map[cell]int64{}, map[int64]int64{}
		c.seed = maphash.MakeSeed()
	}
	e := c.event(name)
	e.count++
	if at == record.NoTime {
		return
	}
	days := at / dayMicros
	if at%dayMicros < 0 {
		days--
	}
	if e.count == 1 || days < e.first {
		e.first = days
	}
	if e.count == 1 || days > e.last {
		e.last = days
	}
	period := c.unit.of(days)
	c.periods[period]++
	c.cells[cell{period, e}]++
	for len(c.cells) > mostCells && c.unit < ever {
		c.coarsen(c.unit + 1)
	}
}

func (c *calendar) event(name string) *event {
	hash := maphash.String(c.seed, name)
	e := c.names[hash]
	switch {
	case e != nil:
	case len(c.names) < mostNames:
		e = &event{name: strings.Clone(name[:min(len(name), mostName)])}
		c.names[hash] = e
	default:
		if c.rest == nil {
			c.rest = &event{}
		}
		e = c.rest
	}
	return e
}

func (c *calendar) coarsen(to unit) {
	c.periods, c.cells = c.by(to)
	c.unit = to
}

// by returns the counts by periods of a unit that is as long or longer.
func (c *calendar) by(to unit) (map[int64]int64, map[cell]int64) {
	periods, cells := map[int64]int64{}, map[cell]int64{}
	for period, n := range c.periods {
		periods[c.unit.coarser(period, to)] += n
	}
	for at, n := range c.cells {
		cells[cell{c.unit.coarser(at.period, to), at.event}] += n
	}
	return periods, cells
}

// events are those of the calendar, the most frequent first.
func (c *calendar) events() []*event {
	all := make([]*event, 0, len(c.names))
	for _, e := range c.names {
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b *event) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.name, b.name))
	})
	return all
}

// A period is what happened in it.
type period struct {
	name   string
	count  int64
	events []eventCount // the most frequent first
}

type eventCount struct {
	name  string
	count int64
}

// Days are the counts of each event on each day. Where these would be too many,
// they are of months, years, or all time, as their names say: 2026-01, 2026, all.
func (v *Survey) Days() map[string]map[string]int64 {
	days := map[string]map[string]int64{}
	for _, period := range v.calendar.table(v.calendar.unit) {
		counts, left := map[string]int64{}, period.count
		for _, e := range period.events {
			counts[e.name] += e.count
			left -= e.count
		}
		if left > 0 {
			counts["others"] += left
		}
		days[period.name] = counts
	}
	return days
}

// finest is the shortest unit with no more than so many periods.
func (c *calendar) finest(most int) unit {
	u := c.unit
	for ; u < ever; u++ {
		if periods, _ := c.by(u); len(periods) <= most {
			break
		}
	}
	return u
}

// table returns the periods of a unit in their order.
func (c *calendar) table(u unit) []period {
	periods, cells := c.by(u)
	byPeriod := map[int64][]eventCount{}
	for at, n := range cells {
		if at.event != c.rest {
			byPeriod[at.period] = append(byPeriod[at.period], eventCount{at.event.name, n})
		}
	}
	keys := make([]int64, 0, len(periods))
	for key := range periods {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	table := make([]period, len(keys))
	for i, key := range keys {
		events := byPeriod[key]
		slices.SortFunc(events, func(a, b eventCount) int {
			return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.name, b.name))
		})
		table[i] = period{u.name(key), periods[key], events}
	}
	return table
}
