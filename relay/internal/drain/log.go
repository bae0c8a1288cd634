package drain

import (
	"context"
	"log/slog"
	"strings"
)

// calm passes on what a session's core client logs, except that messages are lost:
// to that client they are, but they are on the stream. The drain tells why they wait.
type calm struct{ slog.Handler }

// Handle implements slog.Handler.
func (c calm) Handle(ctx context.Context, r slog.Record) error {
	if strings.Contains(r.Message, "messages are lost") || strings.Contains(r.Message, "not delivered") || strings.Contains(r.Message, "was shut down") {
		return nil
	}
	return c.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (c calm) WithAttrs(attrs []slog.Attr) slog.Handler { return calm{c.Handler.WithAttrs(attrs)} }

// WithGroup implements slog.Handler.
func (c calm) WithGroup(name string) slog.Handler { return calm{c.Handler.WithGroup(name)} }
