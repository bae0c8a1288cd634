package altertable_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
)

func TestNetworkErrorsNameTheTrouble(t *testing.T) {
	alert := func(n uint8) error { return &net.OpError{Op: "remote error", Err: tls.AlertError(n)} }
	atProxy := func(err error) error { return &net.OpError{Op: "proxyconnect", Net: "tcp", Err: err} }
	socks := func(err error) error { return &net.OpError{Op: "socks connect", Net: "tcp", Err: err} }
	refused := &net.OpError{Op: "dial", Err: connRefused}
	for _, test := range []struct {
		text string
		err  error
	}{
		{"connection refused", refused},
		{"connection reset by peer", &url.Error{URL: "https://secret", Err: connReset}},
		{"no such host", &net.DNSError{Name: "secret", IsNotFound: true}},
		{"name lookup failed", &net.DNSError{Name: "secret"}},
		{"request timed out", context.DeadlineExceeded},
		{"request canceled", context.Canceled},
		{"server certificate was not accepted", &tls.CertificateVerificationError{Err: x509.HostnameError{Host: "secret"}}},
		{"server certificate was not accepted", errors.New("tls: failed to parse certificate from server: secret")},
		{"connection closed before an answer", io.ErrUnexpectedEOF},
		{"connection closed before an answer", &net.OpError{Op: "read", Err: net.ErrClosed}},
		{"connection closed before an answer", errors.New("http: server closed idle connection")},
		{"connection closed before an answer", fmt.Errorf("http2: %w", errors.New("http2: client connection lost"))},
		{"server does not speak TLS", tls.RecordHeaderError{Msg: "secret"}},
		{"server speaks plain http where the base URL says https", http.ErrSchemeMismatch},
		{"server does not speak HTTP", fmt.Errorf("broken: %w", errors.New(`malformed HTTP response "secret"`))},
		{"server does not speak HTTP", textproto.ProtocolError("secret")},
		{"the answer's header is too large", errors.New("net/http: server response headers exceeded 5 bytes; aborted")},
		{"the HTTP client returned no answer", errors.New("http: RoundTripper implementation (*secret.Type) returned a nil *Response with a nil error")},
		{"no common TLS version", errors.New("tls: server selected unsupported protocol version 301")},
		{"no common TLS version", alert(70)},
		{"no common TLS version", alert(86)},
		{"no common TLS cipher", alert(71)},
		{"server wants a client certificate", alert(116)},
		{"server wants a client certificate, or another one", alert(42)},
		{"server wants a client certificate, or another one", alert(48)},
		{"TLS handshake failed: no common cipher, or the server wants a client certificate", alert(40)},
		{"server does not know the host name of the base URL", alert(112)},
		{"server speaks neither HTTP/1.1 nor HTTP/2", alert(120)},
		{"server ended TLS with alert 80", alert(80)},
		{"at the proxy: connection refused", atProxy(refused)},
		{"at the proxy: no such host", atProxy(&net.DNSError{Name: "secret", IsNotFound: true})},
		{"at the proxy: server does not speak TLS", atProxy(tls.RecordHeaderError{Msg: "secret"})},
		{"at the proxy: no answer (*errors.errorString)", atProxy(errors.New("secret"))},
		{"the SOCKS proxy refused the connection (connection not allowed by ruleset)", socks(errors.New("unknown error connection not allowed by ruleset"))},
		{"the SOCKS proxy refused the connection (no acceptable authentication methods)", socks(errors.New("no acceptable authentication methods"))},
		{"the proxy does not speak SOCKS5", socks(errors.New("unexpected protocol version 72"))},
		{"at the SOCKS proxy: no answer (*errors.errorString)", socks(errors.New("unknown error secret"))},
		{"at the SOCKS proxy: connection closed before an answer", socks(io.ErrUnexpectedEOF)},
		{"no answer (*errors.errorString)", errors.New("secret")},
		{"no answer (*errors.errorString)", errors.New("tls: secret")},
		{"no answer (*net.OpError)", &net.OpError{Op: "read", Err: errors.New("secret")}},
		{"no answer (*errors.errorString)", &net.OpError{Op: "remote error", Err: errors.New("secret")}},
		{"no answer (altertable_test.secretError)", secretError("malformed HTTP response")},
	} {
		network := &altertable.NetworkError{Err: test.err}
		assert.EqualError(t, network, "altertable: network: "+test.text)
		assert.ErrorIs(t, network, test.err)
	}
	assert.True(t, (&altertable.NetworkError{Err: context.DeadlineExceeded}).Timeout())
	assert.False(t, (&altertable.NetworkError{Err: io.EOF}).Timeout())
	assert.False(t, (&altertable.NetworkError{Err: refused}).Timeout())
}

// A secretError is an error of another package, whose text is nobody's business.
type secretError string

func (e secretError) Error() string { return string(e) }

// requireTrouble checks what an attempt to deliver through own fails with. Now
// and then a request ends with something else, when the server hangs up before
// its words are read: net/http then tells of the write that failed.
func requireTrouble(t *testing.T, want, baseURL string, own *http.Client) {
	t.Helper()
	defer own.CloseIdleConnections()
	var network *altertable.NetworkError
	for range 20 {
		l := new(ledger)
		client, err := altertable.New("key", append(l.options(), altertable.WithBaseURL(baseURL), altertable.WithHTTPClient(own),
			altertable.WithRetry(altertable.RetryPolicy{InitialInterval: time.Millisecond, MaxElapsed: time.Millisecond}))...)
		require.NoError(t, err)
		track(t, client, "e0")
		require.ErrorAs(t, client.Close(), &network)
		l.settle(t, client, "e0")
		if strings.Contains(network.Error(), want) {
			break
		}
	}
	require.Contains(t, network.Error(), want)
}

// Servers that end TLS, as their clients see it.
func TestTLSTrouble(t *testing.T) {
	const (
		wantsCertificate = "server wants a client certificate" // among others, where the alert says no more
		noVersion        = "no common TLS version"
	)
	for name, test := range map[string]struct {
		server *tls.Config
		client *tls.Config
		want   string
	}{
		"client certificate, TLS 1.3": {&tls.Config{ClientAuth: tls.RequireAndVerifyClientCert}, &tls.Config{}, wantsCertificate},
		"client certificate, TLS 1.2": {&tls.Config{ClientAuth: tls.RequireAnyClientCert, MaxVersion: tls.VersionTLS12}, &tls.Config{}, wantsCertificate},
		"server is too old":           {&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, &tls.Config{}, noVersion},
		"client is too old":           {&tls.Config{MinVersion: tls.VersionTLS13}, &tls.Config{MaxVersion: tls.VersionTLS12}, noVersion},
		"client takes no version":     {&tls.Config{}, &tls.Config{MinVersion: tls.VersionTLS13, MaxVersion: tls.VersionTLS12}, noVersion},
		"server has no certificate": {&tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return nil, errors.New("secret")
		}}, &tls.Config{}, "server ended TLS with alert 80"},
	} {
		for _, http2 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, HTTP/2 %v", name, http2), func(t *testing.T) {
				api := httptest.NewUnstartedServer(http.NotFoundHandler())
				api.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
				api.TLS, api.EnableHTTP2 = test.server.Clone(), http2
				api.StartTLS()
				defer api.Close()
				own := api.Client().Transport.(*http.Transport)
				own.TLSClientConfig.MinVersion, own.TLSClientConfig.MaxVersion = test.client.MinVersion, test.client.MaxVersion
				requireTrouble(t, test.want, api.URL, api.Client())
			})
		}
	}
}

// A server that answers a hello with a version that was not offered.
func TestServerSelectsAnotherTLSVersion(t *testing.T) {
	hello := "\x02\x00\x00\x26" + "\x03\x01" + strings.Repeat("r", 32) + "\x00" + "\xc0\x2f" + "\x00"
	requireTrouble(t, "no common TLS version", "https://"+greeter(t, "\x16\x03\x01\x00\x2a"+hello).String(), new(http.Client))
}

func TestServersOfOtherProtocols(t *testing.T) {
	for name, test := range map[string]struct{ scheme, greeting, want string }{
		"https, where plain http is spoken": {"https", "HTTP/1.1 400 Bad Request\r\n\r\n", "server speaks plain http where the base URL says https"},
		"https, where SSH is spoken":        {"https", "SSH-2.0-secret\r\n", "server does not speak TLS"},
		"http, where SSH is spoken":         {"http", "SSH-2.0-secret\r\n", "server does not speak HTTP"},
		"http, a status that is none":       {"http", "HTTP/1.1 secret\r\n\r\n", "server does not speak HTTP"},
		"http, a header that is none":       {"http", "HTTP/1.1 200 OK\r\nsecret\r\n\r\n", "server does not speak HTTP"},
		"http, an endless header":           {"http", "HTTP/1.1 200 OK\r\nA: " + strings.Repeat("x", 5000) + "\r\n\r\n", "the answer's header is too large"},
	} {
		t.Run(name, func(t *testing.T) {
			own := &http.Client{Transport: &http.Transport{MaxResponseHeaderBytes: 1000}}
			requireTrouble(t, test.want, test.scheme+"://"+greeter(t, test.greeting).String(), own)
		})
	}
}

// greeter returns the address of a server that reads something from each
// connection, writes text, and waits for the client to leave.
func greeter(t *testing.T, texts ...string) net.Addr {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for conn, err := listener.Accept(); err == nil; conn, err = listener.Accept() {
			for _, text := range texts {
				_, _ = conn.Read(make([]byte, 64<<10)) // a client may leave in between
				_, _ = io.WriteString(conn, text)
			}
			_, _ = io.Copy(io.Discard, conn)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-ended
	})
	return listener.Addr()
}

// What a SOCKS proxy says instead of a connection.
func TestSOCKSProxyRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		user    string
		answers []string
		want    string
	}{
		"no method":       {"", []string{"\x05\xff"}, "the SOCKS proxy refused the connection (no acceptable authentication methods)"},
		"a wrong secret":  {"u:secret@", []string{"\x05\x02", "\x01\x01"}, "the SOCKS proxy refused the connection (username/password authentication failed)"},
		"not allowed":     {"", []string{"\x05\x00", "\x05\x02\x00\x01"}, "the SOCKS proxy refused the connection (connection not allowed by ruleset)"},
		"an unknown code": {"", []string{"\x05\x00", "\x05\x77\x00\x01"}, "at the SOCKS proxy: no answer (*errors.errorString)"},
		"an HTTP proxy":   {"", []string{"HTTP/1.1 400 secret\r\n\r\n"}, "the proxy does not speak SOCKS5"},
	} {
		t.Run(name, func(t *testing.T) {
			proxy, err := url.Parse("socks5://" + test.user + greeter(t, test.answers...).String())
			require.NoError(t, err)
			own := &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(proxy)}}
			requireTrouble(t, test.want, "https://api.example.com", own)
		})
	}
}
