package main

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestAddressesAreNotLogged(t *testing.T) {
	out := newScreen()
	l := newHTTPLog(slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelDebug})))
	l.Print("http: TLS handshake error from [2001:db8::7]:52000: remote error: tls: bad certificate")
	assert.Contains(t, out.String(), `level=DEBUG msg="a TLS handshake failed" error="remote error: tls: bad certificate"`)
	l.Print("http: panic serving 192.0.2.7:52000: " + person + "\ngoroutine 1 [running]:\nmain.f()")
	assert.Contains(t, out.String(), "level=ERROR")
	assert.Contains(t, out.String(), "main.f()")
	l.Print("http: URL query contains semicolon " + person + " from 192.0.2.7")
	for _, secret := range []string{"2001", "192.0", person} {
		assert.NotContains(t, out.String(), secret)
	}
}
