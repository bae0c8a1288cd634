package deliver

import (
	"context"
	"log/slog"
	"strings"
)

// A logFilter leaves out what the client says of messages that it gives up. To the
// client they are lost. An import keeps them as rejects, or sends them again, and
// says which.
type logFilter struct{ slog.Handler }

// filtered returns the logger for the client, nil if logger is.
func filtered(logger *slog.Logger) *slog.Logger {
	if logger == nil {
		return nil
	}
	return slog.New(logFilter{logger.Handler()})
}

// Handle hands on what is not about such messages.
func (f logFilter) Handle(ctx context.Context, r slog.Record) error {
	for _, words := range []string{"messages are lost", "messages were not delivered", "messages are refused or evicted"} {
		if strings.Contains(r.Message, words) {
			return nil
		}
	}
	return f.Handler.Handle(ctx, r)
}

// WithAttrs and WithGroup keep the filter.
func (f logFilter) WithAttrs(attrs []slog.Attr) slog.Handler {
	return logFilter{f.Handler.WithAttrs(attrs)}
}

func (f logFilter) WithGroup(name string) slog.Handler { return logFilter{f.Handler.WithGroup(name)} }
