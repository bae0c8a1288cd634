package otel_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"

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
	var log bytes.Buffer
	client, srv := altertabletest.New(t, collector.Option(), altertable.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	collector.Observe(client)
	track(t, client, 1)
	require.NoError(t, client.Close())
	assert.Len(t, srv.Events(), 1)
	assert.Empty(t, log.String(), "no callback panics")
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

// keeps hands out the callback that it is given.
type keeps struct {
	noop.Meter
	callbacks *[]metric.Callback
}

func (k keeps) RegisterCallback(f metric.Callback, _ ...metric.Observable) (metric.Registration, error) {
	*k.callbacks = append(*k.callbacks, f)
	return noop.Registration{}, nil
}

// What a collection costs beside the SDK's part is a sum in memory.
func TestOneCallbackThatHardlyAllocates(t *testing.T) {
	var callbacks []metric.Callback
	collector := altertableotel.NewCollector(altertableotel.WithClientName("orders"),
		altertableotel.WithMeterProvider(refusing{meter: keeps{callbacks: &callbacks}}))
	for range 3 {
		client, _ := altertabletest.New(t)
		collector.Observe(client)
	}
	require.Len(t, callbacks, 1)
	assert.LessOrEqual(t, testing.AllocsPerRun(100, func() {
		assert.NoError(t, callbacks[0](context.Background(), noop.Observer{}))
	}), 2.0)
}
