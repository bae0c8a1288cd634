package main

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/altertable-ai/altertable-go/relay/internal/broker"
	"github.com/altertable-ai/altertable-go/relay/internal/gather"
)

// startGathering lets requests share messages of the embedded broker. It is called
// before the broker has started, so that no event is stored before the ids of the
// last ones are known.
func (r *relay) startGathering(ctx context.Context, js jetstream.JetStream) error {
	g := gather.New(js, r.config.DedupeWindow, func() bool { return r.broker.Writable() == nil })
	for _, name := range r.config.Names() {
		if err := g.Seed(ctx, name); err != nil {
			g.Close()
			return fmt.Errorf("stream %s: %w", broker.Stream(name), err)
		}
	}
	r.gather.Store(g)
	return nil
}
