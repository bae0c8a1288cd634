package main

import (
	"encoding/json"
	"sync"
	"time"
)

// message is the wire's, for those that encode it with encoding/json. It has
// the caller's properties alone.
func message(event, user string, properties map[string]any) ([]byte, error) {
	return json.Marshal(map[string]any{
		"environment": "production", "event": event, "distinct_id": user, "properties": properties,
		"timestamp": time.Now().UTC().Format("2006-01-02T15:04:05.000Z"),
	})
}

// marshalClient does what a client of encoding/json cannot do without: it
// encodes each message and keeps it. It sends nothing.
type marshalClient struct {
	mu    sync.Mutex
	queue []byte
}

func (c *marshalClient) track(event, user string, properties map[string]any) error {
	text, err := message(event, user, properties)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queue = append(c.queue, text...)
	return err
}

func (c *marshalClient) literal(events int) error {
	for range events {
		err := c.track(event, user, map[string]any{
			"revenue": 129.9, "plan": "pro", "currency": "EUR", "items": 3,
			"trial": false, "coupon": "WELCOME10", "cart_id": "cart_8f14e45fceea", "seats": 5,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *marshalClient) heap(s sample, events int, l *laps) error {
	for range events {
		properties := s.properties()
		start := l.start()
		err := c.track(s.event, s.user, properties)
		l.stop(start)
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *marshalClient) queuedJSON() int64 { return int64(len(c.queue)) }

func (*marshalClient) close() error { return nil }
