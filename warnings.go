package altertable

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/altertable-ai/altertable-go/internal/spool"
)

// warnKind is a kind of warning. One line of each is logged a minute at most.
// The next one counts the messages of those that were held back.
type warnKind int

const (
	warnQueueFull warnKind = iota
	warnUnauthorized
	warnKeyWaits
	warnEnvironment
	warnEnvironmentWaits
	warnUndelivered
	warnPortal
	warnFirewall
	warnProxy
	warnLimited
	warnCallback
	warnSpool
	warnLeft
	warnVisitorCookie
	warnPlainHTTP
	warnKinds // their number
)

var warnTexts = [warnKinds]string{
	warnQueueFull:        "altertable: the queue is full, messages are refused or evicted",
	warnUnauthorized:     "altertable: the server refuses the API key, messages are lost",
	warnEnvironment:      "altertable: the environment does not exist, messages are lost; create it in the dashboard",
	warnKeyWaits:         "altertable: the server refuses the API key, messages stay on disk; the client tries again",
	warnEnvironmentWaits: "altertable: the environment does not exist, messages stay on disk; the client tries again; create it in the dashboard",
	warnUndelivered:      "altertable: messages were not delivered",
	warnPortal:           "altertable: an HTML page answered: a captive portal, or the base URL is wrong; the client retries",
	warnFirewall:         "altertable: 403 without an error code: a firewall or proxy refuses the requests; the client retries",
	warnProxy:            "altertable: the proxy refuses to connect; the client retries",
	warnLimited:          "altertable: the server limits the rate of requests, the client slows down",
	warnCallback:         "altertable: a callback panicked",
	warnSpool:            "altertable: a file of the spool is damaged, foreign or cannot be read",
	warnLeft:             "altertable: the spool's directory holds files of dead clients that this one may not adopt: they have another key, base URL, name or owner",
	warnVisitorCookie:    "altertable: a browser SDK runs under another key or environment, its visitors are not read: see WithVisitorKey and WithEnvironment",
	warnPlainHTTP:        "altertable: the base URL is plain http: the network can read the key and the messages (WithInsecureHTTP)",
}

const warnEvery = time.Minute

// A line is a log line on its way to the logger. It never holds a key or a
// message's content.
type line struct {
	level  slog.Level
	text   string
	attrs  []slog.Attr
	finish func() slog.Attr // makes one more, outside the lock; nil if there is none
	err    error            // nil if there is none to name
	untold *int             // counts the lines of its sort that the logger has not been given
}

// log runs on the callbacks' goroutine: a log handler is the user's code, and
// so may be an error's method.
func (l *line) log(logger *slog.Logger) {
	attrs := l.attrs
	if l.finish != nil {
		attrs = append(attrs, l.finish())
	}
	if l.err != nil {
		attrs = append(attrs, slog.String("error", errorText(l.err)))
	}
	logger.LogAttrs(context.Background(), l.level, l.text, attrs...)
}

// errorText is err's text. A line whose error panics is still worth its numbers.
func errorText(err error) (text string) {
	defer func() {
		if recover() != nil {
			text = fmt.Sprintf("%T", err)
		}
	}()
	return err.Error()
}

// warnings are what the log was told, and what is held back. It belongs to the
// queue and is guarded by its mu.
type warnings struct {
	kinds   [warnKinds]heldBack
	outages [4]outageLog  // the client's, and by endpoint
	due     time.Duration // when a line may be logged that is held back; -1 if there is none
	over    bool          // the last lines of Shutdown were logged
	begun   bool          // the first request has begun

	started      bool          // the client's first debug line was logged
	debugSecond  time.Duration // in which the last debug line was logged
	debugLines   int           // in that second
	debugUntold  int
	debugDropped int           // debug lines for which there was no room
	askAt        time.Duration // when the logger is to be asked for its level again
}

func newWarnings() warnings {
	w := warnings{due: -1, askAt: askLevelEvery}
	for i := range w.outages[1:] {
		w.outages[1+i].scope = endpoint(i).String()
	}
	return w
}

// A subject is what a warning is about.
type subject struct {
	count       int    // messages; or panics, or files
	endpoint    string // "" if it is not known
	environment string // likewise
}

// A heldBack is what the next line of a kind tells.
type heldBack struct {
	until       time.Duration // no line before
	untold      int           // lines that the logger has not been given: while there is one, no other follows
	count       int
	endpoint    shared
	environment shared
	err         error // of the newest event, as are the attributes
	attrs       []slog.Attr
}

// shared is a text that all of a line's messages have in common.
type shared struct {
	text  string
	mixed bool
}

func (s *shared) note(text string, first bool) {
	if first {
		s.text = text
	}
	s.mixed = s.mixed || s.text != text
}

// attr appends the text, if there is one.
func (s shared) attr(attrs []slog.Attr, name string) []slog.Attr {
	if s.mixed || s.text == "" {
		return attrs
	}
	return append(attrs, slog.String(name, s.text))
}

func (h *heldBack) add(s subject, err error, attrs []slog.Attr) {
	first := h.count == 0
	h.endpoint.note(s.endpoint, first)
	h.environment.note(s.environment, first)
	h.count += s.count
	h.err, h.attrs = brief(err), attrs
}

// due returns when the next line may be logged, -1 if there is nothing to tell
// or an earlier line is stuck.
func (h *heldBack) due() time.Duration {
	if h.count == 0 || h.untold > 0 {
		return -1
	}
	return h.until
}

// take returns the line of a kind about what was held back, and forgets that.
func (h *heldBack) take(kind warnKind, now time.Duration) *line {
	attrs := h.endpoint.attr(nil, "endpoint")
	attrs = h.environment.attr(attrs, "environment")
	attrs = append(attrs, slog.Int("count", h.count))
	l := &line{level: slog.LevelWarn, text: warnTexts[kind], attrs: append(attrs, h.attrs...), err: h.err, untold: &h.untold}
	if kind == warnEnvironment || kind == warnEnvironmentWaits {
		missing := h.environment
		l.finish = func() slog.Attr { return slog.String("create", creationURL(missing)) }
	}
	*h = heldBack{until: now + warnEvery, untold: h.untold + 1}
	return l
}

// creationURL is where the dashboard creates an environment, of this name if it is known.
func creationURL(name shared) string {
	const address = "https://altertable.ai/dashboard/environments/new"
	if name.mixed || !namePattern.MatchString(name.text) {
		return address
	}
	return address + "?name=" + url.QueryEscape(name.text)
}

// schedule finds out when the next line is due.
func (w *warnings) schedule() {
	w.due = -1
	at := func(t time.Duration) {
		if t >= 0 && (w.due < 0 || t < w.due) {
			w.due = t
		}
	}
	for i := range w.kinds {
		at(w.kinds[i].due())
	}
	for i := range w.outages {
		at(w.outages[i].due())
	}
}

// takeDue returns a line that is due, nil if there is none.
func (w *warnings) takeDue(now time.Duration) *line {
	for i := range w.kinds {
		if at := w.kinds[i].due(); at >= 0 && at <= now {
			return w.kinds[i].take(warnKind(i), now)
		}
	}
	for i := range w.outages {
		if at := w.outages[i].due(); at >= 0 && at <= now {
			if l := w.outages[i].takeHeldBack(now); l != nil {
				return l
			}
		}
	}
	return nil
}

// takeLast returns a line about what is held back at the end of Shutdown, nil
// if there is none.
func (w *warnings) takeLast(now time.Duration) *line {
	for i := range w.kinds {
		if w.kinds[i].count > 0 {
			return w.kinds[i].take(warnKind(i), now)
		}
	}
	for i := range w.outages {
		if l := w.outages[i].takeLast(now); l != nil {
			return l
		}
	}
	return nil
}

// warnLocked has a line logged about one event, now or within a minute.
func (q *queue) warnLocked(kind warnKind, err error, attrs ...slog.Attr) {
	q.warnAboutLocked(kind, subject{count: 1}, err, attrs...)
}

// warnOfBatchLocked has a line logged about the first n messages of b, now or
// within a minute.
func (q *queue) warnOfBatchLocked(kind warnKind, b *batch, n int, err error, attrs ...slog.Attr) {
	q.warnAboutLocked(kind, subject{n, b.lane.endpoint.String(), b.lane.environment}, err, attrs...)
}

// warnAboutLocked has a line logged about s, now or within a minute.
func (q *queue) warnAboutLocked(kind warnKind, s subject, err error, attrs ...slog.Attr) {
	h := &q.warnings.kinds[kind]
	waits := h.count > 0 && !q.ended // the timer is set; calls for which there is no room may be many
	h.add(s, err, attrs)
	if waits {
		return
	}
	if at, now := h.due(), q.now(); at >= 0 && at <= now {
		q.tellLocked(report{line: h.take(kind, now)})
	}
	q.warnings.schedule()
}

func (q *queue) warn(kind warnKind, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.warnLocked(kind, err)
}

// logDueLocked has the lines logged that were held back for long enough.
func (q *queue) logDueLocked(now time.Duration) {
	if w := &q.warnings; w.due < 0 || now < w.due {
		return
	}
	for l := q.warnings.takeDue(now); l != nil; l = q.warnings.takeDue(now) {
		q.tellLocked(report{line: l})
	}
	q.remindLocked(now)
	q.warnings.schedule()
}

// logLast has all lines logged that are held back, and the last ones about
// outages and the client. It does so once.
func (q *queue) logLast() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.warnings.over {
		return
	}
	now := q.now()
	for l := q.warnings.takeLast(now); l != nil; l = q.warnings.takeLast(now) {
		q.tellLocked(report{line: l})
	}
	q.debugEndLocked()
	q.warnings.over = true
	q.warnings.schedule()
}

// endReports waits for the callbacks as awaitReports does, and then for the
// last lines of the log, unless a callback is stuck.
func (q *queue) endReports(limit context.Context) {
	told := q.awaitReports(limit)
	q.logLast()
	if told {
		q.awaitReports(limit)
	}
}

// warnOfLossLocked warns of n messages of b that will not be delivered.
func (q *queue) warnOfLossLocked(b *batch, n int, o outcome) {
	kind := warnUndelivered
	api, answered := o.err.(*APIError)
	switch {
	case answered && api.Is(ErrUnauthorized):
		kind = warnUnauthorized
	case answered && api.Is(ErrEnvironmentNotFound):
		kind = warnEnvironment
	case o.err == ErrQueueFull:
		kind = warnQueueFull
	case len(q.cfg.onError) > 0:
		return // it is told
	}
	q.warnOfBatchLocked(kind, b, n, o.err)
}

// warnOfStrangerLocked warns if another than the API answered the request of b,
// or if the API has a limit for its endpoint.
func (q *queue) warnOfStrangerLocked(b *batch, err error) {
	switch err := err.(type) {
	case *APIError:
		if err.fromPortal() {
			q.warnOfBatchLocked(warnPortal, b, b.count(), err)
		}
		if err.fromFirewall() {
			q.warnOfBatchLocked(warnFirewall, b, b.count(), err)
		}
		if err.StatusCode == http.StatusTooManyRequests {
			q.warnOfBatchLocked(warnLimited, b, b.count(), err)
		}
	case *NetworkError:
		if status := err.proxyStatus(); status > 0 {
			q.warnOfBatchLocked(warnProxy, b, b.count(), err, slog.Int("status", status))
		}
	}
}

// warnOfLeftLocked warns of the files in the spool's directory that nobody with
// the client's settings delivers.
func (q *queue) warnOfLeftLocked(left spool.Left) {
	q.warnAboutLocked(warnLeft, subject{count: left.Files}, nil, slog.Duration("oldest", time.Since(left.Oldest).Round(time.Second)))
}

// warnOfPlainHTTPLocked warns of a base URL that needs WithInsecureHTTP, when the
// first request begins: New starts no goroutine, and until then there is nothing
// to read.
func (q *queue) warnOfPlainHTTPLocked() {
	if first := !q.warnings.begun; first && q.cfg.isInClear() {
		q.warnLocked(warnPlainHTTP, nil, slog.String("host", q.cfg.baseURL.Host))
	}
	q.warnings.begun = true
}
