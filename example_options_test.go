package altertable_test

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// redact returns a copy of value without e-mail addresses, at any depth.
func redact(value any) any {
	switch value := value.(type) {
	case map[string]any:
		kept := make(map[string]any, len(value))
		for name, member := range value {
			if name != "email" {
				kept[name] = redact(member)
			}
		}
		return kept
	case altertable.Properties:
		return redact(map[string]any(value))
	case []any:
		kept := make([]any, len(value))
		for i, element := range value {
			kept[i] = redact(element)
		}
		return kept
	}
	return value // as it is: structs and other types of maps need a case of their own
}

// The map is the function's own, but what is in it is the caller's. So what is
// changed further inside is copied first.
func ExampleWithBeforeSend() {
	srv := altertabletest.NewServer()
	defer srv.Close()
	client, _ := altertable.New("key", altertable.WithBaseURL(srv.URL),
		altertable.WithBeforeSend(func(m altertable.Message) altertable.Message {
			switch m := m.(type) {
			case altertable.Track:
				if m.Event == "health_checked" {
					return nil // discarded
				}
				m.Properties = redact(map[string]any(m.Properties)).(map[string]any)
				return m
			case altertable.Identify:
				m.Traits = redact(map[string]any(m.Traits)).(map[string]any)
				return m
			}
			return m
		}))

	ctx, order := context.Background(), map[string]any{"total": 12.5, "email": "ada@example.com"}
	_ = client.Track(ctx, altertable.Track{Event: "health_checked", DistinctID: "u_42"})
	_ = client.Track(ctx, altertable.Track{Event: "order_placed", DistinctID: "u_42", Properties: altertable.Properties{"order": order}})
	_ = client.Close()
	for _, e := range srv.Events() {
		fmt.Println("sent:", e.Event, e.Properties["order"])
	}
	fmt.Println("kept:", len(order), "of 2 keys")
	// Output:
	// sent: order_placed map[total:12.5]
	// kept: 2 of 2 keys
}

// Where requests and messages are counted in the metrics of the service.
func ExampleWithOnDelivery() {
	srv := altertabletest.NewServer()
	defer srv.Close()
	client, _ := altertable.New("key", altertable.WithBaseURL(srv.URL),
		altertable.WithOnDelivery(func(d altertable.Delivery) {
			if d.Err != nil {
				fmt.Println(d.Endpoint, "lost:", d.Count)
				return
			}
			fmt.Println(d.Endpoint, "delivered:", d.Count, "attempts:", d.Attempts)
		}))
	for range 3 {
		_ = client.Track(context.Background(), altertable.Track{Event: "order_placed", DistinctID: "u_42"})
	}
	_ = client.Close()
	// Output: track delivered: 3 attempts: 1
}

// An id of the event's own, of the order say, lets a query count the event once,
// also if a job is run again.
func ExampleClient_Track_eventID() {
	srv := altertabletest.NewServer()
	defer srv.Close()
	client, _ := altertable.New("key", altertable.WithBaseURL(srv.URL))

	ordered := time.Date(2026, 1, 1, 9, 30, 0, 0, time.UTC)
	for range 2 {
		_ = client.Track(context.Background(), altertable.Track{
			Event:      "order_placed",
			DistinctID: "u_42",
			Timestamp:  ordered,
			Properties: altertable.Properties{"$event_id": "order-1001", "total": 12.5},
		})
	}
	_ = client.Close()
	distinct := map[any]bool{}
	for _, e := range srv.Events() {
		distinct[e.Properties["$event_id"]] = true
	}
	fmt.Println("stored:", len(srv.Events()), "distinct:", len(distinct))
	// Output: stored: 2 distinct: 1
}

// A transport of one's own, which finds out with pings that an HTTP/2
// connection is dead.
func ExampleWithHTTPClient() {
	srv := altertabletest.NewServer()
	defer srv.Close()
	transport := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: 8, // as many as WithMaxInFlight
		IdleConnTimeout:     90 * time.Second,
		HTTP2: &http.HTTP2Config{
			SendPingTimeout: 5 * time.Second,
			PingTimeout:     5 * time.Second,
		},
	}
	defer transport.CloseIdleConnections()
	client, _ := altertable.New("key", altertable.WithBaseURL(srv.URL),
		altertable.WithHTTPClient(&http.Client{Transport: transport}))
	_ = client.Track(context.Background(), altertable.Track{Event: "signed_up", DistinctID: "u_42"})
	if err := client.Close(); err != nil {
		fmt.Println(err)
	}
	fmt.Println("delivered:", len(srv.Events()))
	// Output: delivered: 1
}

// countingTransport counts requests around another transport, as tracing does.
type countingTransport struct {
	next     http.RoundTripper
	requests *atomic.Int64
}

func (t countingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	t.requests.Add(1)
	return t.next.RoundTrip(r)
}

// A RoundTripper that wraps another, such as otelhttp.NewTransport returns, sees
// every request. One with OpenTelemetry is in examples/frameworks/otelhttp.
func ExampleWithHTTPClient_roundTripper() {
	srv := altertabletest.NewServer()
	defer srv.Close()
	var requests atomic.Int64
	client, _ := altertable.New("key", altertable.WithBaseURL(srv.URL),
		altertable.WithHTTPClient(&http.Client{Transport: countingTransport{http.DefaultTransport, &requests}}))
	defer http.DefaultClient.CloseIdleConnections()

	_ = client.Track(context.Background(), altertable.Track{Event: "signed_up", DistinctID: "u_42"})
	_ = client.Close()
	fmt.Println("requests:", requests.Load())
	// Output: requests: 1
}
