package altertable

import (
	"log/slog"
	"time"
)

// An outageLog is what the log was told of the outages of the whole client, or
// of one endpoint. One begin is logged a minute at most, so that an outage that
// comes and goes every second does not fill the log. An outage that is over
// before its begin could be logged is only counted. So each begin has an end,
// and each end a begin. It belongs to warnings.
type outageLog struct {
	scope  string // an endpoint; "" for the client
	on     bool
	begun  bool // its begin was logged
	since  time.Duration
	err    error
	until  time.Duration // no begin is logged before
	remind time.Duration // when the next reminder is due
	untold int           // lines that the logger has not been given
	short  int           // outages that were over before their begin was logged, not told yet
	waited int           // messages that waited in those
}

const remindEvery = 10 * time.Minute

const (
	outageBeganText    = "altertable: messages cannot be delivered at the moment, the client retries"
	outageReminderText = "altertable: messages still cannot be delivered, the client retries"
	outageEndedText    = "altertable: the outage is over, messages are sent again"
	outageLeftText     = "altertable: the client was shut down while messages could not be delivered"
	outageShortText    = "altertable: there were short outages, which were not logged one by one"
)

// due returns when something may be logged, -1 if there is nothing.
func (o *outageLog) due() time.Duration {
	switch {
	case o.untold > 0:
		return -1
	case o.on && o.begun:
		return o.remind
	case o.on, o.short > 0:
		return o.until
	}
	return -1
}

// takeHeldBack returns the line that was held back until now, nil if a reminder
// is due instead.
func (o *outageLog) takeHeldBack(now time.Duration) *line {
	switch {
	case o.on && o.begun:
		return nil
	case o.on:
		return o.takeBegin(now)
	}
	return o.takeShort(now)
}

func (o *outageLog) takeBegin(now time.Duration) *line {
	var attrs []slog.Attr
	if age := now - o.since; age > 0 {
		attrs = append(attrs, rounded("age", age))
	}
	if o.short > 0 {
		attrs = append(attrs, slog.Int("short_outages", o.short), slog.Int("waited", o.waited))
	}
	o.begun, o.short, o.waited = true, 0, 0
	o.until, o.remind = now+warnEvery, o.since+remindEvery
	return o.line(outageBeganText, o.err, attrs...)
}

func (o *outageLog) takeShort(now time.Duration) *line {
	l := o.line(outageShortText, nil, slog.Int("short_outages", o.short), slog.Int("waited", o.waited))
	o.short, o.waited, o.until = 0, 0, now+warnEvery
	return l
}

// takeLast returns the line with which the log of the scope ends, nil if there is none.
func (o *outageLog) takeLast(now time.Duration) *line {
	if o.on && !o.begun {
		o.short++
	}
	leaves := o.on && o.begun
	o.on = false
	switch {
	case leaves:
		return o.line(outageLeftText, nil, rounded("duration", now-o.since))
	case o.short > 0:
		return o.takeShort(now)
	}
	return nil
}

func (o *outageLog) line(text string, err error, attrs ...slog.Attr) *line {
	if o.scope != "" {
		attrs = append([]slog.Attr{slog.String("endpoint", o.scope)}, attrs...)
	}
	o.untold++
	return &line{level: slog.LevelWarn, text: text, attrs: attrs, err: err, untold: &o.untold}
}

func rounded(name string, d time.Duration) slog.Attr {
	return slog.Duration(name, d.Round(time.Millisecond))
}

// outage returns the log of a scope, nil if there is no such scope, or Shutdown
// is over.
func (w *warnings) outage(scope string) *outageLog {
	for i := range w.outages {
		if o := &w.outages[i]; o.scope == scope && !w.over {
			return o
		}
	}
	return nil
}

// logOutagesLocked tells the log which outages are on. While the client waits as
// a whole, no line of an endpoint begins.
func (q *queue) logOutagesLocked() {
	q.logOutageLocked("", q.health.common.on, q.health.common.err)
	for i := range q.health.endpoints {
		o, scope := &q.health.endpoints[i].outage, endpoint(i).String()
		q.logOutageLocked(scope, o.on && (!q.health.common.on || q.warnings.outages[1+i].on), o.err)
	}
}

func (q *queue) logOutageLocked(scope string, on bool, err error) {
	if on {
		q.outageBeganLocked(scope, err)
	} else if o := q.warnings.outage(scope); o != nil && o.on {
		q.outageEndedLocked(scope, q.now()-o.since, q.queuedOfLocked(scope))
	}
}

// outageBeganLocked notes that an outage with the error err began, of an
// endpoint or, for "", of the whole client. It is logged now, or in a minute if
// it is not over by then.
func (q *queue) outageBeganLocked(scope string, err error) {
	o := q.warnings.outage(scope)
	if o == nil || o.on {
		return
	}
	now := q.now()
	o.on, o.begun, o.since, o.err = true, false, now, brief(err)
	if at := o.due(); at >= 0 && at <= now {
		q.tellLocked(report{line: o.takeBegin(now)})
	}
	q.warnings.schedule()
}

// outageEndedLocked notes that an outage is over after this time, and how many
// messages waited for that. It is logged if its begin was.
func (q *queue) outageEndedLocked(scope string, duration time.Duration, waited int) {
	o := q.warnings.outage(scope)
	if o == nil || !o.on {
		return
	}
	o.on, o.err = false, nil
	if o.begun {
		q.tellLocked(report{line: o.line(outageEndedText, nil, rounded("duration", duration), slog.Int("waited", waited))})
	} else {
		o.short++
		o.waited += waited
	}
	q.warnings.schedule()
}

// remindLocked has the log remind of the outages of which a reminder is due, with
// their age and the number of messages that are queued.
func (q *queue) remindLocked(now time.Duration) {
	for i := range q.warnings.outages {
		o := &q.warnings.outages[i]
		if at := o.due(); !o.on || !o.begun || at < 0 || at > now {
			continue
		}
		o.remind = now + remindEvery
		if queued := q.queuedOfLocked(o.scope); queued > 0 { // else no message waits for its end
			q.tellLocked(report{line: o.line(outageReminderText, o.err, rounded("age", now-o.since), slog.Int("queued", queued))})
		}
	}
}

// queuedOfLocked counts the messages without an outcome, or those of one
// endpoint that are in memory.
func (q *queue) queuedOfLocked(scope string) (n int) {
	if scope == "" {
		return q.held.count + q.onDisk.backlog.count
	}
	for ep := range q.places.traffic {
		if endpoint(ep).String() != scope {
			continue
		}
		for _, b := range q.places.traffic[ep].idle.batches {
			n += b.count()
		}
	}
	for place := q.places.inFlight.Front(); place != nil; place = place.Next() {
		if b := place.Value.(*batch); b.lane.endpoint.String() == scope {
			n += b.count()
		}
	}
	return n
}
