package altertable_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/url"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/altertable-ai/altertable-go"
)

func TestAPIErrorMatches(t *testing.T) {
	for _, test := range []struct {
		err                 altertable.APIError
		unauthorized, noEnv bool
		text                string
	}{
		{altertable.APIError{StatusCode: 401}, true, false, "altertable: server answered 401"},
		{altertable.APIError{StatusCode: 403, Code: "forbidden"}, true, false, "altertable: server answered 403 (forbidden)"},
		{altertable.APIError{StatusCode: 400, Code: "environment-not-found"}, false, true, "altertable: server answered 400 (environment-not-found)"},
		{altertable.APIError{StatusCode: 422, Code: "ENVIRONMENT_NOT_FOUND"}, false, true, "altertable: server answered 422 (ENVIRONMENT_NOT_FOUND)"},
		{altertable.APIError{StatusCode: 500, Code: "secret text", Message: "secret"}, false, false, "altertable: server answered 500"},
	} {
		assert.Equal(t, test.unauthorized, errors.Is(&test.err, altertable.ErrUnauthorized))
		assert.Equal(t, test.noEnv, errors.Is(&test.err, altertable.ErrEnvironmentNotFound))
		assert.EqualError(t, &test.err, test.text)
	}
}

func TestNetworkErrorsNameTheTrouble(t *testing.T) {
	for text, err := range map[string]error{
		"connection refused":                  &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED},
		"connection reset by peer":            &url.Error{URL: "https://secret", Err: syscall.ECONNRESET},
		"no such host":                        &net.DNSError{Name: "secret", IsNotFound: true},
		"name lookup failed":                  &net.DNSError{Name: "secret"},
		"request timed out":                   context.DeadlineExceeded,
		"request canceled":                    context.Canceled,
		"server certificate was not accepted": &tls.CertificateVerificationError{Err: x509.HostnameError{Host: "secret"}},
		"connection closed before an answer":  io.ErrUnexpectedEOF,
		"no answer (*errors.errorString)":     errors.New("secret"),
	} {
		network := &altertable.NetworkError{Err: err}
		assert.EqualError(t, network, "altertable: network: "+text)
		assert.ErrorIs(t, network, err)
	}
	assert.True(t, (&altertable.NetworkError{Err: context.DeadlineExceeded}).Timeout())
	assert.False(t, (&altertable.NetworkError{Err: io.EOF}).Timeout())
}

func TestErrorsReadWell(t *testing.T) {
	api := &altertable.APIError{StatusCode: 503}
	lost := &altertable.DeliveryError{Endpoint: "track", Count: 3, Attempts: 2, Err: api}
	assert.EqualError(t, lost, "altertable: 3 track messages not delivered after 2 attempts: server answered 503")
	assert.ErrorIs(t, lost, api)
	undelivered := &altertable.UndeliveredError{Count: 3, Err: api}
	assert.EqualError(t, undelivered, "altertable: 3 messages undelivered: server answered 503")
	assert.ErrorIs(t, undelivered, api)
	assert.EqualError(t, &altertable.UndeliveredError{Count: 1}, "altertable: 1 messages undelivered")
	assert.EqualError(t, &altertable.ValidationError{Field: "event", Reason: "must not be empty"}, "altertable: event must not be empty")
}
