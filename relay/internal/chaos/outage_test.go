package chaos

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// backlog fills the relay's stream while the API is down.
func (w *world) backlog(f *feeder, events int) {
	w.t.Helper()
	const perRequest = 500
	for sent := 0; sent < events; sent += perRequest {
		endpoint := "track"
		if sent/perRequest%4 == 0 {
			endpoint = "identify"
		}
		f.mustPost(w.t, endpoint, perRequest)
	}
}

// used returns which part of a limit was used between the first and the last
// request that was let through.
func used(arrivals []time.Time, perSecond float64) float64 {
	if len(arrivals) < 2 {
		return 0
	}
	took := arrivals[len(arrivals)-1].Sub(arrivals[0]).Seconds()
	return float64(len(arrivals)-1) / (took * perSecond)
}

// The API is away, for long beside the retries' intervals, while the stream
// grows. Then it is back with a rate limit. One that nobody told the relay is found by
// trying, which costs a part of it; with --rate next to nothing is lost. How much of
// it is used, how many requests are refused and how full they are depends on what else the
// machine does, so that is compared with -long alone; drain's tests compare the shares in
// virtual time.
func TestOutageThenLimit(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		flags []string
		least float64 // part of the limit that is used
	}{
		"learnt":     {nil, 0.90},
		"configured": {[]string{"--rate", "39"}, 0.95},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			r := w.relay("r", test.flags...).start()
			w.sink.set(status(http.StatusServiceUnavailable))
			f := w.feeder("f", r.URL())
			w.backlog(f, form(40_000, 2_000_000))
			w.sink.await(t, patience, "the API was asked and was down", func() bool { return w.sink.answers(http.StatusServiceUnavailable) > 0 })
			lasts(form(4*time.Second, 10*time.Minute))

			const limit = 40
			w.sink.countAnew()
			w.sink.set(limited(limit))
			v := w.settle(form(patience, time.Hour))
			ok, refused := w.sink.answers(http.StatusOK), w.sink.answers(http.StatusTooManyRequests)
			share, part := used(w.sink.arrivals(), limit), float64(refused)/float64(ok+refused)
			t.Logf("%d requests for %d events, %.1f %% of the limit used, %.2f %% answered 429", ok, v.acknowledged, 100*share, 100*part)
			w.require(v, 0)
			assert.Positive(t, ok)
			if *long {
				assert.GreaterOrEqual(t, share, test.least)
				assert.LessOrEqual(t, part, 0.01)
				assert.LessOrEqual(t, float64(ok), 1.1*float64(v.acknowledged)/batchSize+1, "requests beside events / batch size")
			}
		})
	}
}

// /identify is down while /track works.
func TestIdentifyDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.relay("r").start()
	w.sink.set(on("identify", status(http.StatusServiceUnavailable)))
	w.load(r.URL(), 1, 1000)
	p := w.produce(plan{Source: "tracks", URL: r.URL(), PerSecond: 1000})
	w.sink.awaitMore(t, form(6000, 100_000), patience, "tracks")
	began := time.Now()
	w.sink.countAnew()
	w.sink.awaitMore(t, 2000, patience, "tracks")
	t.Logf("2,000 tracks within %v while /identify is down", time.Since(began).Round(time.Millisecond))
	w.sink.set()
	w.finish()
	assert.NotEmpty(t, p.acknowledged())
	w.require(w.settle(patience), 0)
}

// One environment is missing and another is there. When the first is made, what
// waited is delivered.
func TestMissingEnvironment(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.relay("r").start()
	w.sink.set(withoutEnvironment("staging"))
	w.load(r.URL(), 1, 500)
	w.produce(plan{Source: "s", URL: r.URL(), PerSecond: 100, Identify: 3, Environment: "staging"})
	w.sink.awaitMore(t, form(4000, 100_000), patience, "p0")
	assert.Zero(t, w.sink.total("s"))
	w.sink.set()
	w.finish()
	w.require(w.settle(patience), 0)
}

// The API refuses the key for a while. Nothing is given up.
func TestKeyRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.relay("r").start()
	w.load(r.URL(), 1, 500)
	w.sink.awaitMore(t, 1000, patience)
	w.sink.set(status(http.StatusUnauthorized))
	eventually(t, patience, "the tenant is paused", func() bool { return r.metric("paused", `reason="unauthorized"`) == 1 })
	lasts(form(time.Second, 2*time.Minute))
	w.sink.set()
	w.finish()
	w.require(w.settle(patience), 0)
	assert.Zero(t, r.metric("dead_events_total"))
}
