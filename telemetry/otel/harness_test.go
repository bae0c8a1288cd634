package otel_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/goleak"

	"github.com/altertable-ai/altertable-go"
	altertableotel "github.com/altertable-ai/altertable-go/telemetry/otel"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// scopeName is the module's path.
const scopeName = "github.com/altertable-ai/altertable-go/telemetry/otel"

// A backend is a MeterProvider and what it collects.
type backend struct {
	*metric.MeterProvider
	reader *metric.ManualReader
}

func newBackend(opts ...metric.Option) backend {
	reader := metric.NewManualReader()
	return backend{metric.NewMeterProvider(append(opts, metric.WithReader(reader))...), reader}
}

// newCollector returns a Collector that reports to b.
func (b backend) newCollector(opts ...altertableotel.Option) *altertableotel.Collector {
	return altertableotel.NewCollector(append(opts, altertableotel.WithMeterProvider(b))...)
}

// collect returns the metrics by name, each of which must be there once.
func (b backend) collect(t testing.TB) map[string]metricdata.Metrics {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, b.reader.Collect(context.Background(), &all))
	metrics := map[string]metricdata.Metrics{}
	for _, scope := range all.ScopeMetrics {
		assert.Equal(t, scopeName, scope.Scope.Name)
		assert.Equal(t, altertable.Version, scope.Scope.Version)
		for _, m := range scope.Metrics {
			require.NotContains(t, metrics, m.Name)
			metrics[m.Name] = m
		}
	}
	return metrics
}

// numbers returns the values of all time series, except for the histograms', by
// name and attributes: altertable.client.messages.rejected{reason=full}.
func (b backend) numbers(t testing.TB) map[string]float64 {
	t.Helper()
	all := map[string]float64{}
	for name, m := range b.collect(t) {
		switch data := m.Data.(type) {
		case metricdata.Sum[int64]:
			addPoints(t, all, name, data.DataPoints)
		case metricdata.Gauge[int64]:
			addPoints(t, all, name, data.DataPoints)
		case metricdata.Gauge[float64]:
			addPoints(t, all, name, data.DataPoints)
		}
	}
	return all
}

func addPoints[N int64 | float64](t testing.TB, all map[string]float64, name string, points []metricdata.DataPoint[N]) {
	t.Helper()
	for _, p := range points {
		key := keyOf(name, p.Attributes)
		require.NotContains(t, all, key)
		all[key] = float64(p.Value)
	}
}

func keyOf(name string, attributes attribute.Set) string {
	if attributes.Len() == 0 {
		return name
	}
	return name + "{" + attributes.Encoded(attribute.DefaultEncoder()) + "}"
}

// A histogram is what a test looks at of one.
type histogram struct {
	Count uint64
	Sum   float64
}

// histograms returns the time series of the histogram of that name by attributes.
func (b backend) histograms(t testing.TB, name string) map[string]histogram {
	t.Helper()
	all := map[string]histogram{}
	switch data := b.collect(t)[name].Data.(type) {
	case metricdata.Histogram[int64]:
		for _, p := range data.DataPoints {
			all[p.Attributes.Encoded(attribute.DefaultEncoder())] = histogram{p.Count, float64(p.Sum)}
		}
	case metricdata.Histogram[float64]:
		for _, p := range data.DataPoints {
			all[p.Attributes.Encoded(attribute.DefaultEncoder())] = histogram{p.Count, p.Sum}
		}
	}
	return all
}

// handled collects what otel.Handle is given during a test.
type handled struct {
	mu     sync.Mutex
	errors []error
}

func handleErrors(t *testing.T) *handled {
	h := &handled{}
	before := otel.GetErrorHandler()
	otel.SetErrorHandler(h)
	t.Cleanup(func() { otel.SetErrorHandler(before) })
	return h
}

func (h *handled) Handle(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.errors = append(h.errors, err)
}

func (h *handled) count(target error) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, err := range h.errors {
		if errors.Is(err, target) {
			n++
		}
	}
	return n
}

func (h *handled) all() []error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]error(nil), h.errors...)
}

var ctx = context.Background()

// track sends n events of u_42.
func track(t testing.TB, client *altertable.Client, n int) {
	t.Helper()
	for range n {
		require.NoError(t, client.Track(ctx, altertable.Track{Event: "checkout_completed", DistinctID: "u_42"}))
	}
}

// expired is a context whose time is over.
func expired() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
