package otel

import (
	"context"

	"go.opentelemetry.io/otel/trace"

	"github.com/altertable-ai/altertable-go"
)

// The names of the properties.
const (
	traceID = "trace_id"
	spanID  = "span_id"
)

// TraceContext returns a function for altertable.WithPropertiesFunc that puts the
// properties trace_id and span_id on each Track: the ids of the span in the ctx
// that Track is given, as 32 and 16 hex digits, lower case. Without it, events
// carry no trace. With it, a query joins them with spans, wherever these are kept:
//
//	SELECT e.event, e.timestamp, s.name, s.duration_ms
//	FROM events e
//	JOIN spans s ON s.trace_id = e.properties->>'trace_id' AND s.span_id = e.properties->>'span_id'
//
// The span may have ended, may be a remote one (a server's without a span of its
// own gives the caller's), and need not be sampled: whether it was is often decided
// elsewhere, and logs carry the id all the same. So a join may find no span.
// Without a valid span in ctx, or with a nil ctx, the function returns nil. It does
// not block. Each map that it returns is new and the caller's.
//
// The ctx has to be the one that carries the span: the request's, so
// c.Request.Context() with gin. Properties of the Track itself, and those of
// altertable.ContextWithProperties, win over these of the same name. Of several
// WithPropertiesFunc the last one counts, so a function of one's own calls this one:
//
//	ids := altertableotel.TraceContext()
//	altertable.WithPropertiesFunc(func(ctx context.Context) altertable.Properties {
//		p := altertable.Properties{"region": region}
//		maps.Copy(p, ids(ctx))
//		return p
//	})
func TraceContext() func(context.Context) altertable.Properties { return traceContext }

func traceContext(ctx context.Context) altertable.Properties {
	span := trace.SpanContextFromContext(ctx)
	if !span.IsValid() {
		return nil
	}
	return altertable.Properties{traceID: span.TraceID().String(), spanID: span.SpanID().String()}
}
