package altertable

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// RetryPolicy says how long a batch, an endpoint, or the client as a whole waits
// after a failure before the next attempt. The interval starts at InitialInterval and
// doubles with every failure up to MaxInterval; a delay is the interval times a
// random factor of 0.5 to 1.5, or what the server's Retry-After asks for, up to
// 5 minutes, if that is longer. A 429 lowers the rate of requests instead; then
// the intervals apply only while the server lets no request through. A message
// that has failed, or waits for the end of an outage, is given up MaxElapsed
// after it was accepted.
//
// With a spool, a refused key and a missing environment are failures that may
// pass: one request every MaxInterval, or as Retry-After says if that is longer,
// finds out whether they have, and MaxElapsed counts for what waits. Messages that
// a client adopted from a dead one may be older than MaxElapsed: they are sent once
// before they are given up.
//
// With the defaults the delays are, in seconds:
//
//	failure   1          2        3      4      5       6       7 and on
//	delay     0.25-0.75  0.5-1.5  1-3    2-6    4-12    8-24    15-45
//
// Each field is at least 1 ms; a zero field takes its default: 500 ms, 30 s, 24 h.
type RetryPolicy struct {
	InitialInterval time.Duration // after the first failure
	MaxInterval     time.Duration // at most
	MaxElapsed      time.Duration // from a message's acceptance until it is given up
}

var defaultRetryPolicy = RetryPolicy{
	InitialInterval: 500 * time.Millisecond,
	MaxInterval:     30 * time.Second,
	MaxElapsed:      24 * time.Hour,
}

// maxRetryAfter is how much of a server's Retry-After is obeyed: a typo in a
// proxy must not silence a service for a day.
const maxRetryAfter = 5 * time.Minute

func (p RetryPolicy) withDefaults() (RetryPolicy, error) {
	for _, f := range []struct {
		name  string
		value time.Duration
	}{{"InitialInterval", p.InitialInterval}, {"MaxInterval", p.MaxInterval}, {"MaxElapsed", p.MaxElapsed}} {
		if f.value != 0 && f.value < time.Millisecond {
			return p, &ConfigError{"WithRetry", fmt.Sprintf("%s %v is out of range: at least 1ms", f.name, f.value)}
		}
	}
	if p.InitialInterval != 0 && p.MaxInterval != 0 && p.InitialInterval > p.MaxInterval {
		return p, &ConfigError{"WithRetry", fmt.Sprintf("InitialInterval %v is out of range: up to MaxInterval, %v", p.InitialInterval, p.MaxInterval)}
	}
	if p.InitialInterval == 0 {
		p.InitialInterval = defaultRetryPolicy.InitialInterval
		if p.MaxInterval != 0 {
			p.InitialInterval = min(p.InitialInterval, p.MaxInterval)
		}
	}
	if p.MaxInterval == 0 {
		p.MaxInterval = max(defaultRetryPolicy.MaxInterval, p.InitialInterval)
	}
	if p.MaxElapsed == 0 {
		p.MaxElapsed = defaultRetryPolicy.MaxElapsed
	}
	p.InitialInterval = min(p.InitialInterval, longest)
	p.MaxInterval = min(p.MaxInterval, longest)
	p.MaxElapsed = min(p.MaxElapsed, longest)
	return p, nil
}

// longest stands for a longer time, "never" among them: a time on the queue's
// clock plus longest, jittered, does not overflow.
const longest time.Duration = 1 << 62

// A schedule is a series of growing, jittered intervals.
type schedule = backoff.ExponentialBackOff

// newSchedule returns the intervals of p from the first on.
func (p RetryPolicy) newSchedule() *schedule {
	return backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(p.InitialInterval),
		backoff.WithMaxInterval(p.MaxInterval),
		backoff.WithMultiplier(2),
		backoff.WithRandomizationFactor(0.5),
		backoff.WithMaxElapsedTime(0), // MaxElapsed counts from acceptance: see expireLocked
	)
}

// nextDelay is the wait after the failure err.
func nextDelay(s *schedule, err error) time.Duration { return max(s.NextBackOff(), askedDelay(err)) }

// askedDelay is the wait that the server or a proxy asked for.
func askedDelay(err error) (asked time.Duration) {
	switch err := err.(type) {
	case *APIError:
		asked = err.RetryAfter
	case *NetworkError:
		if refusal, ok := err.Err.(*proxyRefusal); ok {
			asked = refusal.retryAfter
		}
	}
	return min(asked, maxRetryAfter)
}

// maxRetryAfterText is how much of a Retry-After is read: a date has 29 bytes.
const maxRetryAfterText = 1 << 10

// parseRetryAfter reads the Retry-After in an answer's header: seconds, which
// may have a fraction, or a date of one of HTTP's three forms. A date is
// relative to the answer's own, since the server's clock made both; now stands in
// for that. Of several values, in one line or in more, the longest counts: no server
// is asked earlier than it said. It is 0 if there is none that can be read.
func parseRetryAfter(header http.Header, now time.Time) (longest time.Duration) {
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		now = date
	}
	text := strings.Join(header.Values("Retry-After"), ",")
	before := "" // a date has a comma behind its day
	for part := range strings.SplitSeq(text[:min(len(text), maxRetryAfterText)], ",") {
		if wait, ok := parseSeconds(strings.TrimSpace(part)); ok {
			longest = max(longest, wait)
		}
		for _, form := range []string{part, before + "," + part} {
			if date, err := http.ParseTime(strings.TrimSpace(form)); err == nil {
				longest = max(longest, date.Sub(now))
			}
		}
		before = part
	}
	return longest
}

// parseSeconds reads digits with a fraction, and nothing else that strconv
// knows: no exponent, no sign other than a plus, no infinity.
func parseSeconds(text string) (wait time.Duration, ok bool) {
	const most = math.MaxInt64 / uint64(time.Second)
	whole, fraction, _ := strings.Cut(strings.TrimPrefix(text, "+"), ".")
	if whole+fraction == "" || strings.Trim(whole+fraction, "0123456789") != "" {
		return 0, false
	}
	seconds, err := strconv.ParseUint("0"+whole, 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return math.MaxInt64, true
	case seconds >= most:
		return time.Duration(most) * time.Second, true
	}
	nanoseconds, _ := strconv.ParseUint((fraction + "000000000")[:9], 10, 64) // of digits
	return time.Duration(seconds)*time.Second + time.Duration(nanoseconds), true
}

// A verdict is what the result of an attempt means for the messages that it
// carried.
type verdict int

const (
	success     verdict = iota
	retryable           // the same request may succeed later
	limited             // it may succeed later, if requests are fewer
	misdirected         // it may succeed at once on another connection
	refusable           // one of several messages may be to blame
	unsendable          // no request with these messages will succeed
)

// judge says what the result of an attempt, err as post returned it, means. Of
// the 4xx, 408, 425 and 429 speak of the moment; 400, 413 and 422 may speak of a
// single message, unless the code speaks of the request as a whole. What is not
// the API's own answer says nothing of the messages.
func judge(err error) verdict {
	if err == nil {
		return success
	}
	api, ok := err.(*APIError) // errors.As would call methods of a RoundTripper's error
	if !ok {
		return retryable
	}
	switch status := api.StatusCode; {
	case api.fromPortal(), api.fromFirewall():
		return retryable
	case status == http.StatusMisdirectedRequest:
		return misdirected
	case status == http.StatusTooManyRequests:
		return limited
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status >= 500:
		return retryable
	case status == http.StatusBadRequest, status == http.StatusRequestEntityTooLarge,
		status == http.StatusUnprocessableEntity:
		if api.ofWholeRequest() {
			return unsendable
		}
		return refusable
	}
	return unsendable
}

// ofWholeRequest reports whether the code blames what all messages share: the
// environment or the key.
func (e *APIError) ofWholeRequest() bool {
	code := strings.NewReplacer("_", "-", " ", "-").Replace(strings.ToLower(e.Code))
	for _, word := range []string{"environment", "api-key", "apikey", "invalid-key", "authenticat", "authoriz", "forbidden"} {
		if strings.Contains(code, word) {
			return true
		}
	}
	return false
}
