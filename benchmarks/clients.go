package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/posthog/posthog-go"
	"gopkg.in/segmentio/analytics-go.v3"

	"github.com/altertable-ai/altertable-go"
)

// A client is one of those that are compared. All use batches of 100.
type client interface {
	track(properties map[string]any) error
	close() error // delivers what is queued
}

const (
	batchSize = 100
	event     = "Checkout Completed"
	user      = "u_01jza857w4f23s1hf2s61befmw"
)

// newProperties returns a map of its own for each event, as a handler does.
func newProperties() map[string]any {
	return map[string]any{
		"revenue": 129.9, "plan": "pro", "currency": "EUR", "items": 3,
		"trial": false, "coupon": "WELCOME10", "cart_id": "cart_8f14e45fceea", "seats": 5,
	}
}

func newClient(name, scenario, url string) (client, error) {
	switch name {
	case "altertable":
		inFlight := 8
		if scenario == "20 ms" {
			inFlight = 64
		}
		c, err := altertable.New("key", altertable.WithBaseURL(url), altertable.WithMaxBatchSize(batchSize), altertable.WithMaxInFlight(inFlight),
			altertable.WithOverflow(altertable.Block), altertable.WithLogger(slog.New(slog.DiscardHandler)))
		return altertableClient{c}, err
	case "PostHog":
		c, err := posthog.NewWithConfig("key", posthog.Config{Endpoint: url, BatchSize: batchSize, Logger: posthog.StdLogger(silent())})
		return posthogClient{c}, err
	case "Segment":
		c, err := analytics.NewWithConfig("key", analytics.Config{Endpoint: url, BatchSize: batchSize, Logger: analytics.StdLogger(silent())})
		return segmentClient{c}, err
	case "naive":
		return naiveClient{url}, nil
	case "limit":
		return new(limitClient), nil
	}
	return nil, fmt.Errorf("unknown client %q", name)
}

type altertableClient struct{ *altertable.Client }

func (c altertableClient) track(properties map[string]any) error {
	return c.Track(context.Background(), altertable.Track{Event: event, DistinctID: user, Properties: properties})
}

func (c altertableClient) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return c.Shutdown(ctx)
}

type posthogClient struct{ posthog.Client }

func (c posthogClient) track(properties map[string]any) error {
	return c.Enqueue(posthog.Capture{Event: event, DistinctId: user, Properties: properties})
}

func (c posthogClient) close() error { return c.Close() }

type segmentClient struct{ analytics.Client }

func (c segmentClient) track(properties map[string]any) error {
	return c.Enqueue(analytics.Track{Event: event, UserId: user, Properties: properties})
}

func (c segmentClient) close() error { return c.Close() }

// message is the wire's, for those that encode it with encoding/json.
func message(properties map[string]any) ([]byte, error) {
	return json.Marshal(map[string]any{
		"environment": "production", "event": event, "distinct_id": user, "properties": properties,
		"timestamp": time.Now().UTC().Format("2006-01-02T15:04:05.000Z"),
	})
}

// naiveClient posts each event within the call.
type naiveClient struct{ url string }

func (c naiveClient) track(properties map[string]any) error {
	body, err := message(properties)
	if err != nil {
		return err
	}
	answer, err := http.Post(c.url+"/track", "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}

func (naiveClient) close() error { return nil }

// limitClient does what no client can do without: it encodes and keeps.
type limitClient struct {
	mu    sync.Mutex
	queue []byte
}

func (c *limitClient) track(properties map[string]any) error {
	text, err := message(properties)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queue = append(c.queue, text...)
	return err
}

func (*limitClient) close() error { return nil }
