package main

import (
	"bytes"
	"io"
	"net/http"
)

// naiveClient posts each event within the call.
type naiveClient struct{ url string }

func (c naiveClient) track(event, user string, properties map[string]any) error {
	body, err := message(event, user, properties)
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

func (c naiveClient) literal(events int) error {
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

func (c naiveClient) heap(s sample, events int, l *laps) error {
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

func (naiveClient) close() error { return nil }
