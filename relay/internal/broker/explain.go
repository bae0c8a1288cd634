package broker

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// explain adds what an operator can do about the error.
func (b *Broker) explain(err error) error {
	if err == nil {
		return nil
	}
	var api *jetstream.APIError
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrTimeout):
		if refused := b.link.lastRefused(); refused != nil {
			return refused
		}
		return fmt.Errorf("no answer, perhaps no leader: %w", err)
	case errors.Is(err, nats.ErrNoResponders), errors.Is(err, jetstream.ErrNoStreamResponse):
		return fmt.Errorf("nobody answers, perhaps no leader or no JetStream: %w", err)
	case errors.As(err, &api):
		if hint, ok := hints[api.ErrorCode]; ok {
			return fmt.Errorf("%w (%s)", err, hint)
		}
	}
	return b.link.scrub(err)
}

var hints = map[jetstream.ErrorCode]string{
	10005:           "are there as many nodes as replicas?",
	10074:           "replicas need a cluster: one node has 1",
	10039:           "the account needs JetStream",
	10076:           "the server needs JetStream",
	codeNoResources: "the server's or the account's storage is less than max bytes",
	codeNoStorage:   "the server's or the account's storage is less than max bytes",
	codeNoMemory:    "the account's limits are less than max bytes",
	10113:           "the account wants max bytes to be set",
}

// notConnected says so, with the last fault that is known.
func (l *link) notConnected() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down == nil {
		return errors.New("not connected")
	}
	return fmt.Errorf("not connected: %w", l.down)
}

func (l *link) lastRefused() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}
