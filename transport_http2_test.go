package altertable_test

import (
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

func TestHTTP2(t *testing.T) {
	srv := altertabletest.NewServer()
	defer srv.Close()
	var protocols sync.Map
	api := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		protocols.Store(r.Proto, true)
		srv.Handler().ServeHTTP(w, r)
	}))
	api.EnableHTTP2 = true
	api.StartTLS()
	defer api.Close()
	client, err := altertable.New("key", altertable.WithBaseURL(api.URL), altertable.WithHTTPClient(api.Client()))
	require.NoError(t, err)
	track(t, client, numbered(1000)...)
	require.NoError(t, client.Close())
	assert.Len(t, srv.Events(), 1000)
	_, ok := protocols.Load("HTTP/2.0")
	assert.True(t, ok)
}

// A succession is a listener that several servers serve, one after the other:
// it outlives them, so that no other program takes its port in between.
type succession struct {
	net.Listener
	conns chan net.Conn
}

func newSuccession(t *testing.T) *succession {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &succession{inner, make(chan net.Conn)}
	t.Cleanup(func() {
		_ = inner.Close()
		for conn := range s.conns { // nobody is left to serve it
			_ = conn.Close()
		}
	})
	go func() {
		defer close(s.conns)
		for conn, err := inner.Accept(); err == nil; conn, err = inner.Accept() {
			s.conns <- conn
		}
	}()
	return s
}

// next returns a listener for the next server. Connections wait for it.
func (s *succession) next() net.Listener {
	return &turn{s, make(chan struct{}), new(sync.Once)}
}

type turn struct {
	*succession
	over chan struct{}
	once *sync.Once
}

func (l *turn) Accept() (net.Conn, error) {
	select {
	case conn, ok := <-l.conns:
		if ok {
			return conn, nil
		}
	case <-l.over:
	}
	return nil, net.ErrClosed
}

func (l *turn) Close() error {
	l.once.Do(func() { close(l.over) })
	return nil
}

// A server shuts down in good order (GOAWAY) while requests come, and another
// takes its place.
func TestHTTP2ServerGoesAway(t *testing.T) {
	srv := altertabletest.NewServer()
	defer srv.Close()
	address := newSuccession(t)
	start := func() *httptest.Server {
		api := &httptest.Server{Listener: address.next(), EnableHTTP2: true, Config: &http.Server{
			Handler: srv.Handler(), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}}
		api.StartTLS()
		return api
	}
	api := start()
	l := new(ledger)
	client, err := altertable.New("key", append(l.options(), altertable.WithBaseURL(api.URL), altertable.WithHTTPClient(api.Client()),
		altertable.WithMaxBatchSize(5), altertable.WithRetry(altertable.RetryPolicy{InitialInterval: time.Millisecond, MaxInterval: 2 * time.Millisecond}))...)
	require.NoError(t, err)
	for i := range 5 {
		track(t, client, numberedFrom(200*i, 200)...)
		require.NoError(t, api.Config.Shutdown(t.Context()))
		api.Close()
		api = start()
	}
	require.NoError(t, client.Close())
	assert.ElementsMatch(t, numbered(1000), stored(srv), "nothing arrived twice")
	l.settle(t, client, numbered(1000)...)
	api.Close()
}

// Answers that come before the server has read the request, over both protocols.
func TestEarlyAnswers(t *testing.T) {
	for name, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			var count atomic.Int64
			api := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if count.Add(1)%3 == 0 {
					w.WriteHeader(http.StatusUnauthorized)
				}
			}))
			api.EnableHTTP2 = http2
			api.StartTLS()
			defer api.Close()
			l := new(ledger)
			client, err := altertable.New("key", append(l.options(), altertable.WithBaseURL(api.URL), altertable.WithHTTPClient(api.Client()), altertable.WithMaxBatchSize(10),
				altertable.WithRetry(altertable.RetryPolicy{InitialInterval: time.Millisecond, MaxInterval: 2 * time.Millisecond}))...)
			require.NoError(t, err)
			var all []string
			for _, name := range numbered(120) {
				all = append(all, name)
				e := event(name)
				e.Properties = altertable.Properties{"text": strings.Repeat(name, 10_000)}
				require.NoError(t, client.Track(t.Context(), e))
			}
			_ = client.Close()
			l.settle(t, client, all...)
		})
	}
}
