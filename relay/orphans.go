package main

import (
	"context"
	"strings"
	"time"

	"github.com/altertable-ai/altertable-go/relay/internal/broker"
)

// warnOfOrphans tells of messages that nobody delivers: their tenant was renamed,
// or is not in the file any more. A cluster's may be those of other relays.
func (r *relay) warnOfOrphans(ctx context.Context) {
	if r.config.NATS != "" {
		return
	}
	known := map[string]bool{}
	for _, name := range r.config.Names() {
		known[broker.Stream(name)], known[broker.DeadStream(name)] = true, true
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	streams := r.broker.JetStream().ListStreams(ctx)
	for s := range streams.Info() {
		tenant, ours := strings.CutPrefix(s.Config.Name, broker.Stream(""))
		if ours && !known[s.Config.Name] && s.State.Msgs > 0 {
			r.log.Warn("messages of a tenant that is not configured stay stored, and nobody delivers them: name it again, or delete the data", "tenant", tenant, "messages", s.State.Msgs)
		}
	}
	if err := streams.Err(); err != nil && ctx.Err() == nil {
		r.log.Warn("streams are not listed", "error", err)
	}
}
