package operations

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
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

func end(ctx context.Context, server *http.Server, client *altertable.Client, provider *metric.MeterProvider) error {
	return errors.Join(server.Shutdown(ctx), client.Shutdown(ctx), provider.Shutdown(ctx))
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
