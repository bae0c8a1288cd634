package otel_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
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

func TestViews(t *testing.T) {
	drop := sdk.NewView(sdk.Instrument{Name: "altertable.client.queue.*"}, sdk.Stream{Aggregation: sdk.AggregationDrop{}})
	flat := sdk.NewView(sdk.Instrument{Name: "altertable.client.messages.rejected"}, sdk.Stream{AttributeFilter: attribute.NewAllowKeysFilter()})
	h := handleErrors(t)
	b := newBackend(sdk.WithView(drop, flat))
	collector := b.newCollector()
	client, _ := altertabletest.New(t, altertable.WithMaxQueueBytes(1024))
	collector.Observe(client)
	require.Error(t, client.Track(ctx, altertable.Track{DistinctID: "u_42"}))
	require.Error(t, client.Track(ctx, altertable.Track{Event: "signed_up", DistinctID: "u_42", Properties: altertable.Properties{"text": string(make([]byte, 2048))}}))

	got := b.numbers(t)
	assert.EqualValues(t, 2, got["altertable.client.messages.rejected"])
	assert.NotContains(t, got, "altertable.client.queue.size")
	assert.NotContains(t, got, "altertable.client.queue.oldest_age")
	assert.Contains(t, got, "altertable.client.requests.failed{reason=errored}")
	assert.Empty(t, h.all())
}

// The global provider hands over to another one once in a process.
var (
	global     = newBackend()
	setGlobal  = sync.OnceFunc(func() { otel.SetMeterProvider(global) })
	globalRuns atomic.Int64
)

// The service sets its provider after the Collector was made, or before.
func TestGlobalProvider(t *testing.T) {
	for name, opts := range map[string][]altertableotel.Option{"default": nil, "nil": {altertableotel.WithMeterProvider(nil)}} {
		t.Run(name, func(t *testing.T) {
			clientName := fmt.Sprint("run_", globalRuns.Add(1))
			collector := altertableotel.NewCollector(append(opts, altertableotel.WithClientName(clientName))...)
			client, _ := altertabletest.New(t, collector.Option())
			collector.Observe(client)
			setGlobal()
			track(t, client, 2)
			require.NoError(t, client.Flush(ctx))
			assert.EqualValues(t, 2, global.numbers(t)["altertable.client.messages.delivered{client="+clientName+"}"])
			assert.Equal(t, histogram{1, 2},
				global.histograms(t, "altertable.client.batch.messages")["client="+clientName+",endpoint=track,outcome=delivered"])
		})
	}
}

func TestShutDownProvider(t *testing.T) {
	h := handleErrors(t)
	b := newBackend()
	before := b.newCollector()
	require.NoError(t, b.Shutdown(ctx))
	for _, collector := range []*altertableotel.Collector{before, b.newCollector()} {
		client, srv := altertabletest.New(t, collector.Option())
		collector.Observe(client)
		track(t, client, 1)
		require.NoError(t, client.Flush(ctx))
		assert.Len(t, srv.Events(), 1)
	}
	assert.ErrorIs(t, b.reader.Collect(ctx, &metricdata.ResourceMetrics{}), sdk.ErrReaderShutdown)
	assert.Empty(t, h.all())
}

var errProvider = errors.New("no instruments today")

// A refusing provider makes no instrument, or a part of them.
type refusing struct {
	noop.MeterProvider
	meter metric.Meter
}

func (p refusing) Meter(string, ...metric.MeterOption) metric.Meter { return p.meter }

type refusesAll struct{ noop.Meter }

func (refusesAll) Int64ObservableCounter(string, ...metric.Int64ObservableCounterOption) (metric.Int64ObservableCounter, error) {
	return nil, errProvider
}

func (refusesAll) Int64ObservableUpDownCounter(string, ...metric.Int64ObservableUpDownCounterOption) (metric.Int64ObservableUpDownCounter, error) {
	return nil, errProvider
}

func (refusesAll) Int64ObservableGauge(string, ...metric.Int64ObservableGaugeOption) (metric.Int64ObservableGauge, error) {
	return nil, errProvider
}

func (refusesAll) Float64ObservableGauge(string, ...metric.Float64ObservableGaugeOption) (metric.Float64ObservableGauge, error) {
	return nil, errProvider
}

func (refusesAll) Int64Histogram(string, ...metric.Int64HistogramOption) (metric.Int64Histogram, error) {
	return nil, errProvider
}

func (refusesAll) Float64Histogram(string, ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	return nil, errProvider
}

func (refusesAll) RegisterCallback(metric.Callback, ...metric.Observable) (metric.Registration, error) {
	return nil, errProvider
}

// refusesGauges makes the other instruments.
type refusesGauges struct{ metric.Meter }

func (refusesGauges) Int64ObservableGauge(string, ...metric.Int64ObservableGaugeOption) (metric.Int64ObservableGauge, error) {
	return nil, errProvider
}

func (refusesGauges) Float64ObservableGauge(string, ...metric.Float64ObservableGaugeOption) (metric.Float64ObservableGauge, error) {
	return nil, errProvider
}

func TestErrorsOfTheProvider(t *testing.T) {
	h := handleErrors(t)
	collector := altertableotel.NewCollector(altertableotel.WithMeterProvider(refusing{meter: refusesAll{}}))
	assert.Equal(t, len(instruments)+1, h.count(errProvider), "of each instrument, and of the registration")
	client, srv := altertabletest.New(t, collector.Option())
	collector.Observe(client)
	track(t, client, 1)
	require.NoError(t, client.Flush(ctx))
	assert.Len(t, srv.Events(), 1)
}

func TestOtherInstrumentsGoOn(t *testing.T) {
	h := handleErrors(t)
	b := newBackend()
	collector := altertableotel.NewCollector(altertableotel.WithMeterProvider(refusing{meter: refusesGauges{
		b.Meter(scopeName, metric.WithInstrumentationVersion(altertable.Version))}}))
	assert.Equal(t, 6, h.count(errProvider))
	client, _ := altertabletest.New(t, collector.Option())
	collector.Observe(client)
	track(t, client, 1)
	require.NoError(t, client.Flush(ctx))
	assert.Len(t, b.collect(t), len(instruments)-6)
	assert.EqualValues(t, 1, b.numbers(t)["altertable.client.messages.delivered"])
}

func TestNoopProvider(t *testing.T) {
	h := handleErrors(t)
	collector := altertableotel.NewCollector(altertableotel.WithMeterProvider(noop.NewMeterProvider()))
	client, srv := altertabletest.New(t, collector.Option())
	collector.Observe(client)
	track(t, client, 1)
	require.NoError(t, client.Flush(ctx))
	assert.Len(t, srv.Events(), 1)
	assert.Empty(t, h.all())
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
