package main

import "github.com/segmentio/analytics-go/v3"

type segmentClient struct{ analytics.Client }

func newSegmentClient(url string) (client, error) {
	c, err := analytics.NewWithConfig("key", analytics.Config{
		Endpoint: url, BatchSize: batchSize, Logger: analytics.StdLogger(silent()),
	})
	return segmentClient{c}, err
}

func (c segmentClient) literal(events int) error {
	for range events {
		err := c.Enqueue(analytics.Track{Event: event, UserId: user, Properties: analytics.Properties{
			"revenue": 129.9, "plan": "pro", "currency": "EUR", "items": 3,
			"trial": false, "coupon": "WELCOME10", "cart_id": "cart_8f14e45fceea", "seats": 5,
		}})
		if err != nil {
			return err
		}
	}
	return nil
}

func (c segmentClient) heap(s sample, events int, l *laps) error {
	for range events {
		properties := s.properties()
		start := l.start()
		err := c.Enqueue(analytics.Track{Event: s.event, UserId: s.user, Properties: properties})
		l.stop(start)
		if err != nil {
			return err
		}
	}
	return nil
}

func (c segmentClient) close() error { return c.Close() }
