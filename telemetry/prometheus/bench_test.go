package prometheus_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	altertableprom "github.com/altertable-ai/altertable-go/telemetry/prometheus"
)

// discard is a server that takes everything at once.
type discard struct{}

func (discard) RoundTrip(r *http.Request) (*http.Response, error) {
	_, err := io.Copy(io.Discard, r.Body)
	_ = r.Body.Close() // it returns nil
	return &http.Response{StatusCode: 200, Body: http.NoBody, Header: http.Header{}}, err
}

func newBenchClient(tb testing.TB, opts ...altertable.Option) *altertable.Client {
	client, err := altertable.New("key", append([]altertable.Option{
		altertable.WithHTTPClient(&http.Client{Transport: discard{}}),
		altertable.WithOverflow(altertable.Block),
		altertable.WithLogger(slog.New(slog.DiscardHandler)),
	}, opts...)...)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = client.Close() })
	return client
}

// BenchmarkTrack is what the histograms cost the service: compare "with" and "plain".
// Between them is a callback that does nothing.
func BenchmarkTrack(b *testing.B) {
	for _, test := range []struct {
		name string
		opts []altertable.Option
	}{
		{"plain", nil},
		{"callback", []altertable.Option{altertable.WithOnDelivery(func(altertable.Delivery) {})}},
		{"with", []altertable.Option{altertableprom.NewCollector().Option()}},
		{"with environments", []altertable.Option{altertableprom.NewCollector(environments).Option()}},
	} {
		b.Run(test.name, func(b *testing.B) {
			client := newBenchClient(b, test.opts...)
			ctx := context.Background()
			e := event("checkout_completed")
			e.Properties = altertable.Properties{"revenue": 129.9, "plan": "pro", "currency": "EUR", "items": 3}
			b.ReportAllocs()
			for b.Loop() {
				if err := client.Track(ctx, e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkCollect is what a scrape costs, before its text is written.
func BenchmarkCollect(b *testing.B) {
	for _, clients := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("%d clients", clients), func(b *testing.B) {
			collector := altertableprom.NewCollector()
			for range clients {
				collector.Observe(newBenchClient(b, collector.Option()))
			}
			metrics := make(chan prometheus.Metric, 100)
			b.ReportAllocs()
			for b.Loop() {
				collector.Collect(metrics)
				for len(metrics) > 0 {
					<-metrics
				}
			}
		})
	}
}
