package deliver

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/altertabletest"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
)

// A trouble is an import into a server that comes and goes, and fails always on some of
// the messages.
type trouble struct {
	*importer
	random *rand.Rand     // of the server's changes alone
	poison map[int64]bool // positions
	people int
}

func newTrouble(t *testing.T, random, changes *rand.Rand) *trouble {
	m := &trouble{random: changes, poison: map[int64]bool{}, people: 1 + random.IntN(30)}
	rows := &memory{chunk: 1 + random.IntN(100)}
	for range 100 + random.IntN(300) {
		rows.addIdentify(fmt.Sprintf("u%d", random.IntN(m.people)))
	}
	for n := range 100 + random.IntN(300) {
		rows.add(record.Track, fmt.Sprintf(`{"event":"e%d","distinct_id":"u1","properties":{}}`, n), "")
	}
	for range random.IntN(6) {
		one := &rows.rows[random.IntN(len(rows.rows))]
		one.Message = []byte(strings.Replace(string(one.Message), "{", `{"poison":1,`, 1))
		m.poison[one.Position] = true
	}
	m.importer = newImporter(t, rows)
	m.o.Rate = []float64{0, 0, 1, 50}[random.IntN(4)]
	return m
}

// change lets the server fail and work by turns until ctx ends.
func (m *trouble) change(ctx context.Context, up bool) {
	if ctx.Err() != nil {
		return
	}
	m.srv.ClearFaults()
	bad, down := altertabletest.Status(500), altertabletest.Status(503)
	if m.random.IntN(2) == 0 {
		bad = bad.AfterStoring()
	}
	if m.random.IntN(4) == 0 {
		down = altertabletest.Reset().AfterStoring()
	}
	if up {
		m.srv.Always(about(bad, `"poison"`))
	} else {
		m.srv.Always(down)
	}
	lasts := time.Duration(1+m.random.IntN(1200)) * time.Second
	if up { // else the server looks as if it failed on some
		lasts += 2 * patience
	}
	time.AfterFunc(lasts, func() { m.change(ctx, !up) })
}

// Whatever the server does, and whenever the import is interrupted, each message is
// delivered or refused, people's identifies are in order, no outage refuses a message,
// and what may be there twice is counted.
func TestPoisonOutagesAndInterrupts(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(seed, 29))
				m := newTrouble(t, random, rand.New(rand.NewPCG(seed, 31)))
				weather, cancel := context.WithCancel(t.Context())
				defer cancel()
				m.change(weather, random.IntN(4) > 0)
				var result Result
				for runs := 0; !result.Finished; runs++ {
					require.Less(t, runs, 30, "the import goes on")
					ctx, interrupt := context.WithTimeout(t.Context(), time.Duration(1+random.IntN(400))*time.Minute)
					var err error
					result, err = m.run(ctx)
					interrupt()
					require.NoError(t, err)
				}
				m.check(result)
			})
		})
	}
}

func (m *trouble) check(result Result) {
	refused, lines := map[int64]bool{}, 0
	for line := range strings.Lines(m.rejected()) {
		var number int64
		_, err := fmt.Sscanf(line[strings.LastIndex(line, `"row":`):], `"row":%d}`, &number)
		require.NoError(m.t, err)
		refused[number-1] = true
		lines++
	}
	assert.Len(m.t, refused, lines, "no message is refused twice")
	assert.Equal(m.t, m.poison, refused, "only those that the server always fails on are refused")
	assert.EqualValues(m.t, len(m.rows.rows)-lines, result.Delivered)
	traits := map[string]bool{}
	for p := range m.people {
		if one, ok := m.srv.Identity("production", fmt.Sprintf("u%d", p)); ok {
			for name := range one.Traits {
				traits[name] = true
			}
		}
	}
	arrived := m.arrived()
	event := 0
	for n := range m.rows.rows {
		row := &m.rows.rows[n]
		switch {
		case row.Endpoint == record.Track:
			event++
			assert.True(m.t, m.poison[row.Position] || arrived[fmt.Sprintf("e%d", event-1)] > 0)
		case !m.poison[row.Position]:
			assert.True(m.t, traits[fmt.Sprintf("t%d", n)], "an older identify that came later was ignored")
		}
	}
	assert.GreaterOrEqual(m.t, result.Duplicates, m.moreThanOnce())
	assert.Zero(m.t, m.counters.InFlight.Load())
}
