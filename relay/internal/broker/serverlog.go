package broker

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
)

// A serverLog takes nats-server's lines. Its notices are for those who look for
// a fault; traces, which show payloads, go nowhere.
type serverLog struct {
	log    *slog.Logger
	broken chan struct{} // has one value once the store refuses to write until it is opened again

	mu    sync.Mutex
	ended error // guarded by mu; what made the start fail
}

func newServerLog(log *slog.Logger) *serverLog {
	return &serverLog{log: log.With("from", "nats-server"), broken: make(chan struct{}, 1)}
}

func (l *serverLog) Noticef(format string, v ...any) { l.log.Debug(line(format, v)) }
func (l *serverLog) Warnf(format string, v ...any)   { l.log.Warn(line(format, v)) }
func (l *serverLog) Debugf(string, ...any)           {}
func (l *serverLog) Tracef(string, ...any)           {}

func (l *serverLog) Errorf(format string, v ...any) {
	text := line(format, v)
	l.log.Error(text)
	// No other sign: publishing fails from here on, until a restart.
	if strings.Contains(text, "Critical write error") {
		select {
		case l.broken <- struct{}{}:
		default:
		}
	}
}

// Fatalf must not end the process.
func (l *serverLog) Fatalf(format string, v ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = errors.New("embedded broker: " + line(format, v))
}

// reset forgets what an earlier server said.
func (l *serverLog) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = nil
	select {
	case <-l.broken:
	default:
	}
}

func (l *serverLog) fatal() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended
}

func line(format string, v []any) string { return strings.TrimSpace(fmt.Sprintf(format, v...)) }
