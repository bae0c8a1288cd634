package main

import posthogsdk "github.com/posthog/posthog-go"

type posthogClient struct{ posthogsdk.Client }

// newPosthogClient makes room for all events: by default, the client refuses
// those of a burst that its queue has no room for.
func newPosthogClient(url string, events int) (client, error) {
	c, err := posthogsdk.NewWithConfig("key", posthogsdk.Config{
		Endpoint: url, BatchSize: batchSize, MaxQueueSize: events, Logger: posthogsdk.StdLogger(silent(), false),
	})
	return posthogClient{c}, err
}

func (c posthogClient) literal(events int) error {
	for range events {
		err := c.Enqueue(posthogsdk.Capture{Event: event, DistinctId: user, Properties: posthogsdk.Properties{
			"revenue": 129.9, "plan": "pro", "currency": "EUR", "items": 3,
			"trial": false, "coupon": "WELCOME10", "cart_id": "cart_8f14e45fceea", "seats": 5,
		}})
		if err != nil {
			return err
		}
	}
	return nil
}

func (c posthogClient) heap(s sample, events int, l *laps) error {
	for range events {
		properties := s.properties()
		start := l.start()
		err := c.Enqueue(posthogsdk.Capture{Event: s.event, DistinctId: s.user, Properties: properties})
		l.stop(start)
		if err != nil {
			return err
		}
	}
	return nil
}

func (c posthogClient) close() error { return c.Close() }
