package main

import (
	"context"
	"log/slog"
	"strings"
)

// A logHandler leaves out the SDK's warnings that messages are lost. Here they are
// not: what ends an import is a sentence of its own, and the next run sends them.
type logHandler struct{ slog.Handler }

func (h logHandler) Handle(ctx context.Context, r slog.Record) error {
	if strings.Contains(r.Message, "messages are lost") {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return logHandler{h.Handler.WithAttrs(attrs)}
}

func (h logHandler) WithGroup(name string) slog.Handler {
	return logHandler{h.Handler.WithGroup(name)}
}
