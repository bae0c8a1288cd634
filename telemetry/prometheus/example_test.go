package prometheus_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
	altertableprom "github.com/altertable-ai/altertable-go/telemetry/prometheus"
)

// A service with /metrics. It reads its key from ALTERTABLE_API_KEY.
func Example() {
	defer stubAPI().Close() // stands for the API

	registry := prometheus.NewRegistry()
	collector := altertableprom.NewCollector()
	registry.MustRegister(collector)

	client, err := altertable.NewFromEnv(collector.Option())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	collector.Observe(client)

	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{Registry: registry}))

	ctx := context.Background()
	for range 3 {
		_ = client.Track(ctx, altertable.Track{Event: "checkout_completed", DistinctID: "u_42"})
	}
	_ = client.Flush(ctx)
	show(mux, "altertable_client_messages_delivered", "altertable_client_batch_messages_sum{endpoint=\"track\"")
	// Output:
	// # HELP altertable_client_messages_delivered_total Messages that the server took.
	// # TYPE altertable_client_messages_delivered_total counter
	// altertable_client_messages_delivered_total 3
	// altertable_client_batch_messages_sum{endpoint="track",outcome="delivered"} 3
	// altertable_client_batch_messages_sum{endpoint="track",outcome="lost"} 0
}

// Two clients of one service, told apart by the label client.
func ExampleWithClientName() {
	defer stubAPI().Close()

	registry := prometheus.NewRegistry()
	newClient := func(name string, opts ...altertable.Option) (*altertable.Client, error) {
		collector := altertableprom.NewCollector(altertableprom.WithClientName(name))
		if err := registry.Register(collector); err != nil {
			return nil, err
		}
		client, err := altertable.NewFromEnv(append(opts, collector.Option())...)
		if err != nil {
			return nil, err
		}
		collector.Observe(client)
		return client, nil
	}
	orders, err := newClient("orders")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer orders.Close()
	audit, err := newClient("audit", altertable.WithOverflow(altertable.Block))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer audit.Close()

	_ = orders.Track(context.Background(), altertable.Track{Event: "checkout_completed", DistinctID: "u_42"})
	show(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}), "altertable_client_messages_accepted_total{")
	// Output:
	// altertable_client_messages_accepted_total{client="audit"} 0
	// altertable_client_messages_accepted_total{client="orders"} 1
}

// A key is rotated. The counters go on from where the old client's are.
func ExampleCollector_Observe() {
	defer stubAPI().Close()

	collector := altertableprom.NewCollector()
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector)

	ctx := context.Background()
	for _, key := range []string{"old_key", "new_key"} {
		client, err := altertable.New(key, altertable.WithBaseURL(os.Getenv("ALTERTABLE_BASE_URL")), collector.Option())
		if err != nil {
			fmt.Println(err)
			return
		}
		collector.Observe(client)
		_ = client.Track(ctx, altertable.Track{Event: "checkout_completed", DistinctID: "u_42"})
		_ = client.Close() // delivers what is queued
	}
	show(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}), "altertable_client_messages_delivered_total")
	// Output:
	// # HELP altertable_client_messages_delivered_total Messages that the server took.
	// # TYPE altertable_client_messages_delivered_total counter
	// altertable_client_messages_delivered_total 2
}

// stubAPI starts a server, and points NewFromEnv at it.
func stubAPI() *altertabletest.Server {
	srv := altertabletest.NewServer()
	_ = os.Setenv("ALTERTABLE_API_KEY", altertabletest.APIKey)
	_ = os.Setenv("ALTERTABLE_BASE_URL", srv.URL)
	return srv
}

// show prints the lines of a scrape that are about these metrics.
func show(metrics http.Handler, names ...string) {
	response := httptest.NewRecorder()
	metrics.ServeHTTP(response, httptest.NewRequest("GET", "/metrics", nil))
	for _, name := range names {
		for lines := bufio.NewScanner(strings.NewReader(response.Body.String())); lines.Scan(); {
			if strings.HasPrefix(strings.TrimPrefix(strings.TrimPrefix(lines.Text(), "# HELP "), "# TYPE "), name) {
				fmt.Println(lines.Text())
			}
		}
	}
}
