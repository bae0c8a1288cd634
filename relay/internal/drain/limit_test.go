package drain

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestTheRateIsKeptAndUsed(t *testing.T) {
	b := newBench(t)
	b.drain(func(d *Drain) { d.setRate(100) })
	for range 60 {
		b.send("track", 100)
	}
	until(t, "begun", func() bool { return b.sink.countRequests() > 0 })
	began, before := time.Now(), b.sink.countRequests()
	b.requireAll(0)
	rate := float64(b.sink.countRequests()-before) / time.Since(began).Seconds()
	assert.LessOrEqual(t, rate, 110.0)
}

// A request that waits for its turn does not run out of its attempt's time.
func TestWaitingForTheRateIsNoFailure(t *testing.T) {
	b := newBench(t)
	d := b.drain(func(d *Drain) { d.setRate(5); d.attempt = 300 * time.Millisecond })
	for range 10 {
		b.send("track", 100)
	}
	b.requireAll(0)
	assert.LessOrEqual(t, b.sink.countRequests(), 12)
	assert.NotZero(t, d.Status().Last)
}

func TestProbationPullsOneMessage(t *testing.T) {
	b := newBench(t)
	refuse := func(w http.ResponseWriter, _ string, _ []sunk) bool { w.WriteHeader(401); return true }
	b.sink.setAnswer(refuse)
	for range 20 {
		b.send("track", 100)
	}
	d := b.drain(func(d *Drain) { d.pauseFor = 50 * time.Millisecond })
	until(t, "paused", func() bool { return d.Status().Paused["tenant"] == "unauthorized" })
	before := b.sink.countRequests()
	until(t, "probed", func() bool { return b.sink.countRequests() > before+3 })
	assert.LessOrEqual(t, d.Status().Held, 1)
	b.sink.setAnswer(nil)
	b.requireAll(0)
}
