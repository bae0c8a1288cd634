package altertable

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"time"
)

// Errors to match with errors.Is.
var (
	// ErrClosed is returned for a message that comes after Close or Shutdown began,
	// and by a client that was made in another testing/synctest bubble. The function
	// that Enqueue was given receives it where a spool keeps the message for another
	// client.
	ErrClosed = errors.New("altertable: client is closed")
	// ErrQueueFull is returned where the queue has no room for a message, and is
	// the reason in the report of a message that DropOldest evicted.
	ErrQueueFull = errors.New("altertable: queue is full")
	// ErrTooLarge is returned for a message over MaxBatchBytes, MaxQueueBytes or
	// SpoolMaxBytes, and for a synchronous call over the limits of a batch. The
	// text of a call's error names the option and its value. If most of the message
	// is in one property or trait, it also names that one, as ValidationError does.
	ErrTooLarge = errors.New("altertable: message is too large")
	// ErrUnauthorized matches an *APIError of status 401, or of 403 with an error
	// code: the key is wrong, revoked, or not allowed to ingest. What is queued is
	// then given up, except with a spool: it stays there, and one request every
	// MaxInterval finds out whether the key works again. A 403 without a code is
	// not the platform's, and is retried.
	ErrUnauthorized = errors.New("altertable: API key was refused")
	// ErrEnvironmentNotFound matches an *APIError that says that the project has
	// no environment of the message's name. Create it in the dashboard. The
	// environment's messages are then given up, except with a spool: they stay
	// there, and the client tries again as it does for a refused key.
	ErrEnvironmentNotFound = errors.New("altertable: environment not found")
)

// A ConfigError says which option of New, or variable of NewFromEnv, was out of
// range or contradicted another one.
type ConfigError struct {
	Option string // the option's name or "apiKey"; of NewFromEnv, the variable's if that is to blame
	Reason string // the value and its range; never the key
}

// Error names the option, the value and the range.
func (e *ConfigError) Error() string { return "altertable: " + e.Option + ": " + e.Reason }

// A ValidationError says which field of a message was refused, such as
// "distinct_id", and why. It does not repeat the value.
//
// For a value that cannot be encoded, Field is "properties" or "traits", and
// Reason begins with the key of the map, in quotes, if that looks like a name:
// 1 to 64 ASCII letters, digits and any of "_.$ -". Other keys may be personal
// data and are left out.
type ValidationError struct {
	Field  string // by its name on the wire, "message" for what BeforeSend returned
	Reason string // words that follow the field's name
}

// Error names the field and what is wrong with it, but not its value. A call
// that returns it puts its own name in front: "altertable: Track: ...".
func (e *ValidationError) Error() string { return "altertable: " + e.Field + " " + e.Reason }

// An APIError is an answer other than success, a redirect among them. It
// matches ErrUnauthorized and ErrEnvironmentNotFound where it means that. Two
// answers are not the API's. They are retried, and Error says what they are: an
// HTML page under a 2xx comes from a captive portal, or the base URL is wrong; a
// 403 without an error code comes from a firewall.
type APIError struct {
	StatusCode int
	Code       string        // the server's error code, empty if it named none
	Message    string        // the server's own words; not part of Error
	RetryAfter time.Duration // what the server asked for, 0 if it did not
	Body       []byte        // the answer's first 64 KiB, decompressed; 1 KiB where the messages waited for another attempt

	page bool // an HTML page answered, under a 2xx
}

// brief returns err as a batch keeps it while it waits: batches are many, and
// an error page may be larger than what they hold.
func brief(err error) error {
	const most = 1 << 10
	api, ok := err.(*APIError)
	if !ok || len(api.Body) <= most {
		return err
	}
	kept := *api
	kept.Body = bytes.Clone(api.Body[:most])
	kept.Code = strings.Clone(api.Code[:min(len(api.Code), most)])
	kept.Message = strings.Clone(api.Message[:min(len(api.Message), most)])
	return &kept
}

// codePattern is what a code must look like to be shown in an error's text.
var codePattern = regexp.MustCompile(`^[\w.-]{1,64}$`)

// Error names the status, and the code if it looks like one. The rest is left
// out: a server's free text may quote what it was sent.
func (e *APIError) Error() string {
	text := fmt.Sprintf("altertable: server answered %d", e.StatusCode)
	switch {
	case codePattern.MatchString(e.Code):
		return text + " (" + e.Code + ")"
	case e.fromPortal():
		return text + " with an HTML page: a captive portal, or the base URL is wrong"
	case e.fromFirewall():
		return text + " without an error code: a firewall or proxy in between, not the API"
	}
	return text
}

// Is reports whether target is ErrUnauthorized or ErrEnvironmentNotFound and
// the answer means it.
func (e *APIError) Is(target error) bool {
	switch target {
	case ErrUnauthorized:
		return e.StatusCode == http.StatusUnauthorized || e.StatusCode == http.StatusForbidden && !e.fromFirewall()
	case ErrEnvironmentNotFound:
		return strings.ReplaceAll(strings.ToLower(e.Code), "_", "-") == "environment-not-found"
	}
	return false
}

// fromPortal reports whether a page came in the place of the API's answer.
func (e *APIError) fromPortal() bool { return e.page }

// fromFirewall reports whether somebody on the way refused the request: the API
// says with a code why it does.
func (e *APIError) fromFirewall() bool { return e.StatusCode == http.StatusForbidden && e.Code == "" }

// A DeliveryError reports accepted messages of one batch that will not be
// delivered, and holds them. WithOnError's function receives it, and it is the
// Err of a Delivery. The function that Enqueue was given receives one that has
// its message alone.
type DeliveryError struct {
	Endpoint    string // "track", "identify" or "alias"
	Environment string
	Count       int   // messages
	Attempts    int   // requests that carried them; 0 if none did
	Err         error // the last cause: *APIError, *NetworkError, ErrQueueFull, or the end of Shutdown's context

	payloads []json.RawMessage
}

// Error names the numbers and the cause, and nothing of the messages.
func (e *DeliveryError) Error() string {
	return withCause("altertable: "+counted(e.Count, e.Endpoint+" message")+" not delivered after "+counted(e.Attempts, "attempt"), e.Err)
}

// Unwrap returns Err.
func (e *DeliveryError) Unwrap() error { return e.Err }

// Payloads returns the messages as they would have been sent, one JSON object
// each, oldest first. With Endpoint, each is a Raw, which Enqueue takes again. They
// are the caller's to keep; they hold personal data.
func (e *DeliveryError) Payloads() []json.RawMessage { return e.payloads }

// An UndeliveredError is what Flush and Shutdown return when messages that
// were outstanding at the call were not delivered.
type UndeliveredError struct {
	Count int   // messages given up, evicted, or still without an outcome
	Err   error // joins the context's error, if it ended, and the first cause
}

// Error names the number and the cause.
func (e *UndeliveredError) Error() string {
	return withCause("altertable: "+counted(e.Count, "message")+" undelivered", e.Err)
}

// Unwrap returns Err.
func (e *UndeliveredError) Unwrap() error { return e.Err }

// counted returns "1 message", "2 messages".
func counted(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// withCause returns text with its cause, which may be nil.
func withCause(text string, cause error) string {
	if cause == nil {
		return text
	}
	return text + ": " + strings.TrimPrefix(cause.Error(), "altertable: ")
}

// joinErrors joins two errors, each of which may be nil, unless the second one
// is or begins with the first.
func joinErrors(first, second error) error {
	joined, _ := second.(*joinedError)
	switch {
	case first == nil, same(first, second), joined != nil && same(joined.first, first):
		return second
	case second == nil:
		return first
	}
	return &joinedError{first, second}
}

// same reports whether two errors are one. Those that hold what cannot be
// compared, at which == would panic, are not.
func same(a, b error) bool {
	return reflect.ValueOf(a).Comparable() && reflect.ValueOf(b).Comparable() && a == b
}

// A joinedError is like fmt.Errorf("%w: %w"), but names the package once.
type joinedError struct{ first, second error }

func (e *joinedError) Error() string {
	return withCause(withCause("altertable", e.first), e.second)
}

func (e *joinedError) Unwrap() []error { return []error{e.first, e.second} }

// A callError is the error of a call, whose name it puts in front.
type callError struct {
	call string // "Track"
	err  error
}

// inCall returns err as the call returns it.
func inCall(call string, err error) error {
	if err == nil {
		return nil
	}
	return &callError{call, err}
}

func (e *callError) Error() string { return withCause("altertable: "+e.call, e.err) }

func (e *callError) Unwrap() error { return e.err }
