package altertable

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// Errors to match with errors.Is.
var (
	// ErrClosed is returned for a message that comes after Close or Shutdown began.
	ErrClosed = errors.New("altertable: client is closed")
	// ErrQueueFull is returned where the queue has no room for a message, and is
	// the reason in the report of a message that DropOldest evicted.
	ErrQueueFull = errors.New("altertable: queue is full")
	// ErrTooLarge is returned for a message over MaxBatchBytes, MaxQueueBytes or
	// SpoolMaxBytes, and for a synchronous call over the limits of a batch. The
	// text of a call's error names the option, its value and, if most of the
	// message is in one property or trait, that, as ValidationError does.
	ErrTooLarge = errors.New("altertable: message is too large")
	// ErrUnauthorized matches an *APIError of status 401 or 403: the key is
	// wrong, revoked, or not allowed to ingest.
	ErrUnauthorized = errors.New("altertable: API key was refused")
	// ErrEnvironmentNotFound matches an *APIError that says that the project has
	// no environment of the message's name; it is created in the dashboard.
	ErrEnvironmentNotFound = errors.New("altertable: environment not found")
)

// A ConfigError says which option of New was out of range or contradicted
// another one.
type ConfigError struct {
	Option string // the option's name, or "apiKey"
	Reason string // the value and its range; never the key
}

// Error names the option, the value and the range.
func (e *ConfigError) Error() string { return "altertable: " + e.Option + ": " + e.Reason }

// A ValidationError says which field of a message was refused, "distinct_id"
// say, and why. It does not repeat the value.
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

// An APIError is an answer of the server other than success, a redirect among
// them. It matches ErrUnauthorized and ErrEnvironmentNotFound where it means that.
type APIError struct {
	StatusCode int
	Code       string        // the server's error code, empty if it named none
	Message    string        // the server's own words; not part of Error
	RetryAfter time.Duration // what the server asked for, 0 if it did not
	Body       []byte        // the answer's first 64 KiB; 1 KiB where the messages waited for another attempt
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
	if codePattern.MatchString(e.Code) {
		return fmt.Sprintf("altertable: server answered %d (%s)", e.StatusCode, e.Code)
	}
	return fmt.Sprintf("altertable: server answered %d", e.StatusCode)
}

// Is reports whether target is ErrUnauthorized or ErrEnvironmentNotFound and
// the answer means it.
func (e *APIError) Is(target error) bool {
	switch target {
	case ErrUnauthorized:
		return e.StatusCode == http.StatusUnauthorized || e.StatusCode == http.StatusForbidden
	case ErrEnvironmentNotFound:
		return strings.ReplaceAll(strings.ToLower(e.Code), "_", "-") == "environment-not-found"
	}
	return false
}

// A NetworkError means that no answer came: the connection was refused or
// reset, the request timed out, a name was not found. Whether the server
// stored the messages is unknown.
type NetworkError struct {
	Err error // as the HTTP client gave it; its text may hold addresses
}

// Error names the kind of trouble. The text of Err is left out: a transport's
// errors may quote what a server sent, or a request with its headers.
func (e *NetworkError) Error() string { return "altertable: network: " + networkTrouble(e.Err) }

// Unwrap returns Err.
func (e *NetworkError) Unwrap() error { return e.Err }

// Timeout reports whether the request ended because its time was over.
func (e *NetworkError) Timeout() bool {
	var t interface{ Timeout() bool }
	return errors.As(e.Err, &t) && t.Timeout()
}

func networkTrouble(err error) string {
	var (
		dns         *net.DNSError
		certificate *tls.CertificateVerificationError
		record      tls.RecordHeaderError
		errno       syscall.Errno
		timeout     interface{ Timeout() bool }
	)
	switch {
	case errors.Is(err, context.Canceled):
		return "request canceled"
	case errors.As(err, &dns) && dns.IsNotFound:
		return "no such host"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "request timed out"
	case errors.As(err, &dns):
		return "name lookup failed"
	case errors.As(err, &certificate):
		return "server certificate was not accepted"
	case errors.As(err, &record):
		return "server does not speak TLS"
	case errors.As(err, &errno):
		return errno.Error()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection closed before an answer"
	}
	return fmt.Sprintf("no answer (%T)", err)
}

// A DeliveryError reports accepted messages of one batch that will not be
// delivered, and holds them. WithOnError's function receives it, and it is the
// Err of a Delivery.
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
// each, oldest first. They are the caller's to keep; they hold personal data.
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
