package main

import (
	"log"
	"log/slog"
	"strings"
)

// httpLog is what net/http writes its complaints to. They name the address of who
// sent a request, which is left out.
type httpLog struct{ log *slog.Logger }

func newHTTPLog(to *slog.Logger) *log.Logger { return log.New(httpLog{to}, "", 0) }

func (h httpLog) Write(p []byte) (int, error) {
	text := strings.TrimSpace(string(p))
	if strings.Contains(text, "panic serving") {
		_, stack, _ := strings.Cut(text, "\n") // what was thrown may quote the request
		h.log.Error("a request made its handler panic", "stack", stack)
		return len(p), nil
	}
	if rest, found := strings.CutPrefix(text, "http: TLS handshake error from "); found {
		_, reason, _ := strings.Cut(rest, ": ")
		h.log.Debug("a TLS handshake failed", "error", reason)
	}
	return len(p), nil
}
