package drain

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/relay/internal/broker"
	"github.com/altertable-ai/altertable-go/relay/internal/metrics"
)

// However many environments are missing, they are asked for in turn, a few in a pause.
func TestMissingEnvironmentsAreAskedForInTurn(t *testing.T) {
	const pause, many = 30 * time.Second, 300
	synctest.Test(t, func(t *testing.T) {
		m := newEnvironments()
		for i := range many {
			m.add(fmt.Sprint("e", i), sample{sequence: uint64(i + 1)}, time.Now().Add(pause))
		}
		asked := map[string]int{}
		began := time.Now()
		for time.Since(began) < 10*pause*many/mostAsked {
			e, long := m.due()
			if e == nil {
				time.Sleep(long)
				continue
			}
			asked[e.name]++
			m.stays(e, pause)
		}
		require.Len(t, asked, many)
		for name, times := range asked {
			require.InDelta(t, 10, times, 1, name)
		}
	})
}

func TestOneMissingEnvironmentIsAskedForOnceAPause(t *testing.T) {
	const pause = 30 * time.Second
	synctest.Test(t, func(t *testing.T) {
		m := newEnvironments()
		m.note("staging")
		_, news := m.add("staging", sample{sequence: 7}, time.Now().Add(pause))
		assert.True(t, news)
		_, news = m.add("staging", sample{sequence: 8}, time.Now())
		assert.False(t, news)
		for range 3 {
			e, long := m.due()
			require.Nil(t, e)
			require.Equal(t, pause, long)
			time.Sleep(long)
			e, _ = m.due()
			require.EqualValues(t, 7, e.sample.sequence)
			_, long = m.due()
			require.Equal(t, time.Hour, long, "one at a time")
			m.stays(e, pause)
		}
	})
}

func TestWhatIsKeptOfMissingEnvironmentsIsBounded(t *testing.T) {
	m := newEnvironments()
	for i := range mostMissing + 100 {
		m.add(fmt.Sprint(i, strings.Repeat("x", 1000)), sample{sequence: uint64(i + 1)}, time.Now())
	}
	first, count := m.names()
	assert.Len(t, first, mostNamed)
	assert.Equal(t, mostMissing, count)
	assert.LessOrEqual(t, len(first[0]), mostOfName)
	assert.Len(t, m.turns, mostMissing)
	m.removeAll()
	assert.False(t, m.any())
}

// A producer that names an environment of its own for each event floods nobody.
func TestManyMissingEnvironments(t *testing.T) {
	b := newBench(t)
	refuse := func(w http.ResponseWriter, _ string, events []sunk) bool {
		if events[0].Environment == "production" {
			return false
		}
		refuseWith(w, 422, "environment-not-found")
		return true
	}
	b.sink.setAnswer(refuse)
	const many = 300
	for i := range many {
		b.sendIn(fmt.Sprint("pr-", i), "track", 1)
	}
	d := b.drain(func(d *Drain) { d.pauseFor = time.Hour })
	until(t, "parked", func() bool { return d.Status().MissingCount == many && d.countParked() == many })
	assert.Len(t, d.Status().Missing, mostNamed)
	before := b.sink.countRequests()
	assert.LessOrEqual(t, before, many)
	b.send("track", 10)
	until(t, "the others go on", func() bool { return b.sink.countApplied() == 10 })
	assert.Equal(t, before+1, b.sink.countRequests())
	until(t, "the parked alone are held", func() bool { return d.Status().Held == many })
}

func TestManyEnvironmentsThatComeBack(t *testing.T) {
	b := newBench(t)
	b.sink.setAnswer(func(w http.ResponseWriter, _ string, _ []sunk) bool {
		refuseWith(w, 422, "environment-not-found")
		return true
	})
	const many = 60
	for i := range many {
		b.sendIn(fmt.Sprint("pr-", i), []string{"track", "identify"}[i%2], 5)
	}
	m := metrics.New([]string{"acme"})
	d := b.drain(func(d *Drain) { d.o.Metrics = m })
	until(t, "parked", func() bool { return d.countParked() == many })
	const paused = `altertable_relay_paused{reason="environment-not-found",tenant="acme"} 1`
	assert.Contains(t, scrape(m), paused)
	b.sink.setAnswer(nil)
	b.requireAll(0)
	until(t, "nothing is missing", func() bool { return d.Status().MissingCount == 0 && !strings.Contains(scrape(m), paused) })
}

// The sample of a missing environment is read again from the stream. If it is not there,
// nothing waits for it.
func TestAPurgeOfAMissingEnvironmentsMessages(t *testing.T) {
	b := newBench(t)
	b.sink.setAnswer(func(w http.ResponseWriter, _ string, events []sunk) bool {
		if events[0].Environment == "production" {
			return false
		}
		refuseWith(w, 422, "environment-not-found")
		return true
	})
	b.sendIn("staging", "track", 5)
	d := b.drain()
	until(t, "parked", func() bool { return d.countParked() == 1 })
	stream, err := b.js.Stream(t.Context(), broker.Stream("acme"))
	require.NoError(t, err)
	require.NoError(t, stream.Purge(t.Context()))
	until(t, "forgotten", func() bool { return d.Status().MissingCount == 0 && d.Status().Held == 0 })
	b.send("track", 5)
	until(t, "delivered", func() bool { return b.sink.countApplied() == 5 })
}

// An environment may be called as the whole tenant is.
func TestAMissingEnvironmentNamedTenant(t *testing.T) {
	b := newBench(t)
	b.sink.setAnswer(func(w http.ResponseWriter, _ string, events []sunk) bool {
		if events[0].Environment == "tenant" {
			refuseWith(w, 422, "environment-not-found")
			return true
		}
		return false
	})
	b.sendIn("tenant", "track", 10)
	d := b.drain(func(d *Drain) { d.pauseFor = time.Hour })
	until(t, "missing", func() bool { return d.Status().MissingCount == 1 })
	b.send("track", 10)
	until(t, "the other", func() bool { return b.sink.countApplied() == 10 && !d.Status().Last.IsZero() })
	assert.Equal(t, []string{"tenant"}, d.Status().Missing)
	assert.Empty(t, d.Status().Paused)
}

func scrape(m *metrics.Metrics) string {
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return w.Body.String()
}

func (r *run) countParked() int {
	if s := r.current(); s != nil {
		return s.countParked()
	}
	return 0 // it has not begun
}
