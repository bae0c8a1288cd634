package natsqueue

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	patience     = 5 * time.Second        // with the broker, for a request without a deadline
	firstPause   = 50 * time.Millisecond  // between attempts
	longestPause = 400 * time.Millisecond // likewise
	leastAttempt = 250 * time.Millisecond // if there is so much time
	mostAttempt  = 2500 * time.Millisecond
	mostMargin   = 250 * time.Millisecond // between the answer and the end of the request's context
)

// publish stores m, or returns why it is not known to be stored. What may pass is
// tried again, until shortly before the context's deadline: an answer says more
// than a context's end. That also covers an acknowledgement that was lost.
func (q *queue) publish(ctx context.Context, m *nats.Msg) *refusal {
	end := endOf(ctx, time.Now())
	var last *refusal
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		refused := q.attempt(ctx, m, end)
		if refused == nil || !refused.mayPass {
			return refused
		}
		if last == nil || refused != notAcknowledged {
			last = refused
		}
		if !wait(ctx, pause, end) {
			return last
		}
	}
}

// endOf returns when the answer is due of a request that begins now.
func endOf(ctx context.Context, now time.Time) time.Time {
	deadline, ok := ctx.Deadline()
	if !ok {
		return now.Add(patience)
	}
	return deadline.Add(-min(deadline.Sub(now)/10, mostMargin))
}

// wait returns after the pause, or false if the end comes first.
func wait(ctx context.Context, pause time.Duration, end time.Time) bool {
	if time.Until(end) <= pause {
		return false
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// attempt publishes m once. The broker has half of the time that is left, so that
// there is some for another attempt: nats.go waits for an acknowledgement also if
// its connection was lost, or the leader that would have sent it.
//
// It asks the connection first: nats.go keeps the entry of a request that it fails
// to write, so attempts during a long outage would fill the memory.
func (q *queue) attempt(ctx context.Context, m *nats.Msg, end time.Time) *refusal {
	nc := q.js.Conn()
	if refused := q.checkConnection(nc, len(m.Data)); refused != nil {
		return refused
	}
	left := time.Until(end)
	attempt, cancel := context.WithTimeout(ctx, min(max(left/2, min(left, leastAttempt)), mostAttempt))
	defer cancel()
	_, err := q.js.PublishMsg(attempt, m, once)
	if err == nil {
		return nil
	}
	return q.judge(nc, m.Subject, err)
}

// once has PublishMsg leave attempts to us.
var once = jetstream.WithRetryAttempts(0)

// checkConnection returns why a message with so many bytes of data cannot be
// published now, nil if it can.
func (q *queue) checkConnection(nc *nats.Conn, size int) *refusal {
	if nc == nil {
		return nil
	}
	switch nc.Status() {
	case nats.CONNECTED:
	case nats.CLOSED, nats.DRAINING_PUBS, nats.DRAINING_SUBS:
		return connectionClosed
	default:
		return notConnected
	}
	if int64(size+q.overhead) > nc.MaxPayload() {
		return tooLarge
	}
	return nil
}

// Errors of the JetStream API that nats.go has no names for.
const (
	codeAccountResources = 10002
	codeStorageResources = 10047
	codeMessageTooLarge  = 10054
	codeOtherStream      = 10060
	codeStoreFailed      = 10077
)

// judge says what the error of an attempt means.
func (q *queue) judge(nc *nats.Conn, subject string, err error) *refusal {
	var api *jetstream.APIError
	switch {
	case errors.As(err, &api):
		return q.judgeAPI(api)
	case errors.Is(err, nats.ErrMaxPayload):
		return tooLarge
	case errors.Is(err, jetstream.ErrNoStreamResponse), errors.Is(err, nats.ErrNoResponders):
		return q.noStream()
	case errors.Is(err, nats.ErrConnectionClosed), errors.Is(err, nats.ErrConnectionDraining):
		return connectionClosed
	case errors.Is(err, nats.ErrReconnectBufExceeded), errors.Is(err, nats.ErrConnectionReconnecting):
		return notConnected
	case isDenied(nc, subject):
		return notPermitted
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), errors.Is(err, nats.ErrTimeout):
		return notAcknowledged
	}
	return publishFailed(err)
}

// isDenied reports whether the connection was told that it may not publish to the
// subject. The broker tells that apart from the request, which nobody answers.
func isDenied(nc *nats.Conn, subject string) bool {
	if nc == nil {
		return false
	}
	last := nc.LastError()
	return errors.Is(last, nats.ErrPermissionViolation) && strings.Contains(last.Error(), `"`+subject+`"`)
}

// judgeAPI says what a stream's own answer means. A full stream has no code of its
// own: the text is that of the store's error.
func (q *queue) judgeAPI(err *jetstream.APIError) *refusal {
	text := strings.ToLower(err.Description)
	switch {
	case err.ErrorCode == codeMessageTooLarge,
		err.ErrorCode == codeStoreFailed && strings.Contains(text, "too large"):
		return tooLarge
	case err.ErrorCode == codeAccountResources, err.ErrorCode == codeStorageResources,
		err.ErrorCode == codeStoreFailed && (strings.Contains(text, "maximum ") || strings.Contains(text, "no space left")):
		return q.full(err.Description)
	case err.ErrorCode == codeOtherStream:
		return q.otherStream()
	}
	return brokerRefused(err)
}
