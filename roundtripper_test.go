package altertable_test

import (
	"errors"
	"io"
	"net/http"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// nilError is an error that is nil by mistake, and panics when it is asked anything.
type nilError struct{ cause error }

func (e *nilError) Error() string { return e.cause.Error() }
func (e *nilError) Unwrap() error { return e.cause }

// A RoundTripper is the user's code: whatever it does, the messages are sent again.
func TestRoundTripperMisbehaves(t *testing.T) {
	for name, misbehave := range map[string]roundTrip{
		"panics":             func(*http.Request) (*http.Response, error) { panic("secret") },
		"ends its goroutine": func(*http.Request) (*http.Response, error) { runtime.Goexit(); return nil, nil },
		"returns nothing":    func(*http.Request) (*http.Response, error) { return nil, nil },
		"fails":              func(*http.Request) (*http.Response, error) { return nil, errors.New("secret") },
		"fails with a nil":   func(*http.Request) (*http.Response, error) { return nil, (*nilError)(nil) },
		"loses the body":     func(r *http.Request) (*http.Response, error) { return nil, errors.Join(r.Body.Close(), io.EOF) },
		"answer's body fails": func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 500, Body: failingBody{}}, nil
		},
		"answer's body hangs": func(*http.Request) (*http.Response, error) {
			silent, _ := io.Pipe()
			return &http.Response{StatusCode: 500, Body: silent}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				_, srv, l := newClient(t)
				client, err := altertable.New("key", append(l.options(), altertable.WithHTTPClient(&http.Client{
					Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
						if calls++; calls == 1 {
							return misbehave(r)
						}
						return srv.HTTPClient().Do(r.Clone(r.Context()))
					}),
				}))...)
				require.NoError(t, err)
				track(t, client, "e0")
				require.NoError(t, client.Close())
				assert.Equal(t, 2, calls)
				assert.Equal(t, []string{"e0"}, stored(srv))
				l.settle(t, client, "e0")
			})
		})
	}
}

// A body that fails when the request's time is over is closed once.
func TestAnswersBodyIsClosedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var bodies []*lateBody
		l := new(ledger)
		client, err := altertable.New("key", append(l.options(), altertable.WithHTTPClient(&http.Client{
			Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				bodies = append(bodies, &lateBody{ended: r.Context().Done()})
				return &http.Response{StatusCode: 500, Body: bodies[len(bodies)-1]}, nil
			}),
		}))...)
		require.NoError(t, err)
		track(t, client, "e0")
		require.Error(t, client.Shutdown(within(t, 20*time.Second)))
		require.Greater(t, len(bodies), 1)
		for _, body := range bodies {
			assert.Equal(t, 1, body.closed)
		}
		l.settle(t, client, "e0")
	})
}

// lateBody is a body whose Close panics.
type lateBody struct {
	ended  <-chan struct{}
	closed int
}

func (b *lateBody) Read([]byte) (int, error) { <-b.ended; return 0, io.ErrUnexpectedEOF }
func (b *lateBody) Close() error             { b.closed++; panic("secret") }

type failingBody struct{}

func (failingBody) Read([]byte) (int, error) { return 0, errors.New("secret") }
func (failingBody) Close() error             { return errors.New("secret") }

// A transport may read a request's body on after it has returned an error. It
// must find the bytes it was given, not those of a later batch.
func TestBodyOutlivesAFailedRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var bodies []io.ReadCloser
		_, srv, l := newClient(t)
		client, err := altertable.New("key", append(l.options(), altertable.WithHTTPClient(&http.Client{
			Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				if len(bodies) < 3 {
					bodies = append(bodies, r.Body)
					return nil, io.ErrUnexpectedEOF
				}
				return srv.HTTPClient().Do(r.Clone(r.Context()))
			}),
		}))...)
		require.NoError(t, err)
		track(t, client, "e0")
		require.NoError(t, client.Flush(t.Context()))
		for range 200 {
			track(t, client, "other")
			require.NoError(t, client.Flush(t.Context()))
		}
		for _, body := range bodies {
			text, err := io.ReadAll(body)
			require.NoError(t, err)
			assert.Contains(t, string(text), `"e0"`)
			require.NoError(t, body.Close())
			require.NoError(t, body.Close(), "more than once")
		}
		require.NoError(t, client.Close())
	})
}

// Applications wrap http.DefaultTransport, and set it to trust anybody.
func TestDefaultTransportIsNotUsed(t *testing.T) {
	before := http.DefaultTransport
	defer func() { http.DefaultTransport = before }()
	http.DefaultTransport = roundTrip(func(*http.Request) (*http.Response, error) { panic("used") })
	client, srv, l := onSocket(t)
	track(t, client, "e0")
	require.NoError(t, client.Close())
	assert.Equal(t, []string{"e0"}, stored(srv))
	l.settle(t, client, "e0")
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

// A transport that closes a request's body does not read it afterwards, or
// finds it closed: its bytes may be another batch's by then.
func TestClosedBodyReadsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var body io.ReadCloser
		_, srv, l := newClient(t)
		client, err := altertable.New("key", append(l.options(), altertable.WithHTTPClient(&http.Client{
			Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				body = r.Body
				answer, err := srv.HTTPClient().Do(r.Clone(r.Context()))
				return answer, errors.Join(err, body.Close())
			}),
		}))...)
		require.NoError(t, err)
		track(t, client, "e0")
		require.NoError(t, client.Close())
		n, err := body.Read(make([]byte, 10))
		assert.Zero(t, n)
		assert.ErrorIs(t, err, http.ErrBodyReadAfterClose)
		l.settle(t, client, "e0")
	})
}
