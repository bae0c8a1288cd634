package otel_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/trace"

	"github.com/altertable-ai/altertable-go"
	altertableotel "github.com/altertable-ai/altertable-go/telemetry/otel"
)

// discard is a server that takes everything at once.
type discard struct{}

func (discard) RoundTrip(r *http.Request) (*http.Response, error) {
	_, err := io.Copy(io.Discard, r.Body)
	_ = r.Body.Close() // it returns nil
	return &http.Response{StatusCode: 200, Body: http.NoBody, Header: http.Header{}}, err
}

func newBenchClient(tb testing.TB, opts ...altertable.Option) *altertable.Client {
	client, err := altertable.New("key", append(opts, altertable.WithHTTPClient(&http.Client{Transport: discard{}}),
		altertable.WithOverflow(altertable.Block), altertable.WithLogger(slog.New(slog.DiscardHandler)))...)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = client.Close() })
	return client
}

var checkout = altertable.Track{
	Event:      "checkout_completed",
	DistinctID: "u_01jza857w4f23s1hf2s61befmw",
	Properties: altertable.Properties{
		"revenue": 129.9, "plan": "pro", "currency": "EUR", "items": 3,
		"trial": false, "coupon": "WELCOME10", "cart_id": "cart_8f14e45fceea", "seats": 5,
	},
}

// BenchmarkTrack is the call with the sender running, without this package, and
// with each part of it. A user's own function that returns two constants is the
// least that WithPropertiesFunc can cost.
func BenchmarkTrack(b *testing.B) {
	in := spanOf(trace.SpanContextConfig{TraceID: someTrace, SpanID: someSpan, TraceFlags: trace.FlagsSampled})
	collector := newBackend().newCollector(altertableotel.WithEnvironments("production"))
	constants := altertable.Properties{"trace_id": someTrace.String(), "span_id": someSpan.String()}
	for _, run := range []struct {
		name string
		ctx  context.Context
		opts []altertable.Option
	}{
		{"plain", in, nil},
		{"collector", in, []altertable.Option{collector.Option()}},
		{"constants", in, []altertable.Option{altertable.WithPropertiesFunc(func(context.Context) altertable.Properties { return constants })}},
		{"trace", in, []altertable.Option{altertable.WithPropertiesFunc(altertableotel.TraceContext())}},
		{"trace without a span", context.Background(), []altertable.Option{altertable.WithPropertiesFunc(altertableotel.TraceContext())}},
	} {
		b.Run(run.name, func(b *testing.B) {
			client := newBenchClient(b, run.opts...)
			b.ReportAllocs()
			for b.Loop() {
				if err := client.Track(run.ctx, checkout); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkTraceContext(b *testing.B) {
	in := spanOf(trace.SpanContextConfig{TraceID: someTrace, SpanID: someSpan, TraceFlags: trace.FlagsSampled})
	ids := altertableotel.TraceContext()
	b.ReportAllocs()
	for b.Loop() {
		ids(in)
	}
}

// BenchmarkCollect is one collection of all instruments.
func BenchmarkCollect(b *testing.B) {
	backend := newBackend()
	collector := backend.newCollector(altertableotel.WithClientName("orders"))
	collector.Observe(newBenchClient(b))
	var all metricdata.ResourceMetrics
	b.ReportAllocs()
	for b.Loop() {
		require.NoError(b, backend.reader.Collect(context.Background(), &all))
	}
}
