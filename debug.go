package altertable

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"time"
)

// Debug lines help to find an event that is missing. Whether the logger wants them
// its handler says, which is the user's code. So it is asked in New, and later on
// the callbacks' goroutine; in between, the answer is q.debugging.

const (
	// maxDebugLines may be logged in a second, and as many may wait for the
	// logger. Others are dropped, and counted. Without the bound per second, a log
	// handler that sends events through its client would make a hot loop.
	maxDebugLines = 1000

	// askLevelEvery is how old the answer may become while requests are made.
	askLevelEvery = 10 * time.Second

	maxLoggedName = 100 // bytes of an event's name
)

func (q *queue) logger() *slog.Logger {
	if q.cfg.logger != nil {
		return q.cfg.logger
	}
	return slog.Default()
}

// askLevel asks the logger whether it wants debug lines.
func (q *queue) askLevel() {
	guardLog(func() {
		wanted := q.logger().Enabled(context.Background(), slog.LevelDebug)
		q.debugging.Store(wanted)
	})
}

// askLevelLocked has the logger asked again from time to time.
func (q *queue) askLevelLocked() {
	if now := q.now(); now >= q.warnings.askAt {
		q.warnings.askAt = longest // until it was asked
		q.tellLocked(report{askLevel: true})
	}
}

// debugLocked has a debug line logged. Its caller asks q.debugging first, so
// that the attributes cost nothing while nobody wants them.
func (q *queue) debugLocked(text string, err error, attrs ...slog.Attr) {
	w := &q.warnings
	if second := q.now().Truncate(time.Second); second != w.debugSecond {
		w.debugSecond, w.debugLines = second, 0
	}
	if w.debugUntold >= maxDebugLines || w.debugLines >= maxDebugLines {
		w.debugDropped++
		return
	}
	w.debugLines++
	q.debugStartLocked()
	q.debugAnywayLocked(text, err, attrs...)
}

// debugAnywayLocked is debugLocked without its bounds.
func (q *queue) debugAnywayLocked(text string, err error, attrs ...slog.Attr) {
	w := &q.warnings
	if w.debugDropped > 0 {
		attrs = append(attrs, slog.Int("lines_dropped", w.debugDropped))
		w.debugDropped = 0
	}
	w.debugUntold++
	q.tellLocked(report{line: &line{level: slog.LevelDebug, text: text, attrs: attrs, err: err, untold: &w.debugUntold}})
}

// debug is debugLocked for callers that do not hold the lock. It asks itself
// whether the lines are wanted.
func (q *queue) debug(text string, err error, attrs ...slog.Attr) {
	if !q.debugging.Load() || q.checkBubble(time.Now()) != nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.debugLocked(text, err, attrs...)
}

// debugStartLocked tells how the client is configured, before the first other
// line: New itself may not, since it starts no goroutine.
func (q *queue) debugStartLocked() {
	w := &q.warnings
	if w.started {
		return
	}
	w.started = true
	q.debugAnywayLocked("altertable: client started", nil,
		slog.String("version", Version),
		slog.String("environment", q.cfg.environment),
		slog.String("host", q.cfg.baseURL.Host),
		slog.Bool("disabled", q.cfg.disabled),
		slog.Bool("spool", q.cfg.spool != nil))
}

// debugEndLocked tells how the client ended.
func (q *queue) debugEndLocked() {
	if q.debugging.Load() {
		s := q.snapshotLocked()
		q.debugStartLocked()
		q.debugAnywayLocked("altertable: client shut down", nil,
			slog.Int64("accepted", s.Accepted), slog.Int64("delivered", s.Delivered), slog.Int64("failed", s.Failed),
			slog.Int64("dropped", s.Dropped), slog.Int64("queued", s.Queued), slog.Int64("rejected", s.Rejected),
			slog.Int64("discarded", s.Discarded), slog.Int64("requests", s.Requests))
	}
}

// debugAccepted tells of the message in e, which is in the queue.
func (q *queue) debugAccepted(e *envelope) {
	if !q.debugging.Load() {
		return
	}
	attrs := []slog.Attr{
		slog.String("endpoint", e.endpoint.String()),
		slog.String("environment", string(e.environment)),
		slog.Int("bytes", len(e.json)),
	}
	if name := eventName(e.json); name != "" {
		attrs = append(attrs, slog.String("event", name))
	}
	q.debug("altertable: message accepted", nil, attrs...)
}

// eventName returns the name of an event, "" if message is none.
func eventName(message []byte) string {
	var m struct {
		Event string `json:"event"`
	}
	if json.Unmarshal(message, &m) != nil {
		return ""
	}
	if len(m.Event) > maxLoggedName {
		return strings.ToValidUTF8(m.Event[:maxLoggedName], "") + "..."
	}
	return m.Event
}

// debugRequestLocked tells of a request that carried b.
func (q *queue) debugRequestLocked(b *batch, response *Response, err error) {
	if q.debugging.Load() {
		q.debugAnswerLocked(response, err, q.now()-b.sentAt, append(b.lane.attrs(),
			slog.Int("count", b.count()),
			slog.Int("bytes", b.payload().size()),
			slog.Int("attempt", b.attempts)))
	}
}

// debugSync tells of a request of a synchronous call.
func (q *queue) debugSync(ep endpoint, m payload, attempt int, began time.Duration, response *Response, err error) {
	if !q.debugging.Load() {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.debugAnswerLocked(response, err, q.now()-began, []slog.Attr{
		slog.String("endpoint", ep.String()),
		slog.Bool("sync", true),
		slog.Int("bytes", m.size()),
		slog.Int("attempt", attempt),
	})
}

func (q *queue) debugAnswerLocked(response *Response, err error, duration time.Duration, attrs []slog.Attr) {
	attrs = append(attrs, rounded("duration", duration))
	if err == nil {
		if codePattern.MatchString(response.TaskID) { // else it is a server's free text
			attrs = append(attrs, slog.String("task_id", response.TaskID))
		}
		q.debugLocked("altertable: request delivered", nil, attrs...)
		return
	}
	if api, ok := err.(*APIError); ok {
		attrs = append(attrs, slog.Int("status", api.StatusCode))
	}
	q.debugLocked("altertable: request failed", err, attrs...)
}

// debugRetryLocked tells that b waits for another attempt.
func (q *queue) debugRetryLocked(b *batch, delay time.Duration) {
	if q.debugging.Load() {
		q.debugLocked("altertable: retry scheduled", nil, append(b.lane.attrs(),
			slog.Int("count", b.count()), slog.Int("attempts", b.attempts), rounded("delay", delay))...)
	}
}

// debugSplitLocked tells that b, which was refused or alone keeps failing, is
// about to be split.
func (q *queue) debugSplitLocked(b *batch, err error) {
	if q.debugging.Load() {
		q.debugLocked("altertable: batch is split", err, append(b.lane.attrs(), slog.Int("count", b.count()))...)
	}
}

// attrs are what a line about messages of the lane begins with.
func (l *lane) attrs() []slog.Attr {
	return []slog.Attr{slog.String("endpoint", l.endpoint.String()), slog.String("environment", l.environment)}
}
