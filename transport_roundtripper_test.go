package altertable_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
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

// A witness notes what RoundTrippers of one client read, and keeps what they
// were given.
type witness struct {
	late sync.WaitGroup // what goes on after a request

	mu     sync.Mutex
	texts  []string
	bodies []io.ReadCloser
	again  []func() (io.ReadCloser, error)
}

func (w *witness) keep(r *http.Request, bodies ...io.ReadCloser) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bodies = append(w.bodies, bodies...)
	w.again = append(w.again, r.GetBody)
}

// read reads body as far as it goes.
func (w *witness) read(body io.Reader) {
	text, _ := io.ReadAll(body) // it may be over
	w.mu.Lock()
	defer w.mu.Unlock()
	w.texts = append(w.texts, string(text))
}

// readAgain reads what GetBody returns, and closes it twice.
func (w *witness) readAgain(r *http.Request) {
	body, err := r.GetBody()
	if err != nil {
		return
	}
	w.keep(r, body)
	w.read(body)
	_ = body.Close() // it returns nil
	_ = body.Close()
}

// A RoundTripper may keep a request, its body and its GetBody, and use them at
// any time. It finds the bytes of that request or nothing, never those of a
// later batch, or of another client.
func TestRoundTripperKeepsTheRequest(t *testing.T) {
	type send = func(*http.Request) (*http.Response, error)
	for name, keep := range map[string]func(*witness, *http.Request, send) (*http.Response, error){
		"mirrors": func(w *witness, r *http.Request, send send) (*http.Response, error) {
			for range 2 {
				w.late.Go(func() { w.readAgain(r) })
			}
			return send(r)
		},
		"mirrors afterwards": func(w *witness, r *http.Request, send send) (*http.Response, error) {
			defer w.late.Go(func() { <-r.Context().Done(); w.readAgain(r) })
			return send(r)
		},
		"hedges": func(w *witness, r *http.Request, send send) (*http.Response, error) {
			hedge := r.Clone(r.Context())
			var err error
			if hedge.Body, err = r.GetBody(); err != nil {
				return nil, err
			}
			w.keep(r, hedge.Body)
			w.late.Go(func() { w.read(hedge.Body) })
			w.late.Go(func() { w.read(hedge.Body) })
			return send(r)
		},
		"records": func(w *witness, r *http.Request, send send) (*http.Response, error) {
			w.keep(r, r.Body)
			w.late.Go(func() { <-r.Context().Done(); w.read(r.Body); _ = r.Body.Close() })
			return send(r)
		},
		"retries": func(w *witness, r *http.Request, send send) (*http.Response, error) {
			_, err := io.ReadFull(r.Body, make([]byte, 10))
			w.keep(r, r.Body)
			second := r.Clone(r.Context())
			var failed error
			if second.Body, failed = r.GetBody(); errors.Join(err, failed) != nil {
				return nil, errors.Join(err, failed)
			}
			w.late.Go(func() { w.read(r.Body) })
			return send(second)
		},
		"fails, and reads": func(w *witness, r *http.Request, send send) (*http.Response, error) {
			w.mu.Lock()
			fails := len(w.again)%2 == 0
			w.mu.Unlock()
			w.keep(r, r.Body)
			if fails {
				w.late.Go(func() { w.read(r.Body); _ = r.Body.Close(); _ = r.Body.Close() })
				return nil, io.ErrUnexpectedEOF
			}
			return send(r)
		},
		"closes late": func(w *witness, r *http.Request, send send) (*http.Response, error) {
			second, err := r.GetBody()
			w.keep(r, second, r.Body)
			w.late.Go(func() {
				<-r.Context().Done()
				for range 2 {
					_ = second.Close()
					_ = r.Body.Close()
				}
			})
			answer, failed := send(r)
			return answer, errors.Join(err, failed)
		},
	} {
		t.Run(name, func(t *testing.T) {
			var clients sync.WaitGroup
			defer clients.Wait()
			for own, other := range map[string]string{"alpha": "bravo", "bravo": "alpha"} {
				w := new(witness)
				_, srv, l := newClient(t)
				inner := srv.HTTPClient()
				client, err := altertable.New("key_"+own, append(l.options(),
					altertable.WithRetry(altertable.RetryPolicy{InitialInterval: time.Millisecond, MaxInterval: time.Millisecond}),
					altertable.WithHTTPClient(&http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
						return keep(w, r, func(r *http.Request) (*http.Response, error) { return inner.Do(r.Clone(r.Context())) })
					})}))...)
				require.NoError(t, err)
				clients.Go(func() { keptByRoundTripper(t, client, w, own, other) })
			}
		})
	}
}

// keptByRoundTripper sends events named own, and checks what w saw of them.
func keptByRoundTripper(t *testing.T, client *altertable.Client, w *witness, own, other string) {
	for range 100 {
		assert.NoError(t, client.Track(t.Context(), event(own)))
		assert.NoError(t, client.Flush(t.Context()))
		_, err := client.TrackSync(t.Context(), event(own), event(own))
		assert.NoError(t, err)
	}
	assert.NoError(t, client.Close())
	w.late.Wait()
	for _, text := range w.texts {
		assert.NotContains(t, text, other)
	}
	for _, again := range w.again {
		body, err := again()
		assert.Error(t, err)
		assert.True(t, body == nil)
	}
	for _, body := range w.bodies {
		n, err := body.Read(make([]byte, 10))
		assert.Zero(t, n)
		assert.ErrorIs(t, err, http.ErrBodyReadAfterClose)
		assert.NoError(t, body.Close())
	}
}

// A RoundTripper that has returned an error finds the body closed.
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
		assert.Equal(t, []string{"e0"}, stored(srv))
		require.Len(t, bodies, 3)
		for _, body := range bodies {
			text, err := io.ReadAll(body)
			assert.Empty(t, text)
			require.ErrorIs(t, err, http.ErrBodyReadAfterClose)
			require.NoError(t, body.Close())
			require.NoError(t, body.Close(), "more than once")
		}
		require.NoError(t, client.Close())
	})
}

// A RoundTripper that does not return is given up by Shutdown, which reports its
// messages. It cannot send them afterwards, nor those of another client.
func TestBodyAfterShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release, requests := make(chan struct{}), make(chan *http.Request, 1)
		l := new(ledger)
		client, err := altertable.New("key_alpha", append(l.options(), altertable.WithHTTPClient(&http.Client{
			Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				requests <- r
				<-release
				return nil, io.EOF
			}),
		}))...)
		require.NoError(t, err)
		track(t, client, "alpha")
		require.Error(t, client.Shutdown(within(t, 2*time.Second)))
		l.settle(t, client, "alpha")

		other, _, _ := newClient(t)
		for range 100 {
			track(t, other, "bravo")
			require.NoError(t, other.Flush(t.Context()))
		}
		stuck := <-requests
		_, err = stuck.GetBody()
		require.Error(t, err)
		_, err = stuck.Body.Read(make([]byte, 10))
		require.ErrorIs(t, err, http.ErrBodyReadAfterClose)
		close(release)
	})
}

// A synchronous call does not wait for a RoundTripper that does not return.
func TestSyncCallsDoNotWaitForAStubbornTransport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release, requests := make(chan struct{}), make(chan *http.Request, 1)
		l := new(ledger)
		client, err := altertable.New("key", append(l.options(), altertable.WithHTTPClient(&http.Client{
			Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				requests <- r
				<-release
				return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
			}),
		}))...)
		require.NoError(t, err)
		start := time.Now()
		_, err = client.TrackSync(within(t, time.Second), event("e0"))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, time.Second, time.Since(start))
		stuck := <-requests
		_, err = stuck.GetBody()
		require.Error(t, err, "the request is over")
		_, err = stuck.Body.Read(make([]byte, 10))
		require.ErrorIs(t, err, http.ErrBodyReadAfterClose)
		close(release)
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
