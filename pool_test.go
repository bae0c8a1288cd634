package altertable

import (
	"bufio"
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
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// dialer makes connections in memory, and counts them. Each request on them is
// answered with text, or never if that is empty.
type dialer struct {
	mu    sync.Mutex
	text  string
	conns []*pipeEnd // the client's ends
}

// A pipeEnd notes that it was closed.
type pipeEnd struct {
	net.Conn
	closed atomic.Bool
}

func (c *pipeEnd) Close() error { c.closed.Store(true); return c.Conn.Close() }

func (d *dialer) dial(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	end := &pipeEnd{Conn: near}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.conns = append(d.conns, end)
	go d.serve(far)
	return end, nil
}

func (d *dialer) serve(conn net.Conn) {
	defer conn.Close()
	reader := bufio.NewReader(conn)
	for {
		r, err := http.ReadRequest(reader)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, r.Body) // a client may leave in between
		if text := d.answer(); text != "" {
			_, _ = io.WriteString(conn, text)
		}
	}
}

func (d *dialer) answer() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.text
}

func (d *dialer) set(text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.text = text
}

func (d *dialer) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.conns)
}

func (d *dialer) transport() *transport {
	t := testTransport("http://localhost", nil)
	t.pools.newPool = func() *http.Transport {
		return &http.Transport{DialContext: d.dial, MaxIdleConnsPerHost: 8}
	}
	return t
}

const answer200 = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

// answerText returns an answer as it is on the wire.
func answerText(status, contentType, body string) string {
	return fmt.Sprintf("HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", status, contentType, len(body), body)
}

var aMessage = payload{parts: [2][]byte{[]byte(`{"a":1}`)}}

// Which attempts retire the pool that they used.
func TestRetiredPool(t *testing.T) {
	for name, test := range map[string]struct {
		text    string
		caller  time.Duration // the caller's context ends; 0: it does not
		retires bool
	}{
		"200":                       {answer200, 0, false},
		"400":                       {strings.Replace(answer200, "200", "400", 1), 0, false},
		"401":                       {strings.Replace(answer200, "200", "401", 1), 0, false},
		"421":                       {strings.Replace(answer200, "200", "421", 1), 0, true},
		"403":                       {strings.Replace(answer200, "200", "403", 1), 0, true},
		"403 with a code":           {answerText("403 Forbidden", "application/json", `{"error_code":"forbidden"}`), 0, false},
		"200 with a page":           {answerText("200 OK", "text/html", "<html>"), 0, true},
		"200 with ok false":         {answerText("200 OK", "application/json", `{"ok":false}`), 0, false},
		"429":                       {strings.Replace(answer200, "200", "429", 1), 0, false},
		"500":                       {strings.Replace(answer200, "200", "500", 1), 0, true},
		"503":                       {strings.Replace(answer200, "200", "503", 1), 0, true},
		"not HTTP":                  {"SSH-2.0-OpenSSH\r\n", 0, true},
		"no answer in time":         {"", 0, true},
		"no answer, and a deadline": {"", time.Minute, true},
		"the caller's time is over": {"", time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &dialer{text: answer200}
				sender := d.transport()
				defer sender.close()
				_, err := sender.post(t.Context(), trackEndpoint, false, aMessage)
				require.NoError(t, err)
				before := sender.pools.current
				d.set(test.text)
				ctx := t.Context()
				if test.caller > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, test.caller)
					defer cancel()
				}
				_, err = sender.post(ctx, trackEndpoint, false, aMessage)
				assert.Equal(t, test.text == answer200, err == nil)
				d.set(answer200)
				_, err = sender.post(t.Context(), trackEndpoint, false, aMessage)
				require.NoError(t, err)
				assert.Equal(t, test.retires, sender.pools.current != before)
				if test.retires {
					assert.Equal(t, 2, d.count())
					assert.True(t, d.conns[0].closed.Load())
				}
				assert.Empty(t, sender.pools.retired)
			})
		})
	}
}

func TestCanceledRequestKeepsThePool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := new(dialer)
		sender := d.transport()
		defer sender.close()
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err := sender.post(ctx, trackEndpoint, false, aMessage)
		require.ErrorIs(t, err, context.Canceled)
		assert.NotNil(t, sender.pools.current)
		assert.Zero(t, sender.pools.current.users)
	})
}

// Requests that fail together replace their pool once. Those in flight finish
// on it, and the last one closes it.
func TestPoolIsReplacedOnce(t *testing.T) {
	d := new(dialer)
	ps := d.transport().pools
	defer ps.close()
	old := ps.acquire()
	for range 3 {
		require.Same(t, old, ps.acquire())
	}
	conn, err := old.transport.DialContext(t.Context(), "tcp", "localhost:80")
	require.NoError(t, err)

	ps.release(old, true)
	replacement := ps.acquire()
	require.NotSame(t, old, replacement)
	ps.release(old, true)
	ps.release(old, false)
	assert.Same(t, replacement, ps.acquire(), "failures on the old pool say nothing about the new one")
	assert.False(t, d.conns[0].closed.Load(), "one request is in flight")
	assert.Contains(t, ps.retired, old)
	ps.release(old, false)
	assert.True(t, d.conns[0].closed.Load())
	assert.Empty(t, ps.retired)
	assert.NoError(t, conn.Close(), "by net/http, later")

	ps.release(replacement, false)
	ps.release(replacement, true)
	assert.Empty(t, ps.retired)
}

func TestClosedPools(t *testing.T) {
	d := new(dialer)
	sender := d.transport()
	ps := sender.pools
	retired := ps.acquire()
	require.Same(t, retired, ps.acquire())
	ps.release(retired, true)
	current := ps.acquire()
	for _, p := range []*pool{retired, current} {
		_, err := p.transport.DialContext(t.Context(), "tcp", "localhost:80")
		require.NoError(t, err)
	}
	ps.close()
	for _, conn := range d.conns {
		assert.True(t, conn.closed.Load())
	}
	_, err := retired.transport.DialContext(t.Context(), "tcp", "localhost:80")
	require.ErrorIs(t, err, net.ErrClosed)
	assert.True(t, d.conns[2].closed.Load(), "a dial that ends after close")
	_, err = sender.post(t.Context(), trackEndpoint, false, aMessage)
	var network *NetworkError
	require.ErrorAs(t, err, &network)
	assert.Equal(t, 3, d.count())
	ps.release(retired, true)
	ps.release(current, true)
	ps.close()
}

// pooled returns a client with its own pools that reaches api through m, one
// message a request.
func pooled(t *testing.T, m *middlebox, api *httptest.Server) *Client {
	scheme := "http://"
	if api.TLS != nil {
		scheme = "https://"
	}
	client, err := New("key", WithBaseURL(scheme+m.Addr().String()), WithMaxBatchSize(1),
		WithLogger(slog.New(slog.DiscardHandler)), WithRequestTimeout(time.Second),
		WithRetry(RetryPolicy{InitialInterval: time.Millisecond, MaxInterval: 2 * time.Millisecond}))
	require.NoError(t, err)
	if api.TLS == nil {
		return client
	}
	ps := client.queue.transport.pools
	inner, roots := ps.newPool, x509.NewCertPool()
	roots.AddCert(api.Certificate())
	ps.newPool = func() *http.Transport {
		own := inner()
		own.TLSClientConfig = &tls.Config{RootCAs: roots}
		return own
	}
	return client
}

// deliver sends n messages at once, and returns how many attempts failed and
// how many connections were made meanwhile.
func deliver(t *testing.T, client *Client, m *middlebox, n int) (failures, dials int64) {
	before, conns := client.Stats(), m.conns.Load()
	for range n {
		require.NoError(t, client.Track(t.Context(), Track{Event: "e", DistinctID: "u_1"}))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	require.NoError(t, client.Flush(ctx))
	after := client.Stats()
	require.EqualValues(t, n, after.Delivered-before.Delivered)
	return after.Requests - before.Requests - int64(n), m.conns.Load() - conns
}

// A connection that has gone silent, or one that leads to a bad backend, costs
// each request in flight one attempt.
func TestDeadConnections(t *testing.T) {
	const some = 2 // more attempts than those in flight, where the machine is busy
	for name, http2 := range map[string]bool{"HTTP/1": false, "HTTP/2": true} {
		most := int64(7 + 8 + some) // dials: 7 beside the first connection, then a new pool
		if http2 {                  // a probe dials, and the others share its connection
			most = 1 + some
		}
		t.Run(name+" frozen peer", func(t *testing.T) {
			t.Parallel()
			_, api := newTogether(t, http2)
			m := newMiddlebox(t, func(int) string { return api.Listener.Addr().String() })
			client := pooled(t, m, api)
			deliver(t, client, m, 1)
			m.freeze()
			failures, dials := deliver(t, client, m, 8)
			assert.Positive(t, failures)
			assert.LessOrEqual(t, failures, int64(8+some))
			assert.LessOrEqual(t, dials, most)
			require.NoError(t, client.Close())
			m.awaitEnd(t)
		})
		t.Run(name+" dropped idle connections", func(t *testing.T) {
			t.Parallel()
			h, api := newTogether(t, http2)
			m := newMiddlebox(t, func(int) string { return api.Listener.Addr().String() })
			client := pooled(t, m, api)
			h.await(8)
			deliver(t, client, m, 8)
			m.freeze()
			failures, dials := deliver(t, client, m, 1)
			assert.Positive(t, failures)
			assert.LessOrEqual(t, failures, int64(1+some))
			assert.LessOrEqual(t, dials, int64(1+some+7), "of the first eight some may be late")
			require.NoError(t, client.Close())
			m.awaitEnd(t)
		})
		t.Run(name+" bad backend", func(t *testing.T) {
			t.Parallel()
			bad, first := newTogether(t, http2)
			_, healthy := newTogether(t, http2)
			m := newMiddlebox(t, func(conn int) string {
				if conn == 1 {
					return first.Listener.Addr().String()
				}
				return healthy.Listener.Addr().String()
			})
			client := pooled(t, m, first)
			deliver(t, client, m, 1)
			bad.fail(http.StatusServiceUnavailable)
			failures, dials := deliver(t, client, m, 8)
			assert.Positive(t, failures)
			assert.LessOrEqual(t, failures, int64(8+some))
			assert.LessOrEqual(t, dials, int64(16+some)) // those that begin together on a new pool all dial
			require.NoError(t, client.Close())
			m.awaitEnd(t)
		})
	}
}

// Shutdown leaves no connection behind that a request was using.
func TestShutdownClosesFrozenConnections(t *testing.T) {
	for name, http2 := range map[string]bool{"HTTP/1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, api := newTogether(t, http2)
			m := newMiddlebox(t, func(int) string { return api.Listener.Addr().String() })
			client := pooled(t, m, api)
			deliver(t, client, m, 1)
			m.freeze()
			for range 20 {
				require.NoError(t, client.Track(t.Context(), Track{Event: "e", DistinctID: "u_1"}))
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			err := client.Shutdown(ctx)
			assert.True(t, err == nil || errors.Is(err, context.DeadlineExceeded))
			m.awaitEnd(t)
		})
	}
}
