package otel_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// instruments are the names that dashboards and alerts are written for, and those
// of the module telemetry/prometheus, in the same order.
var instruments = []struct{ name, unit, kind, prometheus string }{
	{"messages.accepted", "{message}", "counter", "messages_accepted_total"},
	{"messages.delivered", "{message}", "counter", "messages_delivered_total"},
	{"messages.failed", "{message}", "counter", "messages_failed_total"},
	{"messages.dropped", "{message}", "counter", "messages_dropped_total"},
	{"messages.discarded", "{message}", "counter", "messages_discarded_total"},
	{"messages.rejected", "{message}", "counter", "messages_rejected_total"},
	{"requests", "{request}", "counter", "requests_total"},
	{"requests.failed", "{request}", "counter", "requests_failed_total"},
	{"requests.retried", "{request}", "counter", "requests_retried_total"},
	{"queue.messages", "{message}", "up-down counter", "queue_messages"},
	{"queue.messages_limit", "{message}", "gauge", "queue_messages_limit"},
	{"queue.size", "By", "up-down counter", "queue_size_bytes"},
	{"queue.size_limit", "By", "gauge", "queue_size_limit_bytes"},
	{"queue.oldest_age", "s", "gauge of seconds", "queue_oldest_age_seconds"},
	{"requests.in_flight", "{request}", "up-down counter", "requests_in_flight"},
	{"requests.in_flight_limit", "{request}", "gauge", "requests_in_flight_limit"},
	{"spool.size", "By", "up-down counter", "spool_size_bytes"},
	{"spool.size_limit", "By", "gauge", "spool_size_limit_bytes"},
	{"last_success_age", "s", "gauge of seconds", "last_success_age_seconds"},
	{"delivery.duration", "s", "histogram of seconds", "delivery_duration_seconds"},
	{"batch.messages", "{message}", "histogram", "batch_messages"},
}

func TestNamesUnitsAndKinds(t *testing.T) {
	b := newBackend()
	collector := b.newCollector()
	client, _ := altertabletest.New(t, collector.Option())
	collector.Observe(client)
	track(t, client, 1)
	require.NoError(t, client.Flush(ctx))

	metrics := b.collect(t)
	for _, want := range instruments {
		got, ok := metrics["altertable.client."+want.name]
		require.True(t, ok, want.name)
		assert.Equal(t, want.unit, got.Unit, want.name)
		assert.Equal(t, want.kind, kindOf(got), want.name)
		assert.Regexp(t, `^[A-Z][^"]*\.$`, got.Description, want.name)
		assert.Equal(t, "altertable_client_"+want.prometheus, prometheusName(got), want.name)
	}
	assert.Len(t, metrics, len(instruments))
}

func kindOf(m metricdata.Metrics) string {
	switch data := m.Data.(type) {
	case metricdata.Sum[int64]:
		if data.IsMonotonic {
			return "counter"
		}
		return "up-down counter"
	case metricdata.Gauge[int64]:
		return "gauge"
	case metricdata.Gauge[float64]:
		return "gauge of seconds"
	case metricdata.Histogram[int64]:
		return "histogram"
	case metricdata.Histogram[float64]:
		return "histogram of seconds"
	}
	return "unknown"
}

// prometheusName is the name by the rules of OpenTelemetry's compatibility with
// Prometheus, as its exporter makes it.
func prometheusName(m metricdata.Metrics) string {
	name := strings.ReplaceAll(m.Name, ".", "_") + map[string]string{"s": "_seconds", "By": "_bytes"}[m.Unit]
	if kindOf(m) == "counter" {
		name += "_total"
	}
	return name
}

// expect returns what is to be reported for these numbers, ages excepted.
func expect(s altertable.Stats, l altertable.Limits) map[string]float64 {
	const p = "altertable.client."
	if l == (altertable.Limits{}) { // then there is nothing now, and no limit to it
		s.Queued, s.QueuedBytes, s.InFlight, s.SpoolBytes = 0, 0, 0, 0
	}
	all := map[string]float64{}
	for name, value := range map[string]int64{
		"messages.accepted":                      s.Accepted,
		"messages.delivered":                     s.Delivered,
		"messages.failed":                        s.Failed,
		"messages.dropped":                       s.Dropped,
		"messages.discarded":                     s.Discarded,
		"messages.rejected{reason=full}":         s.RejectedFull,
		"messages.rejected{reason=too_large}":    s.RejectedTooLarge,
		"messages.rejected{reason=invalid}":      s.RejectedInvalid,
		"messages.rejected{reason=closed}":       s.RejectedClosed,
		"messages.rejected{reason=spool}":        s.RejectedSpool,
		"requests":                               s.Requests,
		"requests.failed{reason=unauthorized}":   s.RequestsUnauthorized,
		"requests.failed{reason=no_environment}": s.RequestsNoEnvironment,
		"requests.failed{reason=limited}":        s.RequestsLimited,
		"requests.failed{reason=refused}":        s.RequestsRefused,
		"requests.failed{reason=errored}":        s.RequestsErrored,
		"requests.failed{reason=unanswered}":     s.RequestsUnanswered,
		"requests.retried":                       s.Retries,
		"queue.messages":                         s.Queued,
		"queue.messages_limit":                   l.MaxQueueSize,
		"queue.size":                             s.QueuedBytes,
		"queue.size_limit":                       l.MaxQueueBytes,
		"requests.in_flight":                     s.InFlight,
		"requests.in_flight_limit":               l.MaxInFlight,
		"spool.size":                             s.SpoolBytes,
		"spool.size_limit":                       l.SpoolMaxBytes,
	} {
		all[p+name] = float64(value)
	}
	return all
}

// assertReports asserts that b reports s and l, and returns the two ages.
func assertReports(t *testing.T, b backend, s altertable.Stats, l altertable.Limits) (oldest, success time.Duration) {
	t.Helper()
	const oldestAge, successAge = "altertable.client.queue.oldest_age", "altertable.client.last_success_age"
	got := b.numbers(t)
	require.Contains(t, got, oldestAge)
	require.Contains(t, got, successAge)
	oldest, success = seconds(got[oldestAge]), seconds(got[successAge])
	delete(got, oldestAge)
	delete(got, successAge)
	assert.Equal(t, expect(s, l), got)
	return oldest, success
}

func seconds(s float64) time.Duration {
	return time.Duration(s * float64(time.Second)).Round(time.Microsecond)
}

// Every way in which a message or a request can end shows where it belongs.
func TestEveryNumberUnderFaults(t *testing.T) {
	for name, run := range map[string]struct {
		opts []altertable.Option
		do   func(*testing.T, *altertable.Client, *altertabletest.Server)
		want func(altertable.Stats) bool
	}{
		"delivered": {
			do: func(t *testing.T, c *altertable.Client, _ *altertabletest.Server) {
				track(t, c, 3)
				require.NoError(t, c.Flush(ctx))
			},
			want: func(s altertable.Stats) bool { return s.Accepted == 3 && s.Delivered == 3 && s.Requests == 1 },
		},
		"refused": {
			do:   refusedWith(altertabletest.Status(422)),
			want: func(s altertable.Stats) bool { return s.Failed == 1 && s.RequestsRefused == 1 },
		},
		"key refused": {
			do:   refusedWith(altertabletest.Status(401)),
			want: func(s altertable.Stats) bool { return s.Failed == 1 && s.RequestsUnauthorized == 1 },
		},
		"no such environment": {
			do:   refusedWith(altertabletest.Status(400).ErrorCode("environment-not-found")),
			want: func(s altertable.Stats) bool { return s.Failed == 1 && s.RequestsNoEnvironment == 1 },
		},
		"limited, errored and unanswered, then delivered": {
			do: func(t *testing.T, c *altertable.Client, srv *altertabletest.Server) {
				srv.Next(1, altertabletest.Status(429).RetryAfter(time.Second))
				srv.Next(2, altertabletest.Status(503))
				srv.Next(1, altertabletest.Reset())
				track(t, c, 1)
				require.NoError(t, c.Flush(ctx))
			},
			want: func(s altertable.Stats) bool {
				return s.RequestsLimited == 1 && s.RequestsErrored == 2 && s.RequestsUnanswered == 1 && s.Retries == 4 && s.Delivered == 1
			},
		},
		"in flight": {
			do: func(t *testing.T, c *altertable.Client, srv *altertabletest.Server) {
				srv.Always(altertabletest.Hang())
				track(t, c, 2)
				time.Sleep(2 * time.Second) // virtual
			},
			want: func(s altertable.Stats) bool {
				return s.InFlight == 1 && s.Queued == 2 && s.QueuedBytes > 0 && s.Oldest > 0
			},
		},
		"dropped": {
			do: func(t *testing.T, c *altertable.Client, srv *altertabletest.Server) {
				srv.Always(altertabletest.Hang())
				track(t, c, 2)
				require.Error(t, c.Shutdown(expired()))
			},
			want: func(s altertable.Stats) bool { return s.Dropped == 2 },
		},
		"rejected and discarded": {
			opts: []altertable.Option{altertable.WithMaxQueueSize(1), altertable.WithBeforeSend(func(m altertable.Message) altertable.Message {
				if m.(altertable.Track).Event == "health_checked" {
					return nil
				}
				return m
			})},
			do: func(t *testing.T, c *altertable.Client, srv *altertabletest.Server) {
				require.NoError(t, c.Track(ctx, altertable.Track{Event: "health_checked", DistinctID: "u_42"}))
				srv.Always(altertabletest.Hang())
				track(t, c, 1)
				require.ErrorIs(t, c.Track(ctx, altertable.Track{Event: "signed_up", DistinctID: "u_42"}), altertable.ErrQueueFull)
				for range 2 {
					require.Error(t, c.Track(ctx, altertable.Track{DistinctID: "u_42"}))
				}
				for range 3 {
					require.ErrorIs(t, c.Track(ctx, altertable.Track{Event: "signed_up", DistinctID: "u_42",
						Properties: altertable.Properties{"text": strings.Repeat("a", 2<<20)}}), altertable.ErrTooLarge)
				}
				srv.ClearFaults()
				require.NoError(t, c.Close())
				for range 4 {
					require.ErrorIs(t, c.Track(ctx, altertable.Track{Event: "signed_up", DistinctID: "u_42"}), altertable.ErrClosed)
				}
			},
			want: func(s altertable.Stats) bool {
				return s.RejectedFull == 1 && s.RejectedInvalid == 2 && s.RejectedTooLarge == 3 && s.RejectedClosed == 4 && s.Discarded == 1
			},
		},
		"nothing": {
			do:   func(*testing.T, *altertable.Client, *altertabletest.Server) {},
			want: func(s altertable.Stats) bool { return s == altertable.Stats{} },
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBackend()
				collector := b.newCollector()
				client, srv := altertabletest.New(t, append(run.opts, collector.Option())...)
				collector.Observe(client)
				observed := time.Now()
				run.do(t, client, srv)
				synctest.Wait()

				s := client.Stats()
				require.True(t, run.want(s), "%+v", s)
				oldest, success := assertReports(t, b, s, client.Limits())
				require.True(t, client.Limits() != (altertable.Limits{}) || s.Oldest == 0)
				assert.Equal(t, s.Oldest.Round(time.Microsecond), oldest)
				last := s.LastSuccess
				if last.IsZero() {
					last = observed
				}
				assert.Equal(t, time.Since(last).Round(time.Microsecond), success)
			})
		})
	}
}

func refusedWith(f altertabletest.Fault) func(*testing.T, *altertable.Client, *altertabletest.Server) {
	return func(t *testing.T, c *altertable.Client, srv *altertabletest.Server) {
		srv.Next(1, f)
		track(t, c, 1)
		require.Error(t, c.Flush(ctx))
	}
}

func TestSpool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		collector := b.newCollector()
		client, srv := altertabletest.New(t, collector.Option(), altertable.WithSpool(t.TempDir(), altertable.SpoolMaxBytes(1<<20)))
		collector.Observe(client)
		srv.Always(altertabletest.Status(401)) // which a spool waits out
		track(t, client, 3)
		time.Sleep(time.Minute) // virtual
		synctest.Wait()

		s := client.Stats()
		assert.EqualValues(t, 1<<20, client.Limits().SpoolMaxBytes)
		assert.Positive(t, s.SpoolBytes)
		assert.Positive(t, s.RequestsUnauthorized)
		oldest, success := assertReports(t, b, s, client.Limits())
		assert.Equal(t, time.Minute, oldest)
		assert.Equal(t, time.Minute, success)
	})
}
