// Package otelhttp_test shows the client's requests as OpenTelemetry spans.
package otelhttp_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"testing"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// Each request of the client is a span. It carries the events of many callers,
// so it is no child of theirs.
func Example() {
	spans := tracetest.NewSpanRecorder() // yours exports them
	provider := trace.NewTracerProvider(trace.WithSpanProcessor(spans))

	transport := otelhttp.NewTransport(http.DefaultTransport, otelhttp.WithTracerProvider(provider))
	client, err := altertable.NewFromEnv(altertable.WithHTTPClient(&http.Client{Transport: transport}))
	if err != nil {
		log.Fatal(err)
	}
	if err := client.Track(context.Background(), altertable.Track{Event: "checkout_completed", DistinctID: "u_42"}); err != nil {
		log.Print(err)
	}
	if err := client.Close(); err != nil {
		log.Print(err)
	}

	for _, span := range spans.Ended() {
		fmt.Println(span.Name(), span.SpanKind(), span.Parent().IsValid())
	}
	// Output: HTTP POST client false
}

// TestMain points the example at a server that runs in this process.
func TestMain(m *testing.M) {
	server := altertabletest.NewServer()
	for name, value := range map[string]string{"ALTERTABLE_API_KEY": "key", "ALTERTABLE_BASE_URL": server.URL} {
		if err := os.Setenv(name, value); err != nil {
			log.Fatal(err)
		}
	}
	code := m.Run()
	server.Close()
	os.Exit(code)
}
