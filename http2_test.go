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

// A server shuts down in good order (GOAWAY) while requests come, and another
// takes its place.
func TestHTTP2ServerGoesAway(t *testing.T) {
	srv := altertabletest.NewServer()
	defer srv.Close()
	var api *httptest.Server
	start := func(address string) {
		api = httptest.NewUnstartedServer(srv.Handler())
		api.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
		api.EnableHTTP2 = true
		if address != "" {
			listener, err := net.Listen("tcp", address)
			require.NoError(t, err)
			require.NoError(t, api.Listener.Close())
			api.Listener = listener
		}
		api.StartTLS()
	}
	start("")
	address := api.Listener.Addr().String()
	l := new(ledger)
	client, err := altertable.New("key", append(l.options(), altertable.WithBaseURL(api.URL), altertable.WithHTTPClient(api.Client()),
		altertable.WithMaxBatchSize(5), altertable.WithRetry(altertable.RetryPolicy{InitialInterval: time.Millisecond, MaxInterval: 2 * time.Millisecond}))...)
	require.NoError(t, err)
	for i := range 5 {
		track(t, client, numberedFrom(200*i, 200)...)
		require.NoError(t, api.Config.Shutdown(t.Context()))
		api.Close()
		start(address)
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
