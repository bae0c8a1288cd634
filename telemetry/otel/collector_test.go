package otel_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
	altertableotel "github.com/altertable-ai/altertable-go/telemetry/otel"
)

func TestNothingOfStatsBeforeObserve(t *testing.T) {
	b := newBackend()
	collector := b.newCollector(nil)
	client, _ := altertabletest.New(t, collector.Option())
	assert.Empty(t, b.collect(t))

	track(t, client, 2)
	require.NoError(t, client.Flush(ctx))
	metrics := b.collect(t)
	assert.Len(t, metrics, 2)
	assert.Contains(t, metrics, "altertable.client.batch.messages")
	assert.Contains(t, metrics, "altertable.client.delivery.duration")

	collector.Observe(client)
	assertReports(t, b, client.Stats(), client.Limits())
}

func TestSeveralClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		collector := b.newCollector()
		first, _ := altertabletest.New(t, collector.Option())
		collector.Observe(first)
		track(t, first, 3)
		require.NoError(t, first.Flush(ctx))
		time.Sleep(time.Minute) // virtual

		second, srv := altertabletest.New(t, collector.Option(), altertable.WithMaxQueueSize(10), altertable.WithMaxInFlight(2))
		srv.Always(altertabletest.Hang())
		track(t, second, 2)
		time.Sleep(time.Second)
		for range 3 {
			collector.Observe(second) // counts once
		}
		synctest.Wait()

		a, c := first.Stats(), second.Stats()
		oldest, success := assertReports(t, b,
			altertable.Stats{Accepted: 5, Delivered: 3, Requests: 2, Queued: 2, QueuedBytes: c.QueuedBytes, InFlight: 1},
			altertable.Limits{MaxQueueSize: 100_010, MaxQueueBytes: 128 << 20, MaxInFlight: 10})
		assert.Equal(t, time.Second, oldest)
		assert.Zero(t, success, "the second has been observed since now")
		assert.Equal(t, time.Minute+time.Second, time.Since(a.LastSuccess).Round(time.Second))

		srv.ClearFaults()
		require.NoError(t, second.Flush(ctx))
		time.Sleep(time.Hour)
		_, success = assertReports(t, b, sum(first.Stats(), second.Stats()), limits(first, second))
		assert.Equal(t, time.Since(second.Stats().LastSuccess), success, "the smallest")
	})
}

// Of the ages, one client speaks for all.
func TestAgesOfSeveralClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		collector := b.newCollector()
		for range 3 {
			client, srv := altertabletest.New(t)
			collector.Observe(client)
			srv.Always(altertabletest.Hang())
			track(t, client, 1)
			time.Sleep(time.Second) // virtual
		}
		got := b.numbers(t)
		assert.InDelta(t, 3, got["altertable.client.queue.oldest_age"], 1e-6)
		assert.InDelta(t, 1, got["altertable.client.last_success_age"], 1e-6)
	})
}

// sum adds up the numbers that the tests of several clients look at.
func sum(a, b altertable.Stats) altertable.Stats {
	return altertable.Stats{Accepted: a.Accepted + b.Accepted, Delivered: a.Delivered + b.Delivered, Requests: a.Requests + b.Requests}
}

func limits(a, b *altertable.Client) altertable.Limits {
	return altertable.Limits{
		MaxQueueSize:  a.Limits().MaxQueueSize + b.Limits().MaxQueueSize,
		MaxQueueBytes: a.Limits().MaxQueueBytes + b.Limits().MaxQueueBytes,
		MaxInFlight:   a.Limits().MaxInFlight + b.Limits().MaxInFlight,
	}
}

// What a closed client left on disk is another client's, and its limits bound nothing.
func TestClosedClientIsInNoGauge(t *testing.T) {
	b := newBackend()
	collector := b.newCollector()
	srv, dir := altertabletest.NewServer(), t.TempDir()
	t.Cleanup(srv.Close)
	srv.Down()
	opts := []altertable.Option{altertable.WithBaseURL(srv.URL), altertable.WithLogger(slog.New(slog.DiscardHandler)),
		altertable.WithSpool(dir), collector.Option()}
	first, err := altertable.New("key", opts...)
	require.NoError(t, err)
	collector.Observe(first)
	track(t, first, 3)
	assert.EqualValues(t, 3, b.numbers(t)["altertable.client.queue.messages"])
	_ = first.Shutdown(expired())
	require.EqualValues(t, 3, first.Stats().Queued)
	got := b.numbers(t)
	for _, gauge := range []string{"queue.messages", "queue.size", "queue.messages_limit", "queue.size_limit",
		"requests.in_flight_limit", "spool.size", "spool.size_limit", "queue.oldest_age"} {
		assert.Zero(t, got["altertable.client."+gauge], gauge)
	}
	assert.EqualValues(t, 3, got["altertable.client.messages.accepted"])

	second, err := altertable.New("key", opts...)
	require.NoError(t, err)
	collector.Observe(second)
	got = b.numbers(t)
	assert.EqualValues(t, 3, got["altertable.client.queue.messages"])
	assert.EqualValues(t, second.Limits().SpoolMaxBytes, got["altertable.client.spool.size_limit"])
	srv.Up()
	require.NoError(t, second.Close())
	assert.EqualValues(t, 3, b.numbers(t)["altertable.client.messages.delivered"])
}

// A key is rotated: the old client's counts stay.
func TestCountersNeverGoBack(t *testing.T) {
	for name, temporality := range map[string]metricdata.Temporality{"cumulative": metricdata.CumulativeTemporality, "delta": metricdata.DeltaTemporality} {
		t.Run(name, func(t *testing.T) {
			reader := sdk.NewManualReader(sdk.WithTemporalitySelector(func(sdk.InstrumentKind) metricdata.Temporality { return temporality }))
			b := backend{sdk.NewMeterProvider(sdk.WithReader(reader)), reader}
			collector := b.newCollector()
			var accepted []float64
			for range 3 {
				client, _ := altertabletest.New(t, collector.Option())
				track(t, client, 2)
				collector.Observe(client)
				accepted = append(accepted, b.numbers(t)["altertable.client.messages.accepted"])
				require.NoError(t, client.Close())
				accepted = append(accepted, b.numbers(t)["altertable.client.messages.accepted"])
			}
			if temporality == metricdata.DeltaTemporality {
				assert.Equal(t, []float64{2, 0, 2, 0, 2, 0}, accepted)
				return
			}
			assert.Equal(t, []float64{2, 2, 4, 4, 6, 6}, accepted)
		})
	}
}

func TestNilAndDisabledClients(t *testing.T) {
	b := newBackend()
	collector := b.newCollector()
	disabled, err := altertable.New("", altertable.WithDisabled(true), collector.Option())
	require.NoError(t, err)
	collector.Observe(nil)
	collector.Observe(nil)
	assertReports(t, b, altertable.Stats{}, altertable.Limits{})

	collector.Observe(disabled)
	require.NoError(t, disabled.Track(ctx, altertable.Track{Event: "signed_up", DistinctID: "u_42"}))
	assertReports(t, b, disabled.Stats(), disabled.Limits())
	require.NoError(t, disabled.Close())
	assertReports(t, b, disabled.Stats(), disabled.Limits())
}

// Two named Collectors share instruments and keep their time series apart.
func TestClientNames(t *testing.T) {
	b := newBackend()
	for name, messages := range map[string]int{"orders": 1, "audit": 2} {
		collector := b.newCollector(altertableotel.WithClientName("overridden"), altertableotel.WithClientName(name))
		client, _ := altertabletest.New(t, collector.Option())
		collector.Observe(client)
		track(t, client, messages)
		require.NoError(t, client.Flush(ctx))
	}
	got := b.numbers(t)
	assert.Len(t, got, 2*28)
	for name := range got {
		assert.Contains(t, name, "client=")
	}
	assert.EqualValues(t, 1, got["altertable.client.messages.accepted{client=orders}"])
	assert.EqualValues(t, 2, got["altertable.client.messages.accepted{client=audit}"])
	assert.Contains(t, got, "altertable.client.messages.rejected{client=audit,reason=full}")
	assert.Contains(t, got, "altertable.client.last_success_age{client=audit}")
	assert.Equal(t, map[string]histogram{
		"client=audit,endpoint=track,outcome=delivered":  {1, 2},
		"client=orders,endpoint=track,outcome=delivered": {1, 1},
	}, b.histograms(t, "altertable.client.batch.messages"))
}

// A name may have been read from anywhere, and OTLP takes valid UTF-8 alone.
func TestInvalidUTF8InNames(t *testing.T) {
	b := newBackend()
	collector := b.newCollector(altertableotel.WithClientName("a\xff"), altertableotel.WithEnvironments("b\xff"))
	client, _ := altertabletest.New(t, collector.Option(), altertable.WithEnvironment("b\xff"))
	collector.Observe(client)
	track(t, client, 1)
	require.NoError(t, client.Flush(ctx))
	assert.Contains(t, b.numbers(t), "altertable.client.messages.accepted{client=a\uFFFD}")
	for key := range b.histograms(t, "altertable.client.batch.messages") {
		assert.True(t, utf8.ValidString(key), key)
		assert.Contains(t, key, "environment=b\uFFFD")
	}
}

// Without names they share the time series as well: sums add up, and gauges do not.
func TestCollectorsWithoutNames(t *testing.T) {
	b := newBackend()
	for range 2 {
		collector := b.newCollector()
		client, _ := altertabletest.New(t, collector.Option())
		collector.Observe(client)
		track(t, client, 1)
	}
	got := b.numbers(t)
	assert.EqualValues(t, 2, got["altertable.client.messages.accepted"])
	assert.EqualValues(t, 100_000, got["altertable.client.queue.messages_limit"])
}

// What one collection reports adds up, whatever happens meanwhile.
func TestEverythingAtOnce(t *testing.T) {
	b := newBackend()
	collector := b.newCollector(altertableotel.WithEnvironments("production"))
	var clients []*altertable.Client
	for range 4 {
		client, srv := altertabletest.New(t, collector.Option(), altertable.WithMaxBatchSize(7), altertable.WithMaxQueueSize(50))
		srv.Next(3, altertabletest.Status(422))
		clients = append(clients, client)
	}
	var working sync.WaitGroup
	for i, client := range clients {
		working.Go(func() {
			for n := range 300 {
				_ = client.Track(ctx, altertable.Track{Event: "checkout_completed", DistinctID: "u_42"}) // also full, and closed
				switch {
				case n == 50*i:
					collector.Observe(client)
				case n == 250:
					_ = client.Close() // it tells of the messages that were refused
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { defer close(done); working.Wait() }()
	for last, running := 0.0, true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		last = assertAddsUp(t, b, last)
	}
	got := b.numbers(t)
	assert.EqualValues(t, 4*300, got["altertable.client.messages.accepted"]+rejected(got))
}

func rejected(got map[string]float64) (n float64) {
	for _, reason := range []string{"full", "too_large", "invalid", "closed", "spool"} {
		n += got["altertable.client.messages.rejected{reason="+reason+"}"]
	}
	return n
}

// assertAddsUp returns the messages accepted, which must not be fewer than last.
func assertAddsUp(t *testing.T, b backend, last float64) float64 {
	t.Helper()
	got := b.numbers(t)
	accepted := got["altertable.client.messages.accepted"]
	require.GreaterOrEqual(t, accepted, last)
	require.Equal(t, accepted, got["altertable.client.messages.delivered"]+got["altertable.client.messages.failed"]+
		got["altertable.client.messages.dropped"]+got["altertable.client.queue.messages"])
	return accepted
}

// A second reader collects for itself, at the same time.
func TestTwoReaders(t *testing.T) {
	first, second := sdk.NewManualReader(), sdk.NewManualReader()
	provider := sdk.NewMeterProvider(sdk.WithReader(first), sdk.WithReader(second))
	b, other := backend{provider, first}, backend{provider, second}
	collector := b.newCollector()
	client, _ := altertabletest.New(t, collector.Option())
	collector.Observe(client)
	var reading sync.WaitGroup
	for _, reader := range []backend{b, other} {
		reading.Go(func() {
			for range 50 {
				assert.NoError(t, reader.reader.Collect(context.Background(), &metricdata.ResourceMetrics{}))
			}
		})
	}
	track(t, client, 100)
	reading.Wait()
	require.NoError(t, client.Close())
	assertReports(t, b, client.Stats(), client.Limits())
	assertReports(t, other, client.Stats(), client.Limits())
}
