package prometheus_test

import (
	"context"
	"encoding/json"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
	altertableprom "github.com/altertable-ai/altertable-go/telemetry/prometheus"
)

var update = flag.Bool("update", false, "write testdata/scrape.txt anew")

// expose returns what a scrape over HTTP gets.
func expose(t testing.TB, g prometheus.Gatherer) string {
	t.Helper()
	handler := promhttp.HandlerFor(g, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError})
	response := httptest.NewRecorder()
	handler.ServeHTTP(response, httptest.NewRequest("GET", "/metrics", nil))
	require.Equal(t, http.StatusOK, response.Code, response.Body)
	return response.Body.String()
}

// The file is what a service in some trouble shows. In virtual time nothing of it varies.
func TestScrape(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		collector := altertableprom.NewCollector()
		registry := register(t, collector)
		client, srv := altertabletest.New(t, collector.Option(), altertable.WithOnError(func(error) {}))
		collector.Observe(client)
		live(t, client, srv)
		got := expose(t, registry)

		file := filepath.Join("testdata", "scrape.txt")
		if *update {
			require.NoError(t, os.MkdirAll("testdata", 0o755))
			require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
		}
		want, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Equal(t, strings.ReplaceAll(string(want), "\r\n", "\n"), got, "go test -run TestScrape -update writes it anew")
	})
}

// live sends 250 events and others through delays, a failure, a refusal and, in the
// end, a server that hangs.
func live(t *testing.T, client *altertable.Client, srv *altertabletest.Server) {
	t.Helper()
	ctx := t.Context()
	srv.Always(altertabletest.Delay(40 * time.Millisecond))
	track(t, client, 250)
	require.NoError(t, client.Alias(ctx, altertable.Alias{DistinctID: "anonymous-1", NewUserID: "u_42"}))
	require.NoError(t, client.Flush(ctx))

	srv.Next(1, altertabletest.Status(503).RetryAfter(20*time.Second).Delay(100*time.Millisecond))
	require.NoError(t, client.Identify(ctx, altertable.Identify{DistinctID: "u_42"}))
	require.NoError(t, client.Flush(ctx))

	srv.Next(1, altertabletest.Status(422).Delay(15*time.Millisecond))
	track(t, client, 1)
	require.Error(t, client.Flush(ctx))
	require.Error(t, client.Track(ctx, altertable.Track{}))

	srv.Always(altertabletest.Hang())
	for range 5 { // of a known size, whatever the version
		require.NoError(t, client.Enqueue(ctx, altertable.Raw{Endpoint: "track", JSON: json.RawMessage(
			`{"environment":"production","event":"signed_up","distinct_id":"u_42","timestamp":"2026-01-01T12:00:00.000Z","properties":{}}`)}, nil))
	}
	pass(3500 * time.Millisecond)
}

// What a message brings is in no label and no help text.
func TestScrapeHoldsNothingOfMessages(t *testing.T) {
	const secret = "secret"
	synctest.Test(t, func(t *testing.T) {
		collector := altertableprom.NewCollector(altertableprom.WithClientName("orders"), altertableprom.WithEnvironments("production"))
		registry := register(t, collector)
		client, srv := altertabletest.New(t, collector.Option(), altertable.WithEnvironment(secret+"_environment"),
			altertable.WithRelease(secret+"_release"))
		collector.Observe(client)
		send := func() {
			e := altertable.Track{Event: secret + "_event", DistinctID: secret + "_user", AnonymousID: secret + "_anonymous",
				Properties: altertable.Properties{secret + "_property": secret}}
			require.NoError(t, client.Track(t.Context(), e))
			_ = client.Flush(t.Context())
		}
		send()
		srv.Next(1, altertabletest.Status(422).Body(secret+"_answer"))
		send()
		text := expose(t, registry)
		assert.NotContains(t, text, secret)
		assert.NotContains(t, text, altertabletest.APIKey)
		assert.Contains(t, text, `altertable_client_batch_messages_count{client="orders",endpoint="track",environment="other",outcome="lost"} 1`)
	})
}

// A scraper over a socket, with what it says to accept.
func TestScrapeOverHTTP(t *testing.T) {
	collector := altertableprom.NewCollector()
	collector.Observe(nil)
	metrics := httptest.NewServer(promhttp.HandlerFor(register(t, collector), promhttp.HandlerOpts{EnableOpenMetrics: true, EnableOpenMetricsTextCreatedSamples: true}))
	defer metrics.Close()
	for _, accept := range []string{
		"", "text/plain; version=0.0.4", "application/openmetrics-text; version=1.0.0",
		"application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
	} {
		request, err := http.NewRequestWithContext(context.Background(), "GET", metrics.URL, nil)
		require.NoError(t, err)
		request.Header.Set("Accept", accept)
		response, err := metrics.Client().Do(request)
		require.NoError(t, err)
		assert.Equal(t, http.StatusOK, response.StatusCode, accept)
		require.NoError(t, response.Body.Close())
	}
}
