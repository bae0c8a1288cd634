package altertable

import (
	"errors"
	"log/slog"
	"math"
	"time"
)

// Stats are a client's counters since New, in messages unless they say
// otherwise, and what holds now. At any moment
//
//	Accepted == Delivered + Failed + Dropped + Queued
//	Rejected == RejectedFull + RejectedTooLarge + RejectedInvalid + RejectedClosed + RejectedSpool
//	FailedRequests == RequestsUnauthorized + RequestsNoEnvironment + RequestsLimited + RequestsRefused + RequestsErrored + RequestsUnanswered
//
// While the server is down, FailedRequests and Oldest grow, and LastSuccess
// stands still: an alert can be built on each of them. Oldest also grows
// while a single endpoint or message fails, which LastSuccess tells apart.
// With a spool, all this holds for a refused key, too: it is waited for like
// a server that is down.
//
// Of synchronous calls, only requests (Requests, Retries, FailedRequests and its
// parts, InFlight and LastSuccess) and discarded messages are counted.
type Stats struct {
	Accepted    int64 // taken into the queue or the spool, or adopted from a dead client's spool
	Delivered   int64 // the server took them
	Failed      int64 // given up after a final answer, or after MaxElapsed
	Dropped     int64 // evicted by DropOldest, left in memory when Shutdown's context ended, or damaged in the spool or removed from it
	Queued      int64 // now: waiting, in flight, in backoff, or left on disk
	QueuedBytes int64 // now: their JSON, in bytes
	Rejected    int64 // refused at the call, and so never accepted
	Discarded   int64 // by BeforeSend or for want of consent, and so never accepted
	Retries     int64 // requests that repeat a failed one
	Requests    int64 // requests begun

	RejectedFull     int64 // ErrQueueFull: the queue or the spool had no room
	RejectedTooLarge int64 // ErrTooLarge
	RejectedInvalid  int64 // *ValidationError
	RejectedClosed   int64 // ErrClosed
	RejectedSpool    int64 // *SpoolError: the disk failed

	FailedRequests int64 // requests that ended without a success: any other answer, or none
	InFlight       int64 // now: requests under way; MaxInFlight bounds those of them that are not synchronous
	SpoolBytes     int64 // now: the spool's files, in bytes

	RequestsUnauthorized  int64 // the key was refused: ErrUnauthorized
	RequestsNoEnvironment int64 // ErrEnvironmentNotFound
	RequestsLimited       int64 // 429: there were too many
	RequestsRefused       int64 // any other answer, such as a 422, a 421 or a redirect
	RequestsErrored       int64 // 5xx, 408, 425, a firewall's 403 or a captive portal's page
	RequestsUnanswered    int64 // no answer came: a *NetworkError

	// Oldest is the age of the oldest message on which this client still works,
	// since its acceptance, which may lie before the process began: it waits, is
	// in flight, in backoff, or is on disk and not read yet. It is 0 if there is
	// none, and after Shutdown.
	Oldest time.Duration

	// LastSuccess is when the last request that delivered ended. It is zero if
	// there was none.
	LastSuccess time.Time
}

// Stats returns a snapshot. It is cheap enough to poll, does no I/O, and works
// after Close.
func (c *Client) Stats() Stats {
	if c.absent() {
		return Stats{}
	}
	return c.queue.snapshot()
}

// Limits are the bounds of a client, as its options set them, with which its Stats
// are compared.
type Limits struct {
	MaxQueueSize  int64 // in messages, of Stats.Queued, in which what is on disk alone does not count
	MaxQueueBytes int64 // in bytes, of Stats.QueuedBytes, likewise
	MaxInFlight   int64 // in requests, of Stats.InFlight, in which synchronous calls do not count
	SpoolMaxBytes int64 // in bytes, of Stats.SpoolBytes; 0 without a spool
}

// Limits returns the client's bounds. It is as cheap as Stats, and does no I/O.
// Once Shutdown has ended, all of them are 0, as those of a nil client are: a closed
// client holds nothing. What its Stats still count as queued is on disk for another
// client, which counts it too.
func (c *Client) Limits() Limits {
	if c.absent() || c.queue.isOver() {
		return Limits{}
	}
	limits := Limits{
		MaxQueueSize:  int64(c.cfg.maxQueueSize),
		MaxQueueBytes: int64(c.cfg.maxQueueBytes),
		MaxInFlight:   int64(c.cfg.maxInFlight),
	}
	if c.cfg.spool != nil {
		limits.SpoolMaxBytes = c.cfg.spool.maxBytes
	}
	return limits
}

// isOver reports whether Shutdown's time is over.
func (q *queue) isOver() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.ended
}

// reject counts a refused message by its call's error. It looks for
// ErrQueueFull first: that may be joined with a context's error, whose methods
// are the user's code.
func (s *Stats) reject(err error) {
	s.Rejected++
	switch {
	case errors.Is(err, ErrQueueFull):
		s.RejectedFull++
	case errors.Is(err, ErrClosed):
		s.RejectedClosed++
	case errors.Is(err, ErrTooLarge):
		s.RejectedTooLarge++
	case isSpoolError(err):
		s.RejectedSpool++
	default:
		s.RejectedInvalid++
	}
}

// isSpoolError has a function of its own because errors.As makes its variable
// escape: other refusals do not allocate.
func isSpoolError(err error) bool {
	var files *SpoolError
	return errors.As(err, &files)
}

// beginRequest counts a request that begins now.
func (s *Stats) beginRequest(again bool) {
	s.Requests++
	s.InFlight++
	if again {
		s.Retries++
	}
}

// endRequest counts the result of a request.
func (s *Stats) endRequest(err error) {
	s.InFlight--
	if err == nil {
		s.LastSuccess = time.Now()
		return
	}
	s.FailedRequests++
	*s.failedFor(err)++
}

// failedFor returns the counter of requests that ended with err.
func (s *Stats) failedFor(err error) *int64 {
	api, ok := err.(*APIError) // as in judge
	v := judge(err)
	switch {
	case !ok:
		return &s.RequestsUnanswered
	case v == limited:
		return &s.RequestsLimited
	case v == retryable:
		return &s.RequestsErrored
	case api.Is(ErrEnvironmentNotFound):
		return &s.RequestsNoEnvironment
	case api.Is(ErrUnauthorized):
		return &s.RequestsUnauthorized
	}
	return &s.RequestsRefused
}

func (q *queue) snapshot() Stats {
	here := q.checkBubble(time.Now()) == nil // another bubble has another clock
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.snapshotLocked()
	if here {
		s.Oldest = q.oldestAgeLocked()
	}
	return s
}

// snapshotLocked is snapshot without Oldest.
func (q *queue) snapshotLocked() Stats {
	s := q.stats
	s.Queued = int64(q.held.count + q.onDisk.backlog.count + q.onDisk.kept.count)
	s.QueuedBytes = q.held.bytes + q.onDisk.backlog.bytes + q.onDisk.kept.bytes
	s.SpoolBytes = q.spoolBytes.Load()
	return s
}

// oldestAgeLocked returns the age of the oldest message on which the client
// works, 0 if there is none. Batches that no request carries are in the order of
// acceptance, and so is the backlog.
func (q *queue) oldestAgeLocked() time.Duration {
	now := q.now()
	oldest := now
	if b := q.places.oldestIdle(); b != nil {
		oldest = min(oldest, b.oldest())
	}
	for place := q.places.inFlight.Front(); place != nil; place = place.Next() {
		oldest = min(oldest, place.Value.(*batch).oldest())
	}
	if q.onDisk.backlog.count > 0 {
		oldest = min(oldest, q.onDisk.oldest)
	}
	if age := now - oldest; age >= 0 {
		return age
	}
	return math.MaxInt64 // an adopted message from before 1734
}

// reject counts a message that was refused before it reached the queue, by its
// call's error.
func (q *queue) reject(err error) {
	q.countRejected(err)
	q.debug("altertable: message rejected", err)
}

func (q *queue) countRejected(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.reject(err)
}

// rejectLocked counts the message in e, which the queue refused with err.
func (q *queue) rejectLocked(e *envelope, err error) {
	q.stats.reject(err)
	if errors.Is(err, ErrQueueFull) {
		q.warnAboutLocked(warnQueueFull, q.subjectOf(e), nil)
	}
	if q.debugging.Load() {
		q.debugLocked("altertable: message rejected", err,
			slog.String("endpoint", e.endpoint.String()), slog.String("environment", string(e.environment)))
	}
}

// subjectOf is the message in e as a warning names it.
func (q *queue) subjectOf(e *envelope) subject {
	environment := q.cfg.environment
	if string(e.environment) != environment {
		environment = string(e.environment)
	}
	return subject{1, e.endpoint.String(), environment}
}

// discard counts a message that was discarded, and logs by what.
func (q *queue) discard(by string) {
	q.countDiscarded()
	q.debug("altertable: message discarded", nil, slog.String("by", by))
}

func (q *queue) countDiscarded() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.Discarded++
}
