package natsqueue_test

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/natsqueue"
)

// track sends one event of that number.
func track(t testing.TB, client *altertable.Client, n int) {
	t.Helper()
	require.NoError(t, client.Track(ctx, altertable.Track{Event: "checkout_completed", DistinctID: "u_42", Properties: altertable.Properties{"n": n}}))
}

func TestBrokerThatIsAwayAtTheStart(t *testing.T) {
	t.Parallel()
	p := newProxy(t)
	js := connect(t, p.url())
	client := newClient(t, natsqueue.New(js, "acme"))
	track(t, client, 1)
	require.Eventually(t, func() bool { return p.accepted.Load() > 0 }, patience, time.Millisecond)

	srv := startServer(t)
	stream := newStream(t, connect(t, srv.ClientURL()), "acme")
	p.leadTo(srv.Addr().String())
	require.NoError(t, client.Flush(within(t)))
	assert.Len(t, events(t, stream), 1)
	assert.Zero(t, waiting(js.Conn()), "attempts while there was no connection left nothing")
}

func TestBrokerThatIsRestarted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := startServer(t, func(o *server.Options) { o.StoreDir = dir })
	p := newProxy(t)
	p.leadTo(first.Addr().String())
	js := connect(t, p.url())
	newStream(t, js, "acme")
	client := newClient(t, natsqueue.New(js, "acme"))
	track(t, client, 1)
	require.NoError(t, client.Flush(within(t)))

	p.leadTo("")
	first.Shutdown()
	first.WaitForShutdown()
	track(t, client, 2)
	second := startServer(t, func(o *server.Options) { o.StoreDir = dir })
	p.leadTo(second.Addr().String())
	require.NoError(t, client.Flush(within(t)))

	stream, err := js.Stream(within(t), "ALTERTABLE_acme")
	require.NoError(t, err)
	assert.Len(t, events(t, stream), 2)
}

// Twice in a row the server refuses the credentials that it takes later.
func TestCredentialsThatAreRefusedForAWhile(t *testing.T) {
	t.Parallel()
	user := func(o *server.Options) { o.Username, o.Password = "producer", "new" }
	p := newProxy(t)
	refusing := startServer(t, func(o *server.Options) { o.Username, o.Password = "producer", "old" })
	taking := startServer(t, user)
	stream := newStream(t, connect(t, taking.ClientURL(), nats.UserInfo("producer", "new")), "acme")

	p.leadTo(refusing.Addr().String())
	js := connect(t, p.url(), nats.UserInfo("producer", "new"))
	client := newClient(t, natsqueue.New(js, "acme"))
	track(t, client, 1)
	require.Eventually(t, func() bool { return refusing.NumClients() == 0 && p.accepted.Load() > 3 }, patience, time.Millisecond)
	p.leadTo(taking.Addr().String())
	require.NoError(t, client.Flush(within(t)))
	assert.Len(t, events(t, stream), 1)
}

// The options are those that the documentation gives reasons for.
func TestConnectOptions(t *testing.T) {
	o := nats.GetDefaultOptions()
	for _, option := range natsqueue.ConnectOptions() {
		require.NoError(t, option(&o))
	}
	assert.Equal(t, -1, o.MaxReconnect)
	assert.Equal(t, -1, o.ReconnectBufSize)
	assert.True(t, o.RetryOnFailedConnect)
	assert.True(t, o.IgnoreAuthErrorAbort)
	assert.Equal(t, 10*time.Second, o.PingInterval)
	assert.Equal(t, 2, o.MaxPingsOut)
	assert.Equal(t, 5*time.Second, o.FlusherTimeout)
}

// A batch that no connection takes waits in the client's queue, and nowhere else.
func TestNothingIsBufferedByTheConnection(t *testing.T) {
	t.Parallel()
	js := connect(t, newProxy(t).url())
	queue := natsqueue.New(js, "acme")
	assert.Equal(t, "not-connected", sendSoon(t, queue, `[{}]`).Code)
	pending, err := js.Conn().Buffered()
	require.NoError(t, err)
	assert.Zero(t, pending)
	assert.Zero(t, js.Conn().Stats().OutMsgs)
	assert.Zero(t, waiting(js.Conn()))
}

// A broker that is there but reads nothing holds up no request beyond its context.
func TestBrokerThatDoesNotRead(t *testing.T) {
	t.Parallel()
	srv := startServer(t)
	newStream(t, connect(t, srv.ClientURL()), "acme")
	p := newProxy(t)
	p.leadTo(srv.Addr().String())
	js := connect(t, p.url())
	require.NoError(t, js.Conn().FlushWithContext(within(t)))
	queue := natsqueue.New(js, "acme")
	p.pause()
	defer p.resume()
	body := `["` + string(make([]byte, 900<<10)) + `"]`
	for n := range 32 { // more than what sockets take
		c, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
		defer cancel()
		response, err := queue.RoundTrip(post(t, "/track", body[:len(body)-n]).WithContext(c))
		if err == nil {
			assert.Equal(t, "no-acknowledgement", read(t, response).Code)
			continue
		}
		require.ErrorIs(t, err, context.DeadlineExceeded)
		return
	}
	t.Fatal("every write was taken")
}
