package altertable

import (
	"log/slog"
	"time"
)

// warnKind is a kind of warning; each is logged once a minute at most.
type warnKind int

const (
	warnQueueFull warnKind = iota
	warnOutage
	warnUnauthorized
	warnEnvironment
	warnUndelivered
	warnCallback
	warnSpool
	warnKinds // their number
)

var warnTexts = [warnKinds]string{
	warnQueueFull:    "altertable: the queue is full, messages are refused or evicted",
	warnOutage:       "altertable: messages cannot be delivered at the moment, the client retries",
	warnUnauthorized: "altertable: the server refuses the API key, messages are lost",
	warnEnvironment:  "altertable: the environment does not exist, messages are lost; create it in the dashboard",
	warnUndelivered:  "altertable: messages were not delivered",
	warnCallback:     "altertable: a callback panicked",
	warnSpool:        "altertable: a file of the spool is damaged, foreign or cannot be read",
}

const warnEvery = time.Minute

// A warning is one line for the logger. It never holds a key or a message's content.
type warning struct {
	kind  warnKind
	err   error // nil if there is none to name
	attrs []any
}

func (w *warning) log(l *slog.Logger) {
	if l == nil {
		l = slog.Default()
	}
	attrs := w.attrs
	if w.err != nil {
		attrs = append(attrs, "error", w.err.Error())
	}
	l.Warn(warnTexts[w.kind], attrs...)
}

// warn has a line logged, unless one of its kind was logged in the last minute:
// on the callbacks' goroutine, since a log handler is the user's code, and so
// may be an error's method.
func (q *queue) warn(kind warnKind, err error, attrs ...any) {
	last := &q.reports.lastWarning[kind]
	now := q.now()
	if *last != 0 && now-*last < warnEvery {
		return
	}
	*last = max(now, 1)
	q.tell(report{warning: &warning{kind, err, attrs}})
}

// warnOf warns of n messages of b that will not be delivered.
func (q *queue) warnOf(b *batch, n int, o outcome) {
	kind := warnUndelivered
	api, answered := o.err.(*APIError)
	switch {
	case answered && api.Is(ErrUnauthorized):
		kind = warnUnauthorized
	case answered && api.Is(ErrEnvironmentNotFound):
		kind = warnEnvironment
	case o.err == ErrQueueFull:
		kind = warnQueueFull
	case q.cfg.onError != nil:
		return // it is told
	}
	q.warn(kind, o.err, "endpoint", b.lane.endpoint.String(), "environment", b.lane.environment, "count", n)
}
