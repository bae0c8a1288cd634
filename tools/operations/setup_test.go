package operations

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
	"github.com/altertable-ai/altertable-go/natsqueue"
	altertableotel "github.com/altertable-ai/altertable-go/telemetry/otel"
	altertableprom "github.com/altertable-ai/altertable-go/telemetry/prometheus"
)

// What the documents show of the nested modules is in these functions, line by
// line: quotes_test.go compares them.

func withPrometheus(registry *prometheus.Registry, use func(*altertable.Client)) error {
	collector := altertableprom.NewCollector()
	registry.MustRegister(collector)
	client, err := altertable.NewFromEnv(collector.Option())
	if err != nil {
		return err
	}
	collector.Observe(client)
	use(client)
	return nil
}

func withOpenTelemetry(use func(*altertable.Client)) error {
	collector := altertableotel.NewCollector() // of the global MeterProvider; WithMeterProvider names another
	client, err := altertable.NewFromEnv(collector.Option())
	if err != nil {
		return err
	}
	collector.Observe(client)
	use(client)
	return nil
}

func withTraces(use func(*altertable.Client)) error {
	client, err := altertable.NewFromEnv(altertable.WithPropertiesFunc(altertableotel.TraceContext()))
	if err != nil {
		return err
	}
	use(client)
	return nil
}

func withNATS(use func(*altertable.Client)) error {
	nc, err := nats.Connect("nats://nats:4222", natsqueue.ConnectOptions()...)
	if err != nil {
		return err
	}
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	queue := natsqueue.New(js, "shop") // the tenant, whose key the relay has
	client, err := altertable.New("nats", altertable.WithHTTPClient(&http.Client{Transport: queue}))
	if err != nil {
		return err
	}
	use(client)
	return nil
}

var _ = withNATS // there is no broker here: natsqueue's own tests have one

func end(ctx context.Context, server *http.Server, client *altertable.Client, provider *metric.MeterProvider) error {
	err := errors.Join(server.Shutdown(ctx), client.Shutdown(ctx))
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	return errors.Join(err, provider.Shutdown(last))
}

// An exported is a metric.Exporter that keeps the sums of what could still be sent.
type exported map[string]int64

func (exported) Temporality(metric.InstrumentKind) metricdata.Temporality {
	return metricdata.CumulativeTemporality
}
func (exported) Aggregation(kind metric.InstrumentKind) metric.Aggregation {
	return metric.DefaultAggregationSelector(kind)
}
func (exported) ForceFlush(context.Context) error { return nil }
func (exported) Shutdown(context.Context) error   { return nil }

func (e exported) Export(ctx context.Context, metrics *metricdata.ResourceMetrics) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, scope := range metrics.ScopeMetrics {
		for _, m := range scope.Metrics {
			if sum, ok := m.Data.(metricdata.Sum[int64]); ok {
				e[m.Name] = sum.DataPoints[0].Value
			}
		}
	}
	return nil
}

// What a Shutdown that runs out of time loses is counted by the last export.
func TestLastNumbersLeave(t *testing.T) {
	numbers := exported{}
	provider := metric.NewMeterProvider(metric.WithReader(metric.NewPeriodicReader(numbers, metric.WithInterval(time.Hour))))
	collector := altertableotel.NewCollector(altertableotel.WithMeterProvider(provider))
	client, srv := altertabletest.New(t, collector.Option(), altertable.WithOnError(func(error) {}))
	collector.Observe(client)
	srv.Always(altertabletest.Status(503))
	require.NoError(t, client.Track(t.Context(), altertable.Track{Event: "signed_up", DistinctID: "u_42"}))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, end(ctx, &http.Server{}, client, provider), context.Canceled)
	assert.Equal(t, int64(1), numbers["altertable.client.messages.dropped"])
}

func TestSetup(t *testing.T) {
	srv := altertabletest.NewServer()
	defer srv.Close()
	t.Setenv("ALTERTABLE_API_KEY", altertabletest.APIKey)
	t.Setenv("ALTERTABLE_BASE_URL", srv.URL)
	registry := prometheus.NewRegistry()
	for _, setup := range []func(func(*altertable.Client)) error{
		func(use func(*altertable.Client)) error { return withPrometheus(registry, use) },
		withOpenTelemetry,
		withTraces,
	} {
		srv.Reset()
		require.NoError(t, setup(func(client *altertable.Client) {
			assert.NoError(t, client.Track(t.Context(), altertable.Track{Event: "signed_up", DistinctID: "u_42"}))
			assert.NoError(t, end(t.Context(), &http.Server{}, client, metric.NewMeterProvider()))
		}))
		assert.Len(t, srv.Events(), 1)
	}
	gathered, err := registry.Gather()
	require.NoError(t, err)
	assert.NotEmpty(t, gathered)
}
