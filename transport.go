package altertable

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"sync"
	"time"
)

// transport makes single HTTP attempts. It does not change after newTransport.
type transport struct {
	client  *http.Client // the user's; nil if the client has its own pools
	pools   *pools       // nil if the HTTP client is the user's
	urls    [3]string    // by endpoint
	header  http.Header  // of every request, the key included
	key     string
	timeout time.Duration // of one attempt, the answer included
}

func newTransport(cfg *config) *transport {
	t := &transport{timeout: cfg.timeout, header: http.Header{}, key: *cfg.key}
	for ep := range t.urls {
		t.urls[ep] = cfg.baseURL.JoinPath(endpoint(ep).String()).String()
	}
	t.header.Set("Content-Type", "application/json")
	t.header.Set("Accept", "application/json")
	t.header.Set("Accept-Encoding", "identity")
	t.header.Set("User-Agent", "altertable-go/"+Version)
	if cfg.bearer {
		t.header.Set("Authorization", "Bearer "+*cfg.key)
	} else {
		t.header.Set("X-API-Key", *cfg.key)
	}
	if cfg.httpClient == nil {
		t.pools = &pools{
			newPool: func() *http.Transport { return newHTTPTransport(cfg.maxInFlight) },
			retired: map[*pool]struct{}{},
		}
		return t
	}
	own := *cfg.httpClient
	if own.Transport == nil {
		own.Transport = http.DefaultTransport
	}
	own.Transport = lastStop{own.Transport}
	if own.Timeout > 0 {
		t.timeout = min(t.timeout, own.Timeout)
		own.Timeout = 0 // the request's context ends it
	}
	t.client = &own
	return t
}

// lastStop is a RoundTripper whose redirects lead nowhere. CheckRedirect alone
// would not do: net/http reads the Location first, and fails if it is malformed.
type lastStop struct{ inner http.RoundTripper }

func (s lastStop) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := s.inner.RoundTrip(r)
	if err != nil || answer == nil || answer.Header.Get("Location") == "" {
		return answer, err
	}
	last := *answer
	last.Header = answer.Header.Clone()
	last.Header.Del("Location")
	return &last, nil
}

// close closes all connections, unless they are the user's.
func (t *transport) close() {
	if t.pools != nil {
		t.pools.close()
	}
}

// post makes one attempt to send m. The error is nil if the server took the
// messages, an *APIError if it did not, and a *NetworkError if nobody knows.
// Nobody reads m after post has returned. It waits for the RoundTripper, except
// that a synchronous call waits no longer than ctx and the attempt's timeout.
func (t *transport) post(ctx context.Context, ep endpoint, synchronous bool, m payload) (*Response, error) {
	l := &loan{payload: m}
	defer l.end()
	attempt, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	request, err := t.newRequest(attempt, ep, synchronous, l)
	if err != nil {
		return nil, &NetworkError{err}
	}
	if t.pools == nil { // a RoundTripper may not heed the context
		defer context.AfterFunc(attempt, l.end)()
	}
	switch {
	case t.pools != nil:
		return t.sendPooled(ctx, request)
	case synchronous:
		return t.sendWithin(request)
	}
	return t.send(t.client, request)
}

func (t *transport) newRequest(ctx context.Context, ep endpoint, synchronous bool, l *loan) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, t.urls[ep], &body{loan: l})
	if err != nil {
		return nil, err
	}
	if synchronous {
		request.URL.RawQuery = "sync=true"
	}
	request.Header = t.header.Clone()
	request.ContentLength = int64(l.payload.size())
	// net/http takes a second body when it knows that it wrote nothing of the
	// first one, on a connection that the server had closed.
	request.GetBody = l.open
	return request, nil
}

// sendPooled is send over the client's own connections. Its ctx is the
// caller's, without the attempt's own timeout.
func (t *transport) sendPooled(ctx context.Context, request *http.Request) (response *Response, err error) {
	p := t.pools.acquire()
	if p == nil {
		return nil, &NetworkError{net.ErrClosed}
	}
	defer func() { t.pools.release(p, blamesConnection(ctx, err)) }()
	return t.send(p.client, request)
}

// blamesConnection reports whether err, an attempt's result, may be the fault
// of its connection or of the backend behind it. The end of the caller's ctx
// says nothing about them.
func blamesConnection(ctx context.Context, err error) bool {
	switch err := err.(type) {
	case *NetworkError:
		return ctx.Err() == nil
	case *APIError:
		return err.StatusCode >= 500 || err.StatusCode == http.StatusMisdirectedRequest || err.fromPortal() || err.fromFirewall()
	}
	return false
}

// sendWithin is send through the user's HTTP client. It waits no longer than the
// request's context, even if a RoundTripper does not heed that.
func (t *transport) sendWithin(request *http.Request) (*Response, error) {
	type result struct {
		response *Response
		err      error
	}
	results := make(chan result, 1)
	go func() {
		defer close(results)
		response, err := t.send(t.client, request)
		results <- result{response, err}
	}()
	select {
	case r, ok := <-results:
		if !ok {
			runtime.Goexit() // as the RoundTripper did
		}
		return r.response, r.err
	case <-request.Context().Done():
		return nil, &NetworkError{request.Context().Err()}
	}
}

// send sends request and reads the answer.
func (t *transport) send(client *http.Client, request *http.Request) (_ *Response, err error) {
	defer func() {
		if recover() != nil { // a RoundTripper is the user's code
			err = &NetworkError{errNoAnswer}
		}
	}()
	ctx := request.Context()
	answer, err := client.Do(request)
	if err != nil {
		return nil, &NetworkError{asRefusal(bare(ctx, err))}
	}
	closeBody := sync.OnceFunc(func() {
		defer func() { _ = recover() }() // it is the user's code too
		_ = answer.Body.Close()
	})
	defer closeBody()
	// A body may not heed the context: a user's, or a connection after a 101.
	defer context.AfterFunc(ctx, closeBody)()
	if answer.StatusCode == http.StatusProxyAuthRequired && proxyAnswers(client, request) {
		return nil, &NetworkError{refusalOf(answer)}
	}
	return readAnswer(answer, t.key)
}

// proxyAnswers reports whether request goes to a proxy that answers it itself:
// through one, https and SOCKS make a tunnel to the server.
func proxyAnswers(client *http.Client, request *http.Request) bool {
	last, _ := client.Transport.(lastStop)
	transport, ok := last.inner.(*http.Transport)
	if !ok || transport.Proxy == nil || request.URL.Scheme != "http" {
		return false
	}
	proxy, err := transport.Proxy(request)
	return err == nil && proxy != nil && (proxy.Scheme == "http" || proxy.Scheme == "https")
}

// bare takes the *url.Error off err, whose text repeats the URL, and prefers
// the context's own error to a transport's rendering of it.
func bare(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}
