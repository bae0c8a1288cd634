package altertable_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// onSocket returns a client and a server that are connected by a socket.
func onSocket(t *testing.T, opts ...altertable.Option) (*altertable.Client, *altertabletest.Server, *ledger) {
	t.Helper()
	srv := altertabletest.NewServer()
	t.Cleanup(srv.Close)
	l := new(ledger)
	opts = append(append(l.options(), altertable.WithBaseURL(srv.URL),
		altertable.WithRetry(altertable.RetryPolicy{InitialInterval: time.Millisecond, MaxInterval: 2 * time.Millisecond})), opts...)
	client, err := altertable.New("key_1", opts...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	return client, srv, l
}

func TestRequest(t *testing.T) {
	requests := make(chan *http.Request, 10)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || int64(len(body)) != r.ContentLength {
			t.Errorf("body of %d bytes: %v", len(body), err)
		}
		requests <- r
	}))
	defer api.Close()
	for name, test := range map[string]struct {
		options []altertable.Option
		header  map[string]string
		absent  string
	}{
		"X-API-Key": {nil, map[string]string{"X-Api-Key": "key_1"}, "Authorization"},
		"bearer":    {[]altertable.Option{altertable.WithBearerAuth()}, map[string]string{"Authorization": "Bearer key_1"}, "X-Api-Key"},
	} {
		t.Run(name, func(t *testing.T) {
			client, err := altertable.New("key_1", append(test.options, altertable.WithBaseURL(api.URL+"/prefix/"))...)
			require.NoError(t, err)
			defer client.Close()
			track(t, client, "e0")
			require.NoError(t, client.Flush(t.Context()))
			_, err = client.TrackSync(t.Context(), event("e1"))
			require.NoError(t, err)
			for i, uri := range []string{"/prefix/track", "/prefix/track?sync=true"} {
				r := <-requests
				assert.Equal(t, http.MethodPost, r.Method, i)
				assert.Equal(t, uri, r.RequestURI)
				assert.Equal(t, "altertable-go/"+altertable.Version, r.UserAgent())
				assert.Equal(t, "application/json", r.Header.Get("Content-Type"))
				assert.Equal(t, []string{"identity"}, r.Header["Accept-Encoding"])
				assert.NotContains(t, r.Header, "Idempotency-Key")
				assert.NotContains(t, r.Header, "X-Idempotency-Key")
				assert.NotContains(t, r.Header, test.absent)
				for header, value := range test.header {
					assert.Equal(t, value, r.Header.Get(header))
				}
			}
		})
	}
}

func TestSocketFaults(t *testing.T) {
	for name, fault := range map[string]altertabletest.Fault{
		"500":          altertabletest.Status(500),
		"reset":        altertabletest.Reset(),
		"huge headers": altertabletest.Status(500).HugeHeaders(1 << 20),
		"html":         altertabletest.Status(503).HTML("<html>"),
		"endless":      altertabletest.Status(500).Endless(),
	} {
		t.Run(name, func(t *testing.T) {
			client, srv, l := onSocket(t)
			srv.Next(3, fault)
			track(t, client, numbered(250)...)
			identify(t, client, "u_1")
			require.NoError(t, client.Flush(t.Context()))
			assert.Len(t, srv.Events(), 250)
			l.settle(t, client, append(numbered(250), "u_1")...)
		})
	}
	t.Run("down and up", func(t *testing.T) {
		client, srv, l := onSocket(t)
		track(t, client, "e0")
		require.NoError(t, client.Flush(t.Context()))
		srv.Down()
		track(t, client, "e1")
		require.Error(t, client.Flush(within(t, 20*time.Millisecond)))
		srv.Up()
		require.NoError(t, client.Flush(t.Context()))
		assert.Equal(t, numbered(2), stored(srv))
		l.settle(t, client, numbered(2)...)
	})
	t.Run("reset after the server took the batch", func(t *testing.T) {
		client, srv, l := onSocket(t)
		srv.Next(1, altertabletest.Reset().AfterStoring())
		track(t, client, "e0")
		require.NoError(t, client.Flush(t.Context()))
		assert.Equal(t, []string{"e0", "e0"}, stored(srv), "the answer was lost, so it was sent again")
		l.settle(t, client, "e0")
	})
}

// A server closes idle connections without a word. A request that meets that is
// sent again, and nothing arrives twice.
func TestStaleConnections(t *testing.T) {
	var count atomic.Int64
	api := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err == nil {
			count.Add(1)
		}
	}))
	api.Start()
	defer api.Close()
	client, err := altertable.New("key", altertable.WithBaseURL(api.URL), altertable.WithLogger(slog.New(slog.DiscardHandler)),
		altertable.WithRetry(altertable.RetryPolicy{InitialInterval: time.Millisecond, MaxInterval: time.Millisecond}))
	require.NoError(t, err)
	defer client.Close()
	for range 50 {
		track(t, client, "e")
		require.NoError(t, client.Flush(t.Context()))
		api.CloseClientConnections()
	}
	assert.EqualValues(t, 50, count.Load())
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	followed := make(chan string, 100)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { followed <- r.RequestURI }))
	defer elsewhere.Close()
	var to atomic.Value
	var status atomic.Int64
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/track" {
			followed <- r.RequestURI
		}
		http.Redirect(w, r, to.Load().(string), int(status.Load()))
	}))
	defer api.Close()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	own := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}
	for _, code := range []int{301, 302, 303, 307, 308} {
		for _, target := range []string{elsewhere.URL + "/steal", "/login"} {
			status.Store(int64(code))
			to.Store(target)
			l := new(ledger)
			client, err := altertable.New("key", append(l.options(), altertable.WithBaseURL(api.URL), altertable.WithHTTPClient(own))...)
			require.NoError(t, err)
			track(t, client, "e0")
			require.Error(t, client.Close())
			var final *altertable.APIError
			require.ErrorAs(t, l.errs[0], &final)
			assert.Equal(t, code, final.StatusCode)
			l.settle(t, client, "e0")
		}
	}
	assert.Empty(t, followed)
	assert.NotNil(t, own.CheckRedirect)
	assert.NoError(t, own.CheckRedirect(nil, nil), "the user's client was not modified")
	own.CloseIdleConnections()
}

func TestRequestTimeout(t *testing.T) {
	for timeout, option := range map[time.Duration]altertable.Option{
		5 * time.Second: nil,
		7 * time.Second: altertable.WithRequestTimeout(7 * time.Second),
	} {
		t.Run(timeout.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, srv, l := newClient(t, option, altertable.WithMaxBatchSize(1))
				srv.Next(1, altertabletest.Hang())
				track(t, client, "e0")
				var network *altertable.NetworkError
				require.False(t, errors.As(client.Flush(within(t, timeout-1)), &network), "not yet")
				require.ErrorAs(t, client.Flush(within(t, 2)), &network)
				assert.True(t, network.Timeout())
				assert.ErrorIs(t, network, context.DeadlineExceeded)
				require.NoError(t, client.Flush(t.Context()))
				l.settle(t, client, "e0")
			})
		})
	}
}

func TestMalformedRedirectIsFinal(t *testing.T) {
	for name, location := range map[string]string{"none": "", "malformed": "http://[::1", "self": "/track", "no host": "https://"} {
		t.Run(name, func(t *testing.T) {
			client, srv, l := onSocket(t)
			srv.Always(altertabletest.Redirect(307, location))
			track(t, client, "e0", "e1")
			err := client.Flush(t.Context())
			var api *altertable.APIError
			require.ErrorAs(t, err, &api)
			assert.Equal(t, 307, api.StatusCode)
			assert.Len(t, srv.Requests(), 1)
			l.settle(t, client, "e0", "e1")
		})
	}
}

func TestCertificatesAreVerified(t *testing.T) {
	srv := altertabletest.NewServer()
	defer srv.Close()
	api := httptest.NewUnstartedServer(srv.Handler())
	api.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	api.StartTLS()
	defer api.Close()
	l := new(ledger)
	client, err := altertable.New("key", append(l.options(), altertable.WithBaseURL(api.URL),
		altertable.WithRetry(altertable.RetryPolicy{InitialInterval: time.Millisecond, MaxElapsed: time.Millisecond}))...)
	require.NoError(t, err)
	track(t, client, "e0")
	var network *altertable.NetworkError
	require.ErrorAs(t, client.Close(), &network)
	assert.Contains(t, network.Error(), "certificate")
	assert.Empty(t, srv.Requests())
	l.settle(t, client, "e0")
}

// A connection that is open and silent does not outlive Shutdown.
func TestSilentServer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	for _, scheme := range []string{"http://", "https://"} {
		l := new(ledger)
		client, err := altertable.New("key", append(l.options(), altertable.WithBaseURL(scheme+listener.Addr().String()))...)
		require.NoError(t, err)
		track(t, client, "e0")
		err = client.Shutdown(within(t, 20*time.Millisecond))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		l.settle(t, client, "e0")
	}
}

func TestTheHTTPClientsOwnTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, srv, l := newClient(t)
		own := srv.HTTPClient()
		own.Timeout = 2 * time.Second
		client, err := altertable.New("key", append(l.options(), altertable.WithHTTPClient(own), altertable.WithMaxBatchSize(1))...)
		require.NoError(t, err)
		srv.Next(1, altertabletest.Hang())
		track(t, client, "e0")
		pass(2 * time.Second)
		requests := srv.Requests()
		require.Len(t, requests, 1)
		assert.Equal(t, 2*time.Second, requests[0].Duration)
		require.NoError(t, client.Close())
		assert.Equal(t, 2*time.Second, own.Timeout, "the user's client was not modified")
		l.settle(t, client, "e0")
	})
}

type countingBody struct{ read int }

func (b *countingBody) Read(p []byte) (int, error) { b.read += len(p); return len(p), nil }
func (b *countingBody) Close() error               { return nil }

func TestAnswersAreReadUpTo64KiB(t *testing.T) {
	for _, status := range []int{200, 404} {
		body := new(countingBody)
		l := new(ledger)
		client, err := altertable.New("key", append(l.options(), altertable.WithHTTPClient(&http.Client{
			Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: status, Body: body}, r.Body.Close()
			}),
		}))...)
		require.NoError(t, err)
		track(t, client, "e0")
		assert.Equal(t, status == 200, client.Close() == nil)
		assert.LessOrEqual(t, body.read, 64<<10)
		l.settle(t, client, "e0")
	}
}
