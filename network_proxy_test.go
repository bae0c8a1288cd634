package altertable

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A testProxy gives its refusals, one after the other, and then does its work.
type testProxy struct {
	*httptest.Server
	server http.Handler // to which it hands requests over plain http

	mu       sync.Mutex
	refusals []string
	conns    []net.Conn // of tunnels
	tunnels  sync.WaitGroup
}

func newTestProxy(t *testing.T, server http.Handler, refusals ...string) *testProxy {
	p := &testProxy{server: server, refusals: refusals}
	p.Server = httptest.NewServer(p)
	t.Cleanup(func() {
		p.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, conn := range p.conns {
			_ = conn.Close()
		}
		p.tunnels.Wait()
	})
	return p
}

func (p *testProxy) next() (refusal string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.refusals) > 0 {
		refusal, p.refusals = p.refusals[0], p.refusals[1:]
	}
	return refusal
}

func (p *testProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	refusal := p.next()
	if refusal == "" && r.Method != http.MethodConnect {
		p.server.ServeHTTP(w, r)
		return
	}
	_, _ = io.Copy(io.Discard, r.Body) // a client may leave in between
	near, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	if refusal != "" {
		_, _ = io.WriteString(near, refusal)
		_ = near.Close()
		return
	}
	if far, err := net.Dial("tcp", r.Host); err != nil {
		_ = near.Close()
	} else {
		_, _ = io.WriteString(near, "HTTP/1.1 200 Connection established\r\n\r\n")
		p.tunnel(near, far)
	}
}

// tunnel connects two connections until one of them is closed.
func (p *testProxy) tunnel(near, far net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = append(p.conns, near, far)
	for from, to := range map[net.Conn]net.Conn{near: far, far: near} {
		p.tunnels.Go(func() {
			_, _ = io.Copy(to, from)
			_ = to.Close()
		})
	}
}

// client returns a client that reaches api through p, by its own connections or by a user's.
func (p *testProxy) client(t *testing.T, own bool, baseURL string, api *httptest.Server, policy RetryPolicy) *Client {
	address, err := url.Parse(p.URL)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	if api.Certificate() != nil {
		roots.AddCert(api.Certificate())
	}
	through := func(h *http.Transport) *http.Transport {
		h.Proxy = http.ProxyURL(address)
		h.TLSClientConfig = &tls.Config{RootCAs: roots}
		return h
	}
	policy.InitialInterval = cmp.Or(policy.InitialInterval, time.Millisecond)
	options := []Option{WithBaseURL(baseURL), WithInsecureHTTP(), WithRetry(policy), WithLogger(slog.New(slog.DiscardHandler))}
	if !own {
		users := through(&http.Transport{ForceAttemptHTTP2: true})
		t.Cleanup(users.CloseIdleConnections)
		options = append(options, WithHTTPClient(&http.Client{Transport: users}))
	}
	client, err := New("key", options...)
	require.NoError(t, err)
	if own {
		ps := client.queue.transport.pools
		inner := ps.newPool
		ps.newPool = func() *http.Transport { return through(inner()) }
	}
	return client
}

// newCounter returns a server and the number of requests that it took.
func newCounter(t *testing.T, encrypted bool) (*httptest.Server, *atomic.Int64) {
	count := new(atomic.Int64)
	api := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err == nil {
			count.Add(1)
		}
	}))
	if api.EnableHTTP2 = encrypted; encrypted {
		api.StartTLS()
	} else {
		api.Start()
	}
	t.Cleanup(api.Close)
	return api, count
}

func TestProxyRefusesTheConnection(t *testing.T) {
	const refused, unknown = "the proxy refused the connection", "no answer (*errors.errorString)"
	for line, test := range map[string]struct {
		status int    // as the client's own connections tell it
		users  int    // as a user's HTTP client lets it be told
		text   string // if that differs
	}{
		"407 Proxy Authentication Required": {407, 407, ""},
		"407 proxy authentication required": {407, 407, ""},
		"403 Forbidden":                     {403, 403, ""},
		"502 Bad Gateway":                   {502, 502, ""},
		"503 Service Unavailable":           {503, 503, ""},
		"302 Found":                         {302, 302, ""},
		"407 secret":                        {407, 0, unknown},
		"407 ":                              {407, 0, refused},
		"407":                               {407, 0, refused},
		"299 secret":                        {299, 0, unknown},
	} {
		for _, own := range []bool{true, false} {
			status, text := test.status, ""
			if !own {
				status, text = test.users, test.text
			}
			t.Run(line+map[bool]string{true: ", own", false: ", user's"}[own], func(t *testing.T) {
				api, count := newCounter(t, true)
				p := newTestProxy(t, nil, "HTTP/1.1 "+line+"\r\nContent-Length: 6\r\n\r\nsecret")
				client := p.client(t, own, api.URL, api, RetryPolicy{InitialInterval: time.Minute, MaxElapsed: time.Millisecond}) // no second attempt
				require.NoError(t, client.Track(t.Context(), Track{Event: "e", DistinctID: "u_1"}))
				err := client.Close()
				var network *NetworkError
				require.ErrorAs(t, err, &network)
				want := cmp.Or(text, (&proxyRefusal{status: status}).Error())
				assert.EqualError(t, err, "altertable: 1 message undelivered: network: "+want)
				assert.Equal(t, status, network.proxyStatus())
				assert.False(t, network.Timeout())
				assert.Zero(t, count.Load())
			})
		}
	}
	assert.Zero(t, (&NetworkError{errors.New("secret")}).proxyStatus())
}

// A proxy that refuses for a while costs nothing.
func TestProxyRefusalsAreRetried(t *testing.T) {
	for name, test := range map[string]struct {
		encrypted bool
		baseURL   string
	}{
		"tunnel":     {true, ""},
		"plain http": {false, "http://api.example.com"}, // the proxy knows it
	} {
		for _, own := range []bool{true, false} {
			t.Run(name+map[bool]string{true: ", own", false: ", user's"}[own], func(t *testing.T) {
				api, count := newCounter(t, test.encrypted)
				p := newTestProxy(t, api.Config.Handler, "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "HTTP/1.1 503 Service Unavailable\r\n\r\n",
					"HTTP/1.1 403 Forbidden\r\n\r\n", "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
				client := p.client(t, own, cmp.Or(test.baseURL, api.URL), api, RetryPolicy{})
				require.NoError(t, client.Track(t.Context(), Track{Event: "e", DistinctID: "u_1"}))
				require.NoError(t, client.Flush(t.Context()))
				_, err := client.TrackSync(t.Context(), Track{Event: "e", DistinctID: "u_1"})
				require.NoError(t, err)
				assert.EqualValues(t, 2, count.Load())
				assert.EqualValues(t, 4, client.Stats().Retries)
				require.NoError(t, client.Close())
			})
		}
	}
}

// Over plain http a proxy answers for the server. A 407 that no proxy can have
// given is an answer like others.
func TestProxyAuthenticationOverPlainHTTP(t *testing.T) {
	const text = "HTTP/1.1 407 Proxy Authentication Required\r\nRetry-After: 1\r\n\r\n"
	for _, own := range []bool{true, false} {
		api, _ := newCounter(t, false)
		p := newTestProxy(t, api.Config.Handler, text)
		client := p.client(t, own, "http://api.example.com", api, RetryPolicy{MaxElapsed: time.Millisecond})
		require.NoError(t, client.Track(t.Context(), Track{Event: "e", DistinctID: "u_1"}))
		var network *NetworkError
		require.ErrorAs(t, client.Close(), &network)
		assert.EqualError(t, network, "altertable: network: the proxy refused the connection (407)")
		assert.Equal(t, 407, network.proxyStatus())

		client, err := New("key", WithBaseURL(newTestProxy(t, nil, text, text).URL), WithLogger(slog.New(slog.DiscardHandler)))
		require.NoError(t, err)
		_, err = client.TrackSync(t.Context(), Track{Event: "e", DistinctID: "u_1"})
		var api407 *APIError
		require.ErrorAs(t, err, &api407)
		assert.Equal(t, 407, api407.StatusCode)
		require.NoError(t, client.Close())
	}
}

func TestRetryAfterOfAProxy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, err := New("key", WithBaseURL("https://api.example.com"), WithMaxBatchSize(1), WithLogger(slog.New(slog.DiscardHandler)))
		require.NoError(t, err)
		d := &dialer{text: "HTTP/1.1 503 Busy\r\nRetry-After: 90.5\r\nContent-Length: 0\r\n\r\n"}
		client.queue.transport.pools.newPool = func() *http.Transport {
			h := newHTTPTransport(1)
			h.DialContext, h.Proxy = d.dial, http.ProxyURL(&url.URL{Scheme: "http", Host: "proxy.example.com"})
			return h
		}
		require.NoError(t, client.Track(t.Context(), Track{Event: "e", DistinctID: "u_1"}))
		<-time.After(90 * time.Second)
		synctest.Wait()
		assert.Equal(t, 1, d.count())
		<-time.After(time.Second)
		synctest.Wait()
		assert.Equal(t, 2, d.count())
		require.Error(t, client.Close())
	})
}

// A proxy that cannot be reached is named as the one.
func TestProxyIsDown(t *testing.T) {
	for _, own := range []bool{true, false} {
		api, _ := newCounter(t, true)
		p := newTestProxy(t, nil)
		p.Close()
		client := p.client(t, own, api.URL, api, RetryPolicy{MaxElapsed: time.Millisecond})
		require.NoError(t, client.Track(t.Context(), Track{Event: "e", DistinctID: "u_1"}))
		assert.ErrorContains(t, client.Close(), "network: at the proxy: ")
	}
}
