package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	otelexporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
	"github.com/altertable-ai/altertable-go/telemetry/otel"
	altertableprom "github.com/altertable-ai/altertable-go/telemetry/prometheus"
)

// gather returns a line for each series of a scrape, with its type, labels, value
// and buckets, but without the labels that say which library made it. It leaves
// out histograms without a value: OpenTelemetry has none, and client_golang has
// them so that a first value is an increase.
func gather(t *testing.T, registry *prometheus.Registry) []string {
	t.Helper()
	families, err := registry.Gather()
	require.NoError(t, err)
	var lines []string
	for _, family := range families {
		if name := family.GetName(); name == "target_info" || name == "otel_scope_info" {
			continue
		}
		for _, m := range family.GetMetric() {
			if m.GetHistogram() != nil && m.GetHistogram().GetSampleCount() == 0 {
				continue
			}
			line := fmt.Sprintf("%s{%s} %s %v", family.GetName(), labelsOf(m), family.GetType(),
				m.GetCounter().GetValue()+m.GetGauge().GetValue()+m.GetHistogram().GetSampleSum())
			for _, b := range m.GetHistogram().GetBucket() {
				line += fmt.Sprintf(" %v:%d", b.GetUpperBound(), b.GetCumulativeCount())
			}
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return lines
}

func labelsOf(m *dto.Metric) string {
	var labels []string
	for _, l := range m.GetLabel() {
		if !strings.HasPrefix(l.GetName(), "otel_scope_") {
			labels = append(labels, l.GetName()+"="+l.GetValue())
		}
	}
	slices.Sort(labels)
	return strings.Join(labels, ",")
}

// exchange sends messages of each kind, of which some are refused at the call,
// some are refused by the server, and some are lost.
func exchange(t *testing.T, client *altertable.Client, srv *altertabletest.Server) {
	t.Helper()
	ctx := t.Context()
	for _, environment := range []string{"production", "staging", "somebody's"} {
		require.NoError(t, client.Track(ctx, altertable.Track{Event: "order_placed", DistinctID: "u_42", Environment: environment}))
	}
	require.NoError(t, client.Identify(ctx, altertable.Identify{DistinctID: "u_42"}))
	require.NoError(t, client.Alias(ctx, altertable.Alias{DistinctID: "u_42", NewUserID: "u_43"}))
	require.NoError(t, client.Flush(ctx))
	require.Error(t, client.Track(ctx, altertable.Track{}))

	srv.Next(1, altertabletest.Status(503))
	srv.Next(1, altertabletest.Status(401))
	require.NoError(t, client.Track(ctx, altertable.Track{Event: "order_placed", DistinctID: "u_42"}))
	require.Error(t, client.Flush(ctx))

	srv.Always(altertabletest.Hang())
	require.NoError(t, client.Track(ctx, altertable.Track{Event: "order_placed", DistinctID: "u_42"}))
	time.Sleep(1500 * time.Millisecond) // it is in flight, and counts in each gauge
}

// One dashboard, and one file of alerts, serve both libraries.
func TestBothLibrariesSayTheSame(t *testing.T) {
	for _, test := range []struct {
		name       string
		prometheus []altertableprom.Option
		otel       []otel.Option
	}{
		{name: "by default"},
		{"with a client's name", []altertableprom.Option{altertableprom.WithClientName("shop")}, []otel.Option{otel.WithClientName("shop")}},
		{
			"with environments",
			[]altertableprom.Option{altertableprom.WithEnvironments("production", "staging")},
			[]otel.Option{otel.WithEnvironments("production", "staging")},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				ours := prometheus.NewRegistry()
				promCollector := altertableprom.NewCollector(test.prometheus...)
				ours.MustRegister(promCollector)

				theirs := prometheus.NewRegistry()
				exporter, err := otelexporter.New(otelexporter.WithRegisterer(theirs))
				require.NoError(t, err)
				provider := metric.NewMeterProvider(metric.WithReader(exporter))
				otelCollector := otel.NewCollector(append(test.otel, otel.WithMeterProvider(provider))...)

				client, srv := altertabletest.New(t, promCollector.Option(), otelCollector.Option())
				stored, storedSrv := altertabletest.New(t, promCollector.Option(), otelCollector.Option(), altertable.WithSpool(dir))
				exchange(t, client, srv)
				lines := gather(t, ours)
				assert.NotEmpty(t, lines, "the histograms need no Observe")
				assert.Equal(t, lines, gather(t, theirs))

				promCollector.Observe(client)
				otelCollector.Observe(client)
				time.Sleep(time.Second)
				assertSame(t, ours, theirs)

				require.NoError(t, stored.Track(t.Context(), altertable.Track{Event: "order_placed", DistinctID: "u_42"}))
				promCollector.Observe(stored)
				otelCollector.Observe(stored)
				time.Sleep(3 * time.Second)
				require.NoError(t, storedSrv.WaitEvents(t.Context(), 1))
				assertSame(t, ours, theirs)

				srv.ClearFaults()
				require.NoError(t, client.Close())
				storedSrv.Always(altertabletest.Status(503))
				require.NoError(t, stored.Track(t.Context(), altertable.Track{Event: "order_placed", DistinctID: "u_42"}))
				assertSame(t, ours, theirs)
				require.NoError(t, stored.Close())
				require.NotZero(t, stored.Stats().Queued, "left on disk")
				assertSame(t, ours, theirs)
				require.NoError(t, provider.Shutdown(t.Context()))
			})
		})
	}
}

// assertSame compares what the two registries have, and that it is something.
func assertSame(t *testing.T, ours, theirs *prometheus.Registry) {
	t.Helper()
	lines := gather(t, ours)
	assert.Equal(t, lines, gather(t, theirs))
	names := map[string]bool{}
	for _, line := range lines {
		name, _, _ := strings.Cut(line, "{")
		names[name] = true
	}
	assert.Len(t, names, 21, "each metric is there")
}
