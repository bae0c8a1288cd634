package drain

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	altertable "github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/relay/internal/metrics"
)

func TestTheRateIsKeptAndUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var left []time.Time
		api := roundTrip(func(r *http.Request) (*http.Response, error) {
			left = append(left, time.Now())
			return &http.Response{StatusCode: 200, Body: http.NoBody, Request: r}, nil
		})
		d, err := New(Options{Tenant: "acme", APIKey: "key", Transport: api, Rate: 100, Logger: testLogger(t)})
		require.NoError(t, err)
		s, err := d.newSession(opening{})
		require.NoError(t, err)
		defer func() { _ = s.client.Shutdown(ended); s.cancel() }()
		d.leases[eventsLane].take("a")
		d.leases[eventsLane].confirm("a", time.Now().Add(time.Hour))
		for range 101 {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://api/track", http.NoBody)
			require.NoError(t, err)
			answer, err := s.fence.RoundTrip(r)
			require.NoError(t, err)
			_ = answer.Body.Close()
		}
		assert.Equal(t, time.Second, left[100].Sub(left[0]).Round(time.Millisecond))
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A request that waits for its turn does not run out of its attempt's time.
func TestWaitingForTheRateIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const batches, size, attempt = 10, 100, 300 * time.Millisecond
		var requests atomic.Int32
		api := roundTrip(func(r *http.Request) (*http.Response, error) {
			requests.Add(1)
			until, bounded := r.Context().Deadline()
			assert.True(t, bounded)
			assert.Equal(t, attempt, time.Until(until), "all of its time is left")
			time.Sleep(attempt - time.Millisecond)
			return &http.Response{StatusCode: 200, Body: http.NoBody, Request: r}, r.Context().Err()
		})
		d, err := New(Options{Tenant: "acme", APIKey: "key", Transport: api, Rate: 5, BatchSize: size, Logger: testLogger(t)})
		require.NoError(t, err)
		d.attempt = attempt
		s, err := d.newSession(opening{})
		require.NoError(t, err)
		defer func() { _ = s.client.Shutdown(ended); s.cancel() }()
		d.leases[eventsLane].take("a")
		d.leases[eventsLane].confirm("a", time.Now().Add(time.Hour))
		for i := range batches * size {
			m := altertable.Raw{Endpoint: "track", JSON: []byte(event("track", "production", i, "u", ""))}
			require.NoError(t, s.client.Enqueue(t.Context(), m, nil))
		}
		require.NoError(t, s.client.Flush(t.Context()))
		assert.EqualValues(t, batches, requests.Load())
		assert.EqualValues(t, batches*size, s.client.Stats().Delivered)
	})
}

func TestProbationPullsOneMessage(t *testing.T) {
	b := newBench(t)
	refuse := func(w http.ResponseWriter, _ string, _ []sunk) bool { w.WriteHeader(401); return true }
	b.sink.setAnswer(refuse)
	for range 20 {
		b.send("track", 100)
	}
	d := b.drain(func(d *Drain) { d.pauseFor = 50 * time.Millisecond })
	until(t, "on probation", d.onProbation)
	assert.Equal(t, "unauthorized", d.Status().Paused)
	before := b.sink.countRequests()
	until(t, "probed", func() bool { return b.sink.countRequests() > before+3 })
	assert.LessOrEqual(t, d.Status().Held, 1)
	b.sink.setAnswer(nil)
	b.requireAll(0)
}

// onProbation reports whether the session is over in which the API refused the account:
// until then that one's requests under way are answered, and it holds their messages.
func (r *run) onProbation() bool {
	s := r.current()
	return s != nil && s.from.probation
}

// A session that is over holds nothing: its messages are on the stream.
func TestAPauseHoldsNothing(t *testing.T) {
	b := newBench(t)
	b.sink.setAnswer(func(w http.ResponseWriter, _ string, _ []sunk) bool { w.WriteHeader(401); return true })
	b.send("track", 10)
	d := b.drain(func(d *Drain) { d.pauseFor = time.Hour })
	until(t, "paused", func() bool { return d.Status().Paused == "unauthorized" })
	until(t, "nothing is held", func() bool { return d.Status().Held == 0 && len(d.Status().Leads) == 0 })
}

// A request that was under way when the account was refused says nothing of what comes.
func TestADeliveryAfterARefusalEndsNoPause(t *testing.T) {
	b := newBench(t)
	release, arrived := make(chan struct{}), make(chan struct{}, 1)
	b.sink.setAnswer(func(w http.ResponseWriter, path string, _ []sunk) bool {
		if path == "/identify" {
			arrived <- struct{}{}
			<-release
			return false
		}
		w.WriteHeader(401)
		return true
	})
	d := b.drain(func(d *Drain) { d.pauseFor = time.Hour })
	b.send("identify", 10)
	<-arrived
	b.send("track", 10)
	until(t, "paused", func() bool { return d.Status().Paused == "unauthorized" })
	close(release)
	until(t, "delivered", func() bool { return !d.Status().Last.IsZero() && d.Status().Held == 0 })
	assert.Equal(t, "unauthorized", d.Status().Paused)
}

// Relays that are refused take turns, each with one message.
func TestARelayThatWasRefusedLeadsOnProbation(t *testing.T) {
	b := newBench(t)
	b.sink.setAnswer(func(w http.ResponseWriter, _ string, _ []sunk) bool { w.WriteHeader(401); return true })
	for range 20 {
		b.send("track", 100)
	}
	m := metrics.New([]string{"acme"})
	change := func(d *Drain) { d.pauseFor = 50 * time.Millisecond; d.o.Metrics = m }
	first, second := b.drain(change), b.drain(change)
	until(t, "both were refused", func() bool { return first.onProbation() && second.onProbation() })
	before := b.sink.countRequests()
	counted := takeovers(m)
	until(t, "probed", func() bool { return b.sink.countRequests() > before+10 })
	assert.Equal(t, counted, takeovers(m), "they take over again and again")
	assert.LessOrEqual(t, first.Status().Held, 1)
	assert.LessOrEqual(t, second.Status().Held, 1)
	b.sink.setAnswer(nil)
	b.requireAll(0)
}

// takeovers returns the line of the metric for the lane of events.
func takeovers(m *metrics.Metrics) string {
	for line := range strings.Lines(scrape(m)) {
		if strings.HasPrefix(line, `altertable_relay_takeovers_total{consumer="events"`) {
			return line
		}
	}
	return ""
}
