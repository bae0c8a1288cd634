package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
	altertableprom "github.com/altertable-ai/altertable-go/telemetry/prometheus"
)

// A service takes orders, and tracks each.
type service struct {
	client   *altertable.Client
	registry *prometheus.Registry
	embedded *altertabletest.Server // nil where the client sends elsewhere
}

func newService() (*service, error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	collector := altertableprom.NewCollector()
	registry.MustRegister(collector)
	client, embedded, err := newClient(collector.Option())
	if err != nil {
		return nil, err
	}
	collector.Observe(client)
	return &service{client, registry, embedded}, nil
}

func (s *service) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("POST /orders", func(w http.ResponseWriter, r *http.Request) {
		s.placeOrder(r.Context())
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintln(w, "order placed")
	})
	if s.embedded != nil {
		mux.HandleFunc("POST /faults", s.setFault)
		mux.HandleFunc("DELETE /faults", s.clearFaults)
	}
	return mux
}

func (s *service) placeOrder(ctx context.Context) {
	err := s.client.Track(ctx, altertable.Track{
		Event:      "order_placed",
		DistinctID: fmt.Sprint("u_", rand.IntN(50)),
		Properties: altertable.Properties{"items": 1 + rand.IntN(5)},
	})
	if err != nil && !errors.Is(err, altertable.ErrQueueFull) { // of which the client warns, once a minute
		log.Print(err) // the order stands all the same
	}
}

// placeOrders is traffic, so that there are numbers to see.
func (s *service) placeOrders(ctx context.Context, every time.Duration) {
	if every == 0 {
		return
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.placeOrder(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// close delivers what is queued. What it cannot deliver is no reason for the
// service to fail.
func (s *service) close(ctx context.Context) {
	if err := s.client.Shutdown(ctx); err != nil {
		log.Print(err)
	}
	if s.embedded != nil {
		s.embedded.Close()
	}
	stats := s.client.Stats()
	log.Printf("stopped: %d accepted, %d delivered, %d lost, %d kept on disk, %d refused at the call",
		stats.Accepted, stats.Delivered, stats.Failed+stats.Dropped, stats.Queued, stats.Rejected)
}
