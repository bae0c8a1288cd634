package altertable

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"
)

// A NetworkError means that the server gave no answer: the connection was
// refused or reset, by a proxy perhaps, the request timed out, a name was not
// found, TLS failed. Such a request is sent again. Whether the server stored its
// messages is unknown.
type NetworkError struct {
	Err error // as the HTTP client gave it, or what wraps that; its text may hold addresses
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

// proxyStatus returns the status with which a proxy refused the connection to
// the server, 0 if none did or its status is unknown. It calls no user's code.
func (e *NetworkError) proxyStatus() int {
	if refusal, ok := e.Err.(*proxyRefusal); ok {
		return refusal.status
	}
	return 0
}

// A proxyRefusal is a proxy's answer other than a connection to the server.
type proxyRefusal struct {
	status     int           // 0: unknown
	retryAfter time.Duration // what the proxy asked for
	err        error         // from which it was recognized; may be nil
}

func (r *proxyRefusal) Error() string {
	if r.status == 0 {
		return "the proxy refused the connection"
	}
	return fmt.Sprintf("the proxy refused the connection (%d)", r.status)
}

func (r *proxyRefusal) Unwrap() error { return r.err }

// refusalOf returns what a proxy's answer says.
func refusalOf(answer *http.Response) *proxyRefusal {
	return &proxyRefusal{status: answer.StatusCode, retryAfter: parseRetryAfter(answer.Header, time.Now())}
}

// checkConnect is an http.Transport's OnProxyConnectResponse. Without it a
// refusal is an error whose text is the proxy's.
func checkConnect(_ context.Context, _ *url.URL, _ *http.Request, answer *http.Response) error {
	if answer.StatusCode != http.StatusOK {
		return refusalOf(answer)
	}
	return nil
}

// asRefusal returns a *proxyRefusal if err is what a user's http.Transport makes of
// a proxy's refusal, and otherwise err. The text of such an error is that of the
// proxy's status line, so the usual texts tell the status.
func asRefusal(err error) error {
	text, ok := plainText(err)
	if !ok {
		return err
	}
	if text == "" || text == "unknown status code" { // the line has no text
		return &proxyRefusal{err: err}
	}
	for status := http.StatusMultipleChoices; status < 600; status++ {
		if strings.EqualFold(text, http.StatusText(status)) {
			return &proxyRefusal{status: status, err: err}
		}
	}
	return err
}

// plainText returns the text of what errors.New made, if err's chain ends in that.
func plainText(err error) (string, bool) {
	for next := err; next != nil; next = errors.Unwrap(next) {
		err = next
	}
	if reflect.TypeOf(err) != reflect.TypeOf(errNoAnswer) {
		return "", false
	}
	return err.Error(), true
}

// errNoAnswer stands for an error where a RoundTripper panicked, say.
var errNoAnswer = errors.New("the HTTP client returned no answer")

// networkTrouble says in words of our own what err means.
func networkTrouble(err error) string {
	var (
		refusal *proxyRefusal
		op      *net.OpError
	)
	if errors.As(err, &refusal) {
		return refusal.Error()
	}
	if errors.As(err, &op) {
		switch {
		case op.Op == "proxyconnect":
			return "at the proxy: " + networkTrouble(op.Err)
		case op.Op == "socks connect":
			return socksTrouble(op.Err)
		case op.Op == "remote error":
			return alertTrouble(op.Err)
		}
	}
	if text, ok := knownTrouble(err); ok {
		return text
	}
	if text, ok := hiddenTrouble(err); ok {
		return text
	}
	return fmt.Sprintf("no answer (%T)", err)
}

// knownTrouble looks at what can be told by type.
func knownTrouble(err error) (string, bool) {
	var (
		dns         *net.DNSError
		certificate *tls.CertificateVerificationError
		record      tls.RecordHeaderError
		timeout     interface{ Timeout() bool }
		header      textproto.ProtocolError
	)
	switch {
	case errors.Is(err, context.Canceled):
		return "request canceled", true
	case errors.As(err, &dns) && dns.IsNotFound:
		return "no such host", true
	case errors.As(err, &timeout) && timeout.Timeout():
		return "request timed out", true
	case errors.As(err, &dns):
		return "name lookup failed", true
	case errors.As(err, &certificate):
		return "server certificate was not accepted", true
	case errors.Is(err, http.ErrSchemeMismatch):
		return "server speaks plain http where the base URL says https", true
	case errors.As(err, &record):
		return "server does not speak TLS", true
	case errors.As(err, &header):
		return "server does not speak HTTP", true
	}
	if text, ok := systemTrouble(err); ok {
		return text, true
	}
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return "connection closed before an answer", true
	}
	return "", false
}

// alertTrouble says what a server means by a TLS alert, whose type is not
// exported. One about certificates can only mean the client's.
func alertTrouble(err error) string {
	v := reflect.ValueOf(err)
	if v.Kind() != reflect.Uint8 {
		return fmt.Sprintf("no answer (%T)", err)
	}
	switch alert := v.Uint(); alert {
	case 116: // certificate_required, of TLS 1.3
		return "server wants a client certificate"
	case 42, 43, 44, 45, 46, 48: // bad, unsupported, revoked, expired, unknown; by an unknown authority
		return "server wants a client certificate, or another one"
	case 40: // handshake_failure
		return "TLS handshake failed: no common cipher, or the server wants a client certificate"
	case 70, 86: // protocol_version, inappropriate_fallback
		return noCommonVersion
	case 71: // insufficient_security
		return "no common TLS cipher"
	case 112: // unrecognized_name
		return "server does not know the host name of the base URL"
	case 120: // no_application_protocol
		return "server speaks neither HTTP/1.1 nor HTTP/2"
	default:
		return fmt.Sprintf("server ended TLS with alert %d", alert)
	}
}

const noCommonVersion = "no common TLS version"

// socksTexts are the refusals of a SOCKS proxy, as net/http puts them.
var socksTexts = []string{
	"general SOCKS server failure", "connection not allowed by ruleset", "network unreachable", "host unreachable",
	"connection refused", "TTL expired", "command not supported", "address type not supported",
	"no acceptable authentication methods", "username/password authentication failed",
}

// socksTrouble says what err, of the connection to a SOCKS proxy, means.
func socksTrouble(err error) string {
	text, ok := plainText(err)
	text = strings.TrimPrefix(text, "unknown error ")
	switch {
	case ok && slices.Contains(socksTexts, text):
		return "the SOCKS proxy refused the connection (" + text + ")"
	case ok && strings.HasPrefix(text, "unexpected protocol version"):
		return "the proxy does not speak SOCKS5"
	}
	return "at the SOCKS proxy: " + networkTrouble(err)
}

// hiddenTexts are the beginnings of errors that only their text tells apart, of
// net/http and crypto/tls, and what they mean.
var hiddenTexts = []struct{ prefix, meaning string }{
	{"tls: server selected unsupported protocol version", noCommonVersion},
	{"tls: no supported versions satisfy", noCommonVersion},
	{"tls: failed to parse certificate", "server certificate was not accepted"},
	{"malformed HTTP ", "server does not speak HTTP"},
	{"malformed response from server", "server does not speak HTTP"},
	{"net/http: server response headers exceeded", "the answer's header is too large"},
	{"http2: response header list larger", "the answer's header is too large"},
	{"http: server closed idle connection", "connection closed before an answer"},
	{"http2: client conn", "connection closed before an answer"},
	{"http2: Transport received GOAWAY", "connection closed before an answer"},
	{"http2: Transport received Server's graceful shutdown", "connection closed before an answer"},
	{"http: RoundTripper implementation (", errNoAnswer.Error()},
	{errNoAnswer.Error(), errNoAnswer.Error()},
}

// hiddenTrouble looks at what can be told by text alone.
func hiddenTrouble(err error) (string, bool) {
	if strings.HasSuffix(fmt.Sprintf("%T", err), "GoAwayError") { // of net/http or golang.org/x/net/http2
		return "connection closed before an answer", true
	}
	text, ok := plainText(err)
	if !ok {
		return "", false
	}
	for _, known := range hiddenTexts {
		if strings.HasPrefix(text, known.prefix) {
			return known.meaning, true
		}
	}
	return "", false
}
