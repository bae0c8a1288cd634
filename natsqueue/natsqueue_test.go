package natsqueue_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/natsqueue"
)

func TestClientStoresEachEndpointUnderItsSubject(t *testing.T) {
	queue, stream := newQueue(t)
	client := newClient(t, queue)
	require.NoError(t, client.Track(ctx, altertable.Track{Event: "checkout_completed", DistinctID: "u_42"}))
	require.NoError(t, client.Identify(ctx, altertable.Identify{DistinctID: "u_42", Traits: altertable.Traits{"plan": "pro"}}))
	require.NoError(t, client.Alias(ctx, altertable.Alias{DistinctID: "stripe:cus_1", NewUserID: "u_42"}))
	require.NoError(t, client.Shutdown(within(t)))

	subjects := map[string]int{}
	for _, m := range stored(t, stream) {
		subjects[m.subject]++
		assert.Equal(t, byte('['), m.data[0], "an array, as the client made it")
		assert.NotContains(t, fmt.Sprint(m.header), "pk_secret")
		assert.NotContains(t, string(m.data), "pk_secret")
		assert.Len(t, m.header, 2, "nothing of the request's header: %v", m.header)
	}
	assert.Equal(t, map[string]int{"altertable.v1.acme.track": 1, "altertable.v1.acme.identify.0": 1, "altertable.v1.acme.alias": 1}, subjects)
	assert.EqualValues(t, 3, client.Stats().Delivered)
}

func TestSynchronousCallIsAnsweredOnceItIsStored(t *testing.T) {
	queue, stream := newQueue(t)
	client := newClient(t, queue)
	response, err := client.TrackSync(within(t), altertable.Track{Event: "checkout_completed", DistinctID: "u_42"})
	require.NoError(t, err)
	assert.Equal(t, &altertable.Response{OK: true}, response)
	found := events(t, stream)
	require.Len(t, found, 1)
	assert.Equal(t, "checkout_completed", found[0]["event"])
}

func TestAnswerIsAnHTTPResponse(t *testing.T) {
	queue, _ := newQueue(t)
	r := post(t, "/track", `[{}]`)
	response, err := queue.RoundTrip(r)
	require.NoError(t, err)
	assert.Equal(t, "200 OK", response.Status)
	assert.Equal(t, "HTTP/1.1", response.Proto)
	assert.Equal(t, "application/json", response.Header.Get("Content-Type"))
	assert.Same(t, r, response.Request)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	assert.EqualValues(t, len(body), response.ContentLength)
	assert.JSONEq(t, `{"ok":true,"task_id":null,"error_code":null}`, string(body))
}

func TestRequestsThatAreNoBatchAreRefused(t *testing.T) {
	queue, stream := newQueue(t)
	tests := []struct {
		name   string
		change func(*http.Request)
		status int
		code   string
	}{
		{"another path", func(r *http.Request) { r.URL.Path = "/query" }, 404, "not-found"},
		{"no path", func(r *http.Request) { r.URL.Path = "" }, 404, "not-found"},
		{"no URL", func(r *http.Request) { r.URL = nil }, 404, "not-found"},
		{"below an endpoint", func(r *http.Request) { r.URL.Path = "/track/1" }, 404, "not-found"},
		{"another method", func(r *http.Request) { r.Method = http.MethodGet }, 405, "method-not-allowed"},
		{"no body", func(r *http.Request) { r.Body, r.ContentLength = nil, 0 }, 400, "no-body"},
		{"http.NoBody", func(r *http.Request) { r.Body, r.ContentLength = http.NoBody, 0 }, 400, "no-body"},
		{"over 2 MiB", func(r *http.Request) { r.ContentLength = 2<<20 + 1 }, 413, "payload-too-large"},
		{"without an end", func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(endless{}), -1 }, 413, "payload-too-large"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := post(t, "/track", `[{}]`)
			body := &watchedBody{ReadCloser: r.Body}
			r.Body = body
			test.change(r)
			if r.Body != body {
				body = nil
			}
			a := send(t, queue, r)
			assert.Equal(t, test.status, a.Status)
			assert.Equal(t, test.code, a.Code)
			assert.False(t, a.OK)
			assert.NotEmpty(t, a.Message)
			if body != nil {
				assert.Equal(t, 1, body.closes())
			}
		})
	}
	assert.Empty(t, stored(t, stream))
}

// A base URL has a path where requests went through a gateway.
func TestPathPrefixIsIgnored(t *testing.T) {
	queue, stream := newQueue(t)
	client := newClient(t, queue, altertable.WithBaseURL("https://gateway.example.com/altertable/v1/"))
	require.NoError(t, client.Track(ctx, altertable.Track{Event: "signed_up", DistinctID: "u_42"}))
	require.NoError(t, client.Shutdown(within(t)))
	assert.Len(t, events(t, stream), 1)
}

func TestWhatNewCannotUseIsSaidByEveryAnswer(t *testing.T) {
	js := connect(t, startServer(t).ClientURL())
	tests := []struct {
		name, tenant, code, says string
		js                       jetstream.JetStream
	}{
		{"nil", "acme", "no-jetstream", "js is nil", nil},
		{"no name", "", "invalid-tenant", `""`, js},
		{"capitals", "Acme", "invalid-tenant", `"Acme"`, js},
		{"another subject", "acme.>", "invalid-tenant", `"acme.>"`, js},
		{"dead letters", "dlq", "invalid-tenant", `"dlq"`, js},
		{"dash first", "-acme", "invalid-tenant", `"-acme"`, js},
		{"too long", strings.Repeat("a", 33), "invalid-tenant", strings.Repeat("a", 33), js},
		{"much too long", strings.Repeat("a", 1000), "invalid-tenant", strings.Repeat("a", 100) + `", which`, js},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			queue := natsqueue.New(test.js, test.tenant)
			for range 2 {
				r := post(t, "/track", `[{}]`)
				body := &watchedBody{ReadCloser: r.Body}
				r.Body = body
				a := send(t, queue, r)
				assert.Equal(t, 503, a.Status)
				assert.Equal(t, test.code, a.Code)
				assert.Contains(t, a.Message, test.says)
				assert.Equal(t, 1, body.closes())
			}
			client := newClient(t, queue)
			require.NoError(t, client.Track(ctx, altertable.Track{Event: "signed_up", DistinctID: "u_42"}))
			require.Eventually(t, func() bool { return client.Stats().FailedRequests > 1 }, patience, 1e6)
			assert.EqualValues(t, 1, client.Stats().Queued, "it is kept")
		})
	}
	for _, tenant := range []string{"a", "0", "a_b-c", strings.Repeat("z", 32)} {
		newStream(t, js, tenant)
		assert.Equal(t, 200, send(t, natsqueue.New(js, tenant), post(t, "/track", `[{}]`)).Status, tenant)
	}
}

func TestRetryHasTheSameID(t *testing.T) {
	js := connect(t, startServer(t).ClientURL())
	stream := newStream(t, js, "acme")
	queue, other := natsqueue.New(js, "acme"), natsqueue.New(js, "acme")
	for range 3 {
		assert.Equal(t, 200, send(t, queue, post(t, "/track", `[{"a":1}]`)).Status)
	}
	send(t, queue, post(t, "/track", `[{"a":2}]`))
	send(t, queue, post(t, "/alias", `[{"a":1}]`))
	send(t, other, post(t, "/track", `[{"a":1}]`))

	ids := map[string]string{}
	for _, m := range stored(t, stream) {
		id := m.header.Get("Nats-Msg-Id")
		assert.Regexp(t, `^[A-Z2-7]{26}-[0-9a-f]{32}$`, id)
		ids[id] = m.subject + string(m.data)
	}
	assert.Len(t, ids, 4, "one of each: %v", ids)
}

func TestBodyThatFailsIsNotStored(t *testing.T) {
	broken := errors.New("broken")
	tests := []struct {
		name   string
		body   io.Reader
		length int64
		says   string
	}{
		{"fails", io.MultiReader(strings.NewReader(`[{}`), failing{broken}), -1, "broken"},
		{"short", strings.NewReader(`[{}`), 4, "3 bytes"},
		{"long", strings.NewReader(`[{}]]`), 4, "5 bytes"},
		{"brings nothing", idle{}, -1, io.ErrNoProgress.Error()},
	}
	queue, stream := newQueue(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := post(t, "/track", "")
			body := &watchedBody{ReadCloser: io.NopCloser(test.body)}
			r.Body, r.ContentLength = body, test.length
			response, err := queue.RoundTrip(r)
			assert.Nil(t, response)
			assert.ErrorContains(t, err, test.says)
			assert.Equal(t, 1, body.closes())
		})
	}
	assert.Empty(t, stored(t, stream))
}

// idle is a reader that neither reads nor ends.
type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

func TestPanicOfABodyIsTheCallers(t *testing.T) {
	queue, _ := newQueue(t)
	r := post(t, "/track", "")
	body := &watchedBody{ReadCloser: io.NopCloser(panicking{})}
	r.Body, r.ContentLength = body, -1
	assert.PanicsWithValue(t, "a body", func() { _, _ = queue.RoundTrip(r) })
	assert.Equal(t, 1, body.closes())
}

func TestContextEndsARequest(t *testing.T) {
	queue, stream := newQueue(t)

	t.Run("before", func(t *testing.T) {
		over, cancel := context.WithCancel(ctx)
		cancel()
		r := post(t, "/track", `[{}]`).WithContext(over)
		body := &watchedBody{ReadCloser: r.Body}
		r.Body = body
		_, err := queue.RoundTrip(r)
		assert.ErrorIs(t, err, context.Canceled)
		assert.Equal(t, 1, body.closes())
		assert.Empty(t, stored(t, stream))
	})

	t.Run("while the body hangs", func(t *testing.T) {
		in, out := io.Pipe()
		defer out.Close()
		c, cancel := context.WithCancel(ctx)
		r := post(t, "/track", "").WithContext(c)
		body := &watchedBody{ReadCloser: in}
		r.Body, r.ContentLength = body, -1
		errs := make(chan error)
		go func() {
			_, err := queue.RoundTrip(r)
			errs <- err
		}()
		_, err := out.Write([]byte(`[`)) // it is read
		require.NoError(t, err)
		cancel()
		assert.ErrorIs(t, <-errs, context.Canceled)
		assert.Equal(t, 1, body.closes())
	})
}

func TestRequestIsNotModified(t *testing.T) {
	queue, _ := newQueue(t)
	r := post(t, "/track", `[{}]`)
	before := r.Clone(r.Context())
	send(t, queue, r)
	assert.Equal(t, before.Header, r.Header)
	assert.Equal(t, before.URL, r.URL)
	assert.Equal(t, before.ContentLength, r.ContentLength)
}

func TestConcurrentRequests(t *testing.T) {
	queue, stream := newQueue(t)
	var group sync.WaitGroup
	for i := range 64 {
		group.Go(func() {
			response, err := queue.RoundTrip(post(t, "/track", fmt.Sprintf(`[{"n":%d}]`, i)))
			if assert.NoError(t, err) {
				assert.Equal(t, 200, response.StatusCode)
			}
		})
	}
	group.Wait()
	seen := map[any]bool{}
	for _, e := range events(t, stream) {
		seen[e["n"]] = true
	}
	assert.Len(t, seen, 64)
}

// A watchedBody counts how often it is closed.
type watchedBody struct {
	io.ReadCloser
	mu     sync.Mutex
	closed int // guarded by mu
}

func (b *watchedBody) Close() error {
	b.mu.Lock()
	b.closed++
	b.mu.Unlock()
	return b.ReadCloser.Close()
}

func (b *watchedBody) closes() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

type panicking struct{}

func (panicking) Read([]byte) (int, error) { panic("a body") }
