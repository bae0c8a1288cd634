package chaos

import (
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// A thousand services of one event a second, each on its own connection. Where the disk
// takes long, some are told to come again, as an SDK does.
func TestThousandConnections(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.relay("r").start()
	const services = 1000
	events := form(4, 120)
	w.sink.countAnew()
	var mu sync.Mutex
	var took []time.Duration
	statuses := map[int]int{}
	var all sync.WaitGroup
	for i := range services {
		all.Go(func() {
			f := w.feeder("c"+strconv.Itoa(i), r.URL())
			transport := &http.Transport{MaxConnsPerHost: 1}
			defer transport.CloseIdleConnections()
			f.client.Transport = transport
			ticks := time.NewTicker(time.Second)
			defer ticks.Stop()
			lasts(time.Duration(i) * time.Second / services) // they do not tick together
			for range events {
				began, status := time.Now(), 0
				text, numbers := f.body("track", 1)
				for again := true; again; <-ticks.C {
					status, _ = f.send("track", text, numbers)
					again = status == http.StatusServiceUnavailable
				}
				mu.Lock()
				took = append(took, time.Since(began))
				statuses[status]++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	v := w.settle(patience)
	t.Logf("answered within %v in the median, %v at 99 %%; %d requests to the API for %d events",
		percentile(took, 0.5).Round(time.Millisecond), percentile(took, 0.99).Round(time.Millisecond), w.sink.answers(http.StatusOK), v.acknowledged)
	assert.Equal(t, map[int]int{http.StatusOK: services * events}, statuses)
	w.require(v, 0)
}
