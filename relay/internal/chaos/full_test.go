package chaos

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fill posts until the relay takes no more, and checks how it says so. One that is ready
// and cannot store something now is slow, and not full.
func (f *feeder) fill(t *testing.T, r *relay, most int) {
	t.Helper()
	for range most {
		status, header := f.post("track", batchSize)
		if status == http.StatusOK || f.isSlow(status) && r.get("/readyz") == http.StatusOK {
			continue
		}
		require.Equal(t, http.StatusServiceUnavailable, status)
		wait, err := strconv.Atoi(header.Get("Retry-After"))
		require.NoError(t, err, "Retry-After in seconds")
		assert.True(t, 1 <= wait && wait <= 30, "Retry-After %d", wait)
		return
	}
	t.Fatal("it is never full")
}

// The stream is full: producers hear of it, and all that was taken is delivered.
func TestStreamFull(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.relay("r", "--max-bytes", "4MiB").start()
	w.sink.set(status(http.StatusServiceUnavailable))
	f := w.feeder("f", r.URL())
	f.fill(t, r, 1000)
	before := f.next
	p := w.produce(plan{Source: "p", URL: r.URL(), Count: form(3000, 30_000), Identify: 4}) // the SDK waits
	w.sink.set()
	require.Zero(t, p.gone(patience))
	v := w.settle(patience)
	t.Logf("%d events of %d bytes were taken before it was full", before-batchSize, 4<<20)
	w.require(v, 0)
	f.mustPost(t, "track", 1)
}

// A large backlog, and kill -9: the relay is alive at once and ready when it has
// read what it holds.
func TestRestartWithBacklog(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.relay("r").start()
	w.sink.set(status(http.StatusServiceUnavailable))
	w.backlog(w.feeder("f", r.URL()), form(60_000, 5_000_000))
	r.kill()
	began := time.Now()
	r.process.start()
	var alive, ready time.Duration
	eventually(t, form(patience, 2*patience), "it is ready", func() bool {
		require.True(t, r.running(), "%s", tail(r.out.String()))
		isReady := r.get("/readyz") == http.StatusOK // first: who is ready then is alive now
		health := r.get("/healthz")
		if alive > 0 {
			require.Equal(t, http.StatusOK, health, "alive all the while")
		}
		if health == http.StatusOK && alive == 0 {
			alive = time.Since(began)
		}
		if isReady {
			ready = time.Since(began)
		}
		return isReady
	})
	assert.Positive(t, alive)
	t.Logf("alive after %v, ready after %v", alive.Round(time.Millisecond), ready.Round(time.Millisecond))
	w.sink.set()
	w.require(w.settle(form(patience, 30*time.Minute)), 0)
}
