package otel_test

import (
	"context"
	"maps"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
	altertableotel "github.com/altertable-ai/altertable-go/telemetry/otel"
)

var (
	someTrace = trace.TraceID{0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6, 0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36}
	someSpan  = trace.SpanID{0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7}
)

func spanOf(config trace.SpanContextConfig) context.Context {
	return trace.ContextWithSpanContext(context.Background(), trace.NewSpanContext(config))
}

func TestTraceContext(t *testing.T) {
	ids := altertable.Properties{"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "span_id": "00f067aa0ba902b7"}
	for name, run := range map[string]struct {
		ctx  context.Context
		want altertable.Properties
	}{
		"sampled":          {spanOf(trace.SpanContextConfig{TraceID: someTrace, SpanID: someSpan, TraceFlags: trace.FlagsSampled}), ids},
		"not sampled":      {spanOf(trace.SpanContextConfig{TraceID: someTrace, SpanID: someSpan}), ids},
		"remote":           {spanOf(trace.SpanContextConfig{TraceID: someTrace, SpanID: someSpan, Remote: true}), ids},
		"no span":          {context.Background(), nil},
		"nil":              {nil, nil},
		"no span's id":     {spanOf(trace.SpanContextConfig{TraceID: someTrace}), nil},
		"no trace's id":    {spanOf(trace.SpanContextConfig{SpanID: someSpan}), nil},
		"a span of nobody": {trace.ContextWithSpan(context.Background(), nil), nil},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, run.want, altertableotel.TraceContext()(run.ctx))
		})
	}
}

// Each map is the caller's.
func TestTraceContextMakesNewMaps(t *testing.T) {
	in := spanOf(trace.SpanContextConfig{TraceID: someTrace, SpanID: someSpan})
	ids := altertableotel.TraceContext()
	clear(ids(in))
	assert.Len(t, ids(in), 2)
}

func TestEventsCarryTheirSpan(t *testing.T) {
	recorder := tracetest.NewSpanRecorder()
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder)).Tracer("test")
	client, srv := altertabletest.New(t, altertable.WithPropertiesFunc(altertableotel.TraceContext()))
	outer, end := tracer.Start(ctx, "checkout")
	inner, ended := tracer.Start(outer, "payment")
	for name, in := range map[string]context.Context{"checkout_completed": outer, "payment_received": inner, "job_done": nil} {
		require.NoError(t, client.Track(in, altertable.Track{Event: name, DistinctID: "u_42"}))
	}
	ended.End()
	require.NoError(t, client.Track(inner, altertable.Track{Event: "receipt_sent", DistinctID: "u_42"}))
	require.NoError(t, client.Identify(inner, altertable.Identify{DistinctID: "u_42", Traits: altertable.Traits{"plan": "pro"}}))
	end.End()
	require.NoError(t, client.Flush(ctx))

	spans := map[string]altertable.Properties{}
	for _, span := range recorder.Ended() {
		spans[span.Name()] = altertable.Properties{
			"trace_id": span.SpanContext().TraceID().String(), "span_id": span.SpanContext().SpanID().String()}
	}
	assert.Equal(t, spans["checkout"]["trace_id"], spans["payment"]["trace_id"])
	srv.RequireEvent(t, altertabletest.Want{Event: "checkout_completed", Properties: spans["checkout"]})
	srv.RequireEvent(t, altertabletest.Want{Event: "payment_received", Properties: spans["payment"]})
	srv.RequireEvent(t, altertabletest.Want{Event: "receipt_sent", Properties: spans["payment"]})
	for name := range spans["payment"] {
		assert.NotContains(t, srv.RequireEvent(t, altertabletest.Want{Event: "job_done"}).Properties, name)
		person, ok := srv.Identity("production", "u_42")
		assert.True(t, ok)
		assert.NotContains(t, person.Traits, name)
	}
}

func TestNoTraceWithoutAsking(t *testing.T) {
	b := newBackend()
	collector := b.newCollector()
	client, srv := altertabletest.New(t, collector.Option())
	collector.Observe(client)
	in := spanOf(trace.SpanContextConfig{TraceID: someTrace, SpanID: someSpan, TraceFlags: trace.FlagsSampled})
	require.NoError(t, client.Track(in, altertable.Track{Event: "signed_up", DistinctID: "u_42"}))
	require.NoError(t, client.Flush(ctx))
	properties := srv.RequireEvent(t, altertabletest.Want{Event: "signed_up"}).Properties
	assert.NotContains(t, properties, "trace_id")
	assert.NotContains(t, properties, "span_id")
}

func TestWhichPropertiesWin(t *testing.T) {
	in := spanOf(trace.SpanContextConfig{TraceID: someTrace, SpanID: someSpan})
	client, srv := altertabletest.New(t, altertable.WithPropertiesFunc(altertableotel.TraceContext()),
		altertable.WithDefaultProperties(altertable.Properties{"trace_id": "default", "span_id": "default"}))
	own := altertable.Properties{"trace_id": "own"}
	require.NoError(t, client.Track(in, altertable.Track{Event: "signed_up", DistinctID: "u_42", Properties: own}))
	of := altertable.ContextWithProperties(in, altertable.Properties{"span_id": "of the context"})
	require.NoError(t, client.Track(of, altertable.Track{Event: "plan_upgraded", DistinctID: "u_42"}))
	require.NoError(t, client.Flush(ctx))
	srv.RequireEvent(t, altertabletest.Want{Event: "signed_up", Properties: altertable.Properties{"trace_id": "own", "span_id": someSpan.String()}})
	srv.RequireEvent(t, altertabletest.Want{Event: "plan_upgraded", Properties: altertable.Properties{"trace_id": someTrace.String(), "span_id": "of the context"}})
	assert.Equal(t, altertable.Properties{"trace_id": "own"}, own)
}

func TestTraceContextWithOwnFunction(t *testing.T) {
	ids := altertableotel.TraceContext()
	client, srv := altertabletest.New(t, altertable.WithPropertiesFunc(ids), altertable.WithPropertiesFunc(func(ctx context.Context) altertable.Properties {
		p := altertable.Properties{"region": "eu"}
		maps.Copy(p, ids(ctx))
		return p
	}))
	in := spanOf(trace.SpanContextConfig{TraceID: someTrace, SpanID: someSpan})
	require.NoError(t, client.Track(in, altertable.Track{Event: "signed_up", DistinctID: "u_42"}))
	require.NoError(t, client.Track(ctx, altertable.Track{Event: "plan_upgraded", DistinctID: "u_42"}))
	require.NoError(t, client.Flush(ctx))
	srv.RequireEvent(t, altertabletest.Want{Event: "signed_up", Properties: altertable.Properties{"region": "eu", "trace_id": someTrace.String()}})
	srv.RequireEvent(t, altertabletest.Want{Event: "plan_upgraded", Properties: altertable.Properties{"region": "eu"}})
}
