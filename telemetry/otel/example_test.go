package otel_test

import (
	"context"
	"fmt"
	"maps"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
	altertableotel "github.com/altertable-ai/altertable-go/telemetry/otel"
)

// The service sets a global MeterProvider, as for its other metrics. Here its
// reader is asked by hand, and a server of the test kit takes the events.
func Example() {
	reader := metric.NewManualReader()
	otel.SetMeterProvider(metric.NewMeterProvider(metric.WithReader(reader)))
	srv := altertabletest.NewServer()
	defer srv.Close()

	collector := altertableotel.NewCollector()
	client, err := altertable.New("key", altertable.WithBaseURL(srv.URL), collector.Option())
	if err != nil {
		fmt.Println(err)
		return
	}
	collector.Observe(client)

	ctx := context.Background()
	_ = client.Track(ctx, altertable.Track{Event: "checkout_completed", DistinctID: "u_42"})
	_ = client.Close()

	var collected metricdata.ResourceMetrics
	_ = reader.Collect(ctx, &collected)
	for _, scope := range collected.ScopeMetrics {
		for _, m := range scope.Metrics {
			if sum, ok := m.Data.(metricdata.Sum[int64]); ok && sum.DataPoints[0].Value > 0 {
				fmt.Println(m.Name, sum.DataPoints[0].Value, m.Unit)
			}
		}
	}
	// Output:
	// altertable.client.messages.accepted 1 {message}
	// altertable.client.messages.delivered 1 {message}
	// altertable.client.requests 1 {request}
}

// Each client has a Collector of its own, so that their numbers are told apart.
func ExampleWithClientName() {
	srv := altertabletest.NewServer()
	defer srv.Close()
	for _, name := range []string{"orders", "audit"} {
		collector := altertableotel.NewCollector(altertableotel.WithClientName(name))
		client, _ := altertable.New("key", altertable.WithBaseURL(srv.URL), collector.Option())
		collector.Observe(client)
		defer client.Close()
	}
}

// The key is rotated: the counts of the old client stay in the sums.
func ExampleCollector_Observe() {
	srv := altertabletest.NewServer()
	defer srv.Close()
	reader := metric.NewManualReader()
	provider := metric.NewMeterProvider(metric.WithReader(reader))
	collector := altertableotel.NewCollector(altertableotel.WithMeterProvider(provider))
	for _, key := range []string{"old", "new"} {
		client, _ := altertable.New(key, altertable.WithBaseURL(srv.URL), collector.Option())
		collector.Observe(client)
		_ = client.Track(context.Background(), altertable.Track{Event: "signed_up", DistinctID: "u_42"})
		_ = client.Close()

		var collected metricdata.ResourceMetrics
		_ = reader.Collect(context.Background(), &collected)
		for _, m := range collected.ScopeMetrics[0].Metrics {
			if m.Name == "altertable.client.messages.delivered" {
				fmt.Println("delivered:", m.Data.(metricdata.Sum[int64]).DataPoints[0].Value)
			}
		}
	}
	// Output:
	// delivered: 1
	// delivered: 2
}

// The event carries the span in which it happened.
func ExampleTraceContext() {
	srv := altertabletest.NewServer()
	defer srv.Close()
	client, _ := altertable.New("key", altertable.WithBaseURL(srv.URL),
		altertable.WithPropertiesFunc(altertableotel.TraceContext()))

	tracer := trace.NewTracerProvider().Tracer("shop")
	ctx, span := tracer.Start(context.Background(), "POST /checkout")
	_ = client.Track(ctx, altertable.Track{Event: "checkout_completed", DistinctID: "u_42"})
	span.End()
	_ = client.Close()

	event := srv.Events()[0]
	fmt.Println(event.Properties["trace_id"] == span.SpanContext().TraceID().String())
	fmt.Println(event.Properties["span_id"] == span.SpanContext().SpanID().String())
	// Output:
	// true
	// true
}

// Of several WithPropertiesFunc the last one counts. So a function of one's own
// adds the span's ids to what it returns.
func ExampleTraceContext_composition() {
	srv := altertabletest.NewServer()
	defer srv.Close()
	ids := altertableotel.TraceContext()
	client, _ := altertable.New("key", altertable.WithBaseURL(srv.URL),
		altertable.WithPropertiesFunc(func(ctx context.Context) altertable.Properties {
			p := altertable.Properties{"region": "eu"}
			maps.Copy(p, ids(ctx))
			return p
		}))

	ctx, span := trace.NewTracerProvider().Tracer("shop").Start(context.Background(), "POST /checkout")
	_ = client.Track(ctx, altertable.Track{Event: "checkout_completed", DistinctID: "u_42"})
	span.End()
	_ = client.Track(context.Background(), altertable.Track{Event: "invoice_sent", DistinctID: "u_42"}) // by a job without a span
	_ = client.Close()
	for _, e := range srv.Events() {
		fmt.Println(e.Event, e.Properties["region"], e.Properties["trace_id"] != nil)
	}
	// Output:
	// checkout_completed eu true
	// invoice_sent eu false
}
