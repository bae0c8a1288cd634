package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/altertable-ai/altertable-go"
)

type sdkClient struct{ *altertable.Client }

func newSDKClient(url string, inFlight int) (client, error) {
	c, err := altertable.New("key", altertable.WithBaseURL(url),
		altertable.WithMaxBatchSize(batchSize), altertable.WithMaxInFlight(inFlight),
		altertable.WithOverflow(altertable.Block), altertable.WithLogger(slog.New(slog.DiscardHandler)))
	return sdkClient{c}, err
}

func (c sdkClient) literal(events int) error {
	ctx := context.Background()
	for range events {
		err := c.Track(ctx, altertable.Track{Event: event, DistinctID: user, Properties: altertable.Properties{
			"revenue": 129.9, "plan": "pro", "currency": "EUR", "items": 3,
			"trial": false, "coupon": "WELCOME10", "cart_id": "cart_8f14e45fceea", "seats": 5,
		}})
		if err != nil {
			return err
		}
	}
	return nil
}

func (c sdkClient) heap(s sample, events int, l *laps) error {
	ctx := context.Background()
	for range events {
		properties := s.properties()
		start := l.start()
		err := c.Track(ctx, altertable.Track{Event: s.event, DistinctID: s.user, Properties: properties})
		l.stop(start)
		if err != nil {
			return err
		}
	}
	return nil
}

// queuedJSON returns the bytes of JSON in the queue.
func (c sdkClient) queuedJSON() int64 { return c.Stats().QueuedBytes }

func (c sdkClient) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return c.Shutdown(ctx)
}
