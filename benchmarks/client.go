package main

import (
	"fmt"
	"io"
	"log"
)

// A client is one of those that are compared. All use batches of 100.
//
// Each has loops of its own, in which it is called directly: through an
// interface, the compiler would put every caller's map on the heap.
type client interface {
	// literal tracks the usual event so many times. The caller's map is a
	// literal at the call, so it stays on the stack if the client lets it.
	literal(events int) error

	// heap tracks s so many times, and notes in laps how long the calls took.
	heap(s sample, events int, l *laps) error

	close() error // delivers what is queued
}

const batchSize = 100

// newClient returns a client for a run with so many events.
func newClient(name string, s scenario, url string, events int) (client, error) {
	switch name {
	case sdk:
		return newSDKClient(url, s.inFlight)
	case zero:
		return newZerologClient(url, s.inFlight), nil
	case marshal:
		return new(marshalClient), nil
	case posthog:
		return newPosthogClient(url, events)
	case segment:
		return newSegmentClient(url)
	case naive:
		return naiveClient{url}, nil
	}
	return nil, fmt.Errorf("unknown client %q", name)
}

// silent is the peers' logger.
func silent() *log.Logger { return log.New(io.Discard, "", 0) }
