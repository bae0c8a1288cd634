package natsqueue_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/natsqueue"
)

// sendSoon makes a request with little time, and returns the answer that comes just
// before that is over. On a busy machine it may come too late, now and then.
func sendSoon(t testing.TB, queue http.RoundTripper, body string) answer {
	t.Helper()
	for range 20 {
		c, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
		defer cancel()
		response, err := queue.RoundTrip(post(t, "/track", body).WithContext(c))
		if !errors.Is(err, context.DeadlineExceeded) {
			require.NoError(t, err)
			return read(t, response)
		}
	}
	require.Fail(t, "there is no answer")
	return answer{}
}

func TestLostAcknowledgementIsStoredOnce(t *testing.T) {
	t.Parallel()
	srv := startServer(t)
	stream := newStream(t, connect(t, srv.ClientURL()), "acme")
	p := newProxy(t)
	p.leadTo(srv.Addr().String())
	queue := natsqueue.New(connect(t, p.url()), "acme")
	require.Equal(t, 200, send(t, queue, post(t, "/track", `[{"n":0}]`)).Status)

	answers := make(chan answer)
	p.deaf.Store(true)
	c, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	go func() { answers <- send(t, queue, post(t, "/track", `[{"n":1}]`).WithContext(c)) }()
	<-p.heard // the acknowledgement
	p.cut()
	p.deaf.Store(false)
	assert.Equal(t, 200, (<-answers).Status, "it was published again, inside")
	assert.Len(t, stored(t, stream), 2)
}

// The client's attempt ends without an answer, and it sends the batch again.
func TestLostAnswerIsStoredOnce(t *testing.T) {
	t.Parallel()
	srv := startServer(t)
	stream := newStream(t, connect(t, srv.ClientURL()), "acme")
	p := newProxy(t)
	p.leadTo(srv.Addr().String())
	js := connect(t, p.url())
	client := newClient(t, natsqueue.New(js, "acme"), altertable.WithRequestTimeout(50*time.Millisecond))
	require.NoError(t, js.Conn().FlushWithContext(within(t)))

	p.deaf.Store(true)
	require.NoError(t, client.Track(ctx, altertable.Track{Event: "checkout_completed", DistinctID: "u_42"}))
	<-p.heard
	require.Eventually(t, func() bool { return client.Stats().FailedRequests > 0 }, patience, time.Millisecond)
	p.cut()
	p.deaf.Store(false)
	require.NoError(t, client.Flush(within(t)))
	assert.Len(t, events(t, stream), 1)
}

func TestBatchOverMaxPayloadIsHalved(t *testing.T) {
	t.Parallel()
	limits := map[string]struct {
		server func(*server.Options)
		stream func(*jetstream.StreamConfig)
	}{
		"of the server": {func(o *server.Options) { o.MaxPayload = 8 << 10 }, func(*jetstream.StreamConfig) {}},
		"of the stream": {func(*server.Options) {}, func(c *jetstream.StreamConfig) { c.MaxMsgSize = 8 << 10 }},
	}
	for name, limit := range limits {
		t.Run(name, func(t *testing.T) {
			js := connect(t, startServer(t, limit.server).ClientURL())
			stream := newStream(t, js, "acme", limit.stream)
			var lost atomic.Pointer[altertable.DeliveryError]
			client := newClient(t, natsqueue.New(js, "acme"), altertable.WithOnError(func(err error) {
				var undelivered *altertable.DeliveryError
				if errors.As(err, &undelivered) {
					lost.Store(undelivered)
				}
			}))
			for n := range 50 {
				size := 1 << 10
				if n == 17 {
					size = 10 << 10 // no half holds it
				}
				require.NoError(t, client.Track(ctx, altertable.Track{Event: "checkout_completed", DistinctID: "u_42",
					Properties: altertable.Properties{"n": n, "note": strings.Repeat("x", size)}}))
			}
			_ = client.Shutdown(within(t)) // it is no error if the one was given up before
			seen := map[float64]int{}
			for _, e := range events(t, stream) {
				seen[e["properties"].(map[string]any)["n"].(float64)]++
			}
			assert.Len(t, seen, 49)
			assert.NotContains(t, seen, 17.0)
			for n, times := range seen {
				assert.Equal(t, 1, times, n)
			}
			require.NotNil(t, lost.Load())
			assert.Equal(t, 1, lost.Load().Count)
			var api *altertable.APIError
			require.ErrorAs(t, lost.Load(), &api)
			assert.Equal(t, 413, api.StatusCode)
			assert.Equal(t, "payload-too-large", api.Code)
		})
	}
}

// The whole of a message counts against max_payload, its header too.
func TestLargestPayload(t *testing.T) {
	t.Parallel()
	const most = 4 << 10
	js := connect(t, startServer(t, func(o *server.Options) { o.MaxPayload = most }).ClientURL())
	stream := newStream(t, js, "acme")
	queue := natsqueue.New(js, "acme")
	fits := 0
	for size := most - 300; size <= most; size++ {
		if send(t, queue, post(t, "/track", strings.Repeat("x", size))).Status == 200 {
			fits = size
		}
	}
	require.Positive(t, fits)
	m := stored(t, stream)
	bytes := len("NATS/1.0\r\n\r\n")
	for key, values := range m[len(m)-1].header {
		bytes += len(key) + len(values[0]) + len(": \r\n")
	}
	assert.Equal(t, most, fits+bytes, "one byte more does not fit")
	assert.Zero(t, waiting(js.Conn()), "nats.go keeps no entry of a request that was never sent")
}

// waiting returns how many requests nats.go keeps an entry of.
func waiting(nc *nats.Conn) int {
	entries := reflect.ValueOf(nc).Elem().FieldByName("respMap")
	if !entries.IsValid() {
		return 0 // another version of it
	}
	return entries.Len()
}

func TestFullStream(t *testing.T) {
	t.Parallel()
	js := connect(t, startServer(t).ClientURL())
	stream := newStream(t, js, "acme", func(c *jetstream.StreamConfig) { c.MaxBytes = 4 << 10 })
	queue := natsqueue.New(js, "acme")
	published := func() uint64 { return js.Conn().Stats().OutMsgs }
	before := published()
	a := send(t, queue, post(t, "/track", strings.Repeat("x", 5<<10)))
	assert.Equal(t, 503, a.Status)
	assert.Equal(t, "stream-full", a.Code)
	assert.Contains(t, a.Message, "ALTERTABLE_acme")
	assert.Contains(t, a.Message, "MaxBytes")
	assert.Equal(t, before+1, published(), "the client waits, and not the request")

	client := newClient(t, queue, altertable.WithMaxBatchSize(1))
	for n := range 20 {
		require.NoError(t, client.Track(ctx, altertable.Track{Event: "checkout_completed", DistinctID: fmt.Sprint("u_", n),
			Properties: altertable.Properties{"note": strings.Repeat("x", 500)}}))
	}
	require.Eventually(t, func() bool { return client.Stats().FailedRequests > 2 }, patience, time.Millisecond)

	seen := map[string]int{} // by somebody who drains it
	for limit := within(t); len(seen) < 20; {
		info, err := stream.Info(limit)
		require.NoError(t, err)
		if info.State.Msgs == 0 {
			continue
		}
		m, err := stream.GetMsg(limit, info.State.FirstSeq)
		require.NoError(t, err)
		_, rest, _ := strings.Cut(string(m.Data), `"distinct_id":"`)
		id, _, _ := strings.Cut(rest, `"`)
		seen[id]++
		require.NoError(t, stream.DeleteMsg(limit, m.Sequence))
	}
	require.NoError(t, client.Flush(within(t)))
	assert.Empty(t, stored(t, stream), "each is stored once")
	assert.EqualValues(t, 20, client.Stats().Delivered)
}

func TestTroubleThatLasts(t *testing.T) {
	t.Parallel()
	allowed := func(o *server.Options) {
		o.Users = []*server.User{{Username: "producer", Password: "p", Permissions: &server.Permissions{
			Publish: &server.SubjectPermission{Allow: []string{"$JS.API.>", "altertable.v1.other.>"}},
		}}}
	}
	tests := []struct {
		name, code, says string
		queue            func(t *testing.T) http.RoundTripper
	}{
		{"no stream", "no-stream", "ALTERTABLE_acme", func(t *testing.T) http.RoundTripper {
			return natsqueue.New(connect(t, startServer(t).ClientURL()), "acme")
		}},
		{"no JetStream", "no-stream", "ALTERTABLE_acme", func(t *testing.T) http.RoundTripper {
			return natsqueue.New(connect(t, startServer(t, func(o *server.Options) { o.JetStream = false }).ClientURL()), "acme")
		}},
		{"a stream of everything", "other-stream", "ALTERTABLE_acme", func(t *testing.T) http.RoundTripper {
			js := connect(t, startServer(t).ClientURL())
			newStream(t, js, "acme", func(c *jetstream.StreamConfig) { c.Name, c.Subjects = "EVERYTHING", []string{"altertable.>"} })
			return natsqueue.New(js, "acme")
		}},
		{"no broker", "not-connected", "NATS server", func(t *testing.T) http.RoundTripper {
			return natsqueue.New(connect(t, newProxy(t).url()), "acme")
		}},
		{"no permission", "not-permitted", "altertable.v1.TENANT.>", func(t *testing.T) http.RoundTripper {
			js := connect(t, startServer(t, allowed).ClientURL(), nats.UserInfo("producer", "p"))
			newStream(t, js, "acme")
			return natsqueue.New(js, "acme")
		}},
		{"no acknowledgement", "no-acknowledgement", "in time", func(t *testing.T) http.RoundTripper {
			srv := startServer(t)
			js := connect(t, srv.ClientURL())
			newStream(t, js, "acme")
			p := newProxy(t)
			p.leadTo(srv.Addr().String())
			js = connect(t, p.url())
			require.NoError(t, js.Conn().FlushWithContext(within(t)))
			p.deaf.Store(true)
			return natsqueue.New(js, "acme")
		}},
		{"closed connection", "connection-closed", "ConnectOptions", func(t *testing.T) http.RoundTripper {
			js := connect(t, startServer(t).ClientURL())
			js.Conn().Close()
			return natsqueue.New(js, "acme")
		}},
		{"a sealed stream", "refused-10109", "sealed", func(t *testing.T) http.RoundTripper {
			js := connect(t, startServer(t).ClientURL())
			config := streamConfig("acme")
			config.Discard = jetstream.DiscardOld
			_, err := js.CreateStream(ctx, config)
			require.NoError(t, err)
			config.Sealed = true
			_, err = js.UpdateStream(ctx, config)
			require.NoError(t, err)
			return natsqueue.New(js, "acme")
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			queue := test.queue(t)
			a := sendSoon(t, queue, `[{}]`)
			assert.Equal(t, 503, a.Status)
			assert.Equal(t, test.code, a.Code)
			assert.Contains(t, a.Message, test.says)
			assert.Regexp(t, `^[\w.-]{1,64}$`, a.Code, "else the client does not show it")
		})
	}
}

// The permissions that the documentation names are enough.
func TestPermissionsOfAService(t *testing.T) {
	url := startServer(t, func(o *server.Options) {
		o.Users = []*server.User{
			{Username: "relay", Password: "r"},
			{Username: "service", Password: "s", Permissions: &server.Permissions{
				Publish:   &server.SubjectPermission{Allow: []string{"altertable.v1.acme.>"}},
				Subscribe: &server.SubjectPermission{Allow: []string{"_INBOX.>"}},
			}},
		}
	}).ClientURL()
	stream := newStream(t, connect(t, url, nats.UserInfo("relay", "r")), "acme")
	queue := natsqueue.New(connect(t, url, nats.UserInfo("service", "s")), "acme")
	for _, path := range []string{"/track", "/identify", "/alias"} {
		assert.Equal(t, 200, send(t, queue, post(t, path, `[{}]`)).Status, path)
	}
	assert.Len(t, stored(t, stream), 3)
}

// Without a deadline of its own a request does not hang for ever.
func TestRequestWithoutDeadline(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes 5 seconds")
	}
	t.Parallel()
	queue := natsqueue.New(connect(t, newProxy(t).url()), "acme")
	a := send(t, queue, post(t, "/track", `[{}]`).WithContext(ctx))
	assert.Equal(t, "not-connected", a.Code)
}

func TestStreamThatComesLate(t *testing.T) {
	t.Parallel()
	js := connect(t, startServer(t).ClientURL())
	queue := natsqueue.New(js, "acme")
	answers := make(chan answer)
	go func() { answers <- send(t, queue, post(t, "/track", `[{}]`)) }()
	require.Eventually(t, func() bool { return js.Conn().Stats().OutMsgs > 0 }, patience, time.Millisecond, "it was tried")
	newStream(t, js, "acme")
	assert.Equal(t, 200, (<-answers).Status)
}
