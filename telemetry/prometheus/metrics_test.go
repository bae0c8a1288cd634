package prometheus_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// of returns what a scrape has to give for a client that is open.
func of(s altertable.Stats, l altertable.Limits, sinceSuccess time.Duration) numbers {
	return numbers{
		"messages_accepted_total":  float64(s.Accepted),
		"messages_delivered_total": float64(s.Delivered),
		"messages_failed_total":    float64(s.Failed),
		"messages_dropped_total":   float64(s.Dropped),
		"messages_discarded_total": float64(s.Discarded),

		`messages_rejected_total{reason="full"}`:      float64(s.RejectedFull),
		`messages_rejected_total{reason="too_large"}`: float64(s.RejectedTooLarge),
		`messages_rejected_total{reason="invalid"}`:   float64(s.RejectedInvalid),
		`messages_rejected_total{reason="closed"}`:    float64(s.RejectedClosed),
		`messages_rejected_total{reason="spool"}`:     float64(s.RejectedSpool),

		"requests_total":         float64(s.Requests),
		"requests_retried_total": float64(s.Retries),

		`requests_failed_total{reason="unauthorized"}`:   float64(s.RequestsUnauthorized),
		`requests_failed_total{reason="no_environment"}`: float64(s.RequestsNoEnvironment),
		`requests_failed_total{reason="limited"}`:        float64(s.RequestsLimited),
		`requests_failed_total{reason="refused"}`:        float64(s.RequestsRefused),
		`requests_failed_total{reason="errored"}`:        float64(s.RequestsErrored),
		`requests_failed_total{reason="unanswered"}`:     float64(s.RequestsUnanswered),

		"queue_messages":           float64(s.Queued),
		"queue_messages_limit":     float64(l.MaxQueueSize),
		"queue_size_bytes":         float64(s.QueuedBytes),
		"queue_size_limit_bytes":   float64(l.MaxQueueBytes),
		"queue_oldest_age_seconds": s.Oldest.Seconds(),
		"requests_in_flight":       float64(s.InFlight),
		"requests_in_flight_limit": float64(l.MaxInFlight),
		"spool_size_bytes":         float64(s.SpoolBytes),
		"spool_size_limit_bytes":   float64(l.SpoolMaxBytes),
		"last_success_age_seconds": sinceSuccess.Seconds(),
	}
}

// assertStats checks a scrape of one client, which runs in virtual time.
func assertStats(t *testing.T, w *world, observed time.Time) numbers {
	t.Helper()
	s, got := w.Stats(), gather(t, w.registry)
	last := s.LastSuccess
	if last.IsZero() {
		last = observed
	}
	want := of(s, w.Limits(), time.Since(last))
	for name, value := range want {
		assert.Contains(t, got, name)
		assert.Equal(t, value, got[name], name)
	}
	for name := range got {
		if !strings.HasPrefix(name, "delivery_") && !strings.HasPrefix(name, "batch_") {
			assert.Contains(t, want, name)
		}
	}
	return got
}

// hanging keeps one message in flight.
func hanging(w *world, t *testing.T) {
	w.srv.Always(altertabletest.Hang())
	track(t, w.Client, 1)
	pass(time.Second)
}

func TestEachCauseMovesItsMetric(t *testing.T) {
	failing := func(f altertabletest.Fault) func(*testing.T, *world) {
		return func(t *testing.T, w *world) {
			w.srv.Next(1, f)
			track(t, w.Client, 1)
			_ = w.Flush(t.Context())
		}
	}
	small := []altertable.Option{altertable.WithMaxQueueSize(1)}
	for name, test := range map[string]struct {
		opts  []altertable.Option
		cause func(*testing.T, *world)
		want  numbers
	}{
		"nothing yet": {nil, func(*testing.T, *world) { pass(3 * time.Second) }, numbers{"last_success_age_seconds": 3}},
		"delivered": {nil, func(t *testing.T, w *world) {
			track(t, w.Client, 3)
			require.NoError(t, w.Flush(t.Context()))
			pass(7 * time.Second)
		}, numbers{"messages_accepted_total": 3, "messages_delivered_total": 3, "requests_total": 1, "last_success_age_seconds": 7}},
		"in flight": {nil, func(t *testing.T, w *world) {
			hanging(w, t)
			pass(2 * time.Second)
		}, numbers{"queue_messages": 1, "requests_in_flight": 1, "queue_oldest_age_seconds": 3, "last_success_age_seconds": 3}},
		"failed": {nil, failing(altertabletest.Status(422)),
			numbers{"messages_failed_total": 1, `requests_failed_total{reason="refused"}`: 1}},
		"key refused": {nil, failing(altertabletest.Status(401)),
			numbers{"messages_failed_total": 1, `requests_failed_total{reason="unauthorized"}`: 1}},
		"no environment": {nil, failing(altertabletest.Status(400).ErrorCode("environment-not-found")),
			numbers{"messages_failed_total": 1, `requests_failed_total{reason="no_environment"}`: 1}},
		"limited": {nil, failing(altertabletest.Status(429)),
			numbers{"messages_delivered_total": 1, `requests_failed_total{reason="limited"}`: 1, "requests_retried_total": 1}},
		"errored": {nil, failing(altertabletest.Status(503)),
			numbers{"messages_delivered_total": 1, `requests_failed_total{reason="errored"}`: 1, "requests_retried_total": 1}},
		"unanswered": {nil, failing(altertabletest.Reset()),
			numbers{"messages_delivered_total": 1, `requests_failed_total{reason="unanswered"}`: 1, "requests_retried_total": 1}},
		"evicted": {append(small, altertable.WithOverflow(altertable.DropOldest), altertable.WithRetry(altertable.RetryPolicy{InitialInterval: time.Hour, MaxInterval: time.Hour})),
			func(t *testing.T, w *world) {
				w.srv.Always(altertabletest.Status(503))
				track(t, w.Client, 1)
				pass(time.Second) // it is in backoff
				track(t, w.Client, 1)
			}, numbers{"messages_accepted_total": 2, "messages_dropped_total": 1, "queue_messages": 1, "queue_messages_limit": 1}},
		"discarded": {[]altertable.Option{altertable.WithBeforeSend(func(altertable.Message) altertable.Message { return nil })},
			func(t *testing.T, w *world) { track(t, w.Client, 2) }, numbers{"messages_discarded_total": 2}},
		"queue full": {small, func(t *testing.T, w *world) {
			hanging(w, t)
			require.ErrorIs(t, w.Track(t.Context(), event("e")), altertable.ErrQueueFull)
		}, numbers{`messages_rejected_total{reason="full"}`: 1}},
		"too large": {nil, func(t *testing.T, w *world) {
			large := event("e")
			large.Properties = altertable.Properties{"p": strings.Repeat("x", 2<<20)}
			require.ErrorIs(t, w.Track(t.Context(), large), altertable.ErrTooLarge)
		}, numbers{`messages_rejected_total{reason="too_large"}`: 1}},
		"invalid": {nil, func(t *testing.T, w *world) {
			require.Error(t, w.Track(t.Context(), altertable.Track{}))
		}, numbers{`messages_rejected_total{reason="invalid"}`: 1}},
		"sync": {nil, func(t *testing.T, w *world) {
			_, err := w.TrackSync(t.Context(), event("e"))
			require.NoError(t, err)
		}, numbers{"requests_total": 1, "messages_accepted_total": 0}},
		"disabled": {[]altertable.Option{altertable.WithDisabled(true)}, func(t *testing.T, w *world) {
			track(t, w.Client, 1)
		}, numbers{"messages_accepted_total": 0, "queue_messages": 0}},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				observed := time.Now()
				test.cause(t, w)
				got := assertStats(t, w, observed)
				for name, value := range test.want {
					assert.Equal(t, value, got[name], name)
				}
			}, test.opts...)
		})
	}
}

func TestSpoolMovesItsMetrics(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		observed := time.Now()
		w.srv.Down()
		track(t, w.Client, 5)
		pass(time.Minute)
		got := assertStats(t, w, observed)
		assert.Positive(t, got["spool_size_bytes"])
		assert.EqualValues(t, 1<<30, got["spool_size_limit_bytes"])
		assert.EqualValues(t, 60, got["queue_oldest_age_seconds"])
	}, spool(t.TempDir())...)
}

func TestFailedDiskMovesItsMetric(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("an open directory cannot be removed")
	}
	dir := filepath.Join(t.TempDir(), "spool")
	inWorld(t, func(t *testing.T, w *world) {
		observed := time.Now()
		require.NoError(t, os.RemoveAll(dir))
		require.NoError(t, os.WriteFile(dir, nil, 0o600))
		pass(2 * time.Second)
		require.Error(t, w.Track(t.Context(), event("e")))
		assert.EqualValues(t, 1, assertStats(t, w, observed)[`messages_rejected_total{reason="spool"}`])
	}, spool(dir)...)
}

// The numbers of a closed client that are about now are about nothing any more.
func TestClosedClientKeepsItsCounters(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		track(t, w.Client, 3)
		require.NoError(t, w.Close())
		require.ErrorIs(t, w.Track(t.Context(), event("e")), altertable.ErrClosed)
		pass(time.Minute)

		got := gather(t, w.registry)
		want := of(w.Stats(), altertable.Limits{}, time.Minute)
		for name, value := range want {
			assert.Equal(t, value, got[name], name)
		}
		assert.EqualValues(t, 3, got["messages_delivered_total"])
		assert.EqualValues(t, 1, got[`messages_rejected_total{reason="closed"}`])
		assert.Zero(t, got["queue_messages_limit"])
	})
}

// Shutdown may take its time, in which the queue is still the service's concern.
func TestClosingClientIsStillShown(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.srv.Down()
		track(t, w.Client, 3)
		ctx, cancel := context.WithCancel(t.Context())
		shut := make(chan error)
		go func() { shut <- w.Shutdown(ctx) }()
		pass(time.Minute)
		got := gather(t, w.registry)
		assert.EqualValues(t, 3, got["queue_messages"])
		assert.EqualValues(t, 60, got["queue_oldest_age_seconds"])

		cancel()
		require.Error(t, <-shut)
		synctest.Wait()
		got = gather(t, w.registry)
		assert.Zero(t, got["queue_messages"])
		assert.EqualValues(t, 3, got["messages_dropped_total"])
	})
}
