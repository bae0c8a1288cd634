package natsqueue_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/natsqueue"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(play(role))
	}
	goleak.VerifyTestMain(m)
}

var ctx = context.Background()

// patience is how long a test waits for what has to come.
const patience = 2 * time.Minute

// startServer starts a NATS server with JetStream in this process.
func startServer(t testing.TB, change ...func(*server.Options)) *server.Server {
	t.Helper()
	o := &server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true}
	for _, f := range change {
		f(o)
	}
	srv, err := server.NewServer(o)
	require.NoError(t, err)
	srv.Start()
	t.Cleanup(func() {
		srv.Shutdown()
		srv.WaitForShutdown()
	})
	require.True(t, srv.ReadyForConnections(patience))
	return srv
}

// connect connects as a service does, except that it tries again sooner.
func connect(t testing.TB, url string, opts ...nats.Option) jetstream.JetStream {
	t.Helper()
	opts = append(append(natsqueue.ConnectOptions(), nats.ReconnectWait(20*time.Millisecond), nats.ReconnectJitter(0, 0),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})), opts...) // else it writes them out
	nc, err := nats.Connect(url, opts...)
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	return js
}

// streamConfig is that of a tenant's stream, as the relay makes it.
func streamConfig(tenant string) jetstream.StreamConfig {
	prefix := "altertable.v1." + tenant + "."
	return jetstream.StreamConfig{
		Name:        "ALTERTABLE_" + tenant,
		Subjects:    []string{prefix + "track", prefix + "alias", prefix + "identify.*"},
		Retention:   jetstream.WorkQueuePolicy,
		Storage:     jetstream.FileStorage,
		Compression: jetstream.S2Compression,
		Discard:     jetstream.DiscardNew,
		MaxBytes:    1 << 30,
		MaxMsgSize:  2 << 20,
		Duplicates:  2 * time.Minute,
		Replicas:    1,
	}
}

// newStream makes the stream of a tenant.
func newStream(t testing.TB, js jetstream.JetStream, tenant string, change ...func(*jetstream.StreamConfig)) jetstream.Stream {
	t.Helper()
	config := streamConfig(tenant)
	for _, f := range change {
		f(&config)
	}
	stream, err := js.CreateStream(ctx, config)
	require.NoError(t, err)
	return stream
}

// newQueue starts a server that has tenant acme's stream, and returns a queue to it.
func newQueue(t testing.TB, change ...func(*jetstream.StreamConfig)) (http.RoundTripper, jetstream.Stream) {
	t.Helper()
	js := connect(t, startServer(t).ClientURL())
	stream := newStream(t, js, "acme", change...)
	return natsqueue.New(js, "acme"), stream
}

// newClient returns a client that sends through a queue.
func newClient(t testing.TB, queue http.RoundTripper, opts ...altertable.Option) *altertable.Client {
	t.Helper()
	opts = append([]altertable.Option{
		altertable.WithHTTPClient(&http.Client{Transport: queue}),
		altertable.WithLogger(slog.New(slog.DiscardHandler)),
		altertable.WithFlushInterval(5 * time.Millisecond),
		altertable.WithRetry(altertable.RetryPolicy{InitialInterval: 10 * time.Millisecond, MaxInterval: 50 * time.Millisecond}),
	}, opts...)
	client, err := altertable.New("pk_secret", opts...)
	require.NoError(t, err)
	t.Cleanup(func() {
		over, cancel := context.WithCancel(context.Background())
		cancel()
		_ = client.Shutdown(over) // what a test leaves is of no interest
	})
	return client
}

// within is a context that ends when a test would hang.
func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// A message is one on a stream.
type message struct {
	subject string
	header  nats.Header
	data    []byte
}

// stored returns what is on the stream, in order.
func stored(t testing.TB, stream jetstream.Stream) []message {
	t.Helper()
	info, err := stream.Info(within(t))
	require.NoError(t, err)
	var all []message
	for seq := info.State.FirstSeq; info.State.Msgs > 0 && seq <= info.State.LastSeq; seq++ {
		m, err := stream.GetMsg(within(t), seq)
		require.NoError(t, err)
		all = append(all, message{m.Subject, m.Header, m.Data})
	}
	return all
}

// events returns the messages of the SDK that are on the stream, in order.
func events(t testing.TB, stream jetstream.Stream) []map[string]any {
	t.Helper()
	var all []map[string]any
	for _, m := range stored(t, stream) {
		var batch []map[string]any
		if bytes.HasPrefix(m.data, []byte("{")) {
			batch = make([]map[string]any, 1)
			require.NoError(t, json.Unmarshal(m.data, &batch[0]))
		} else {
			require.NoError(t, json.Unmarshal(m.data, &batch))
		}
		all = append(all, batch...)
	}
	return all
}

// post returns a request as the client makes it.
func post(t testing.TB, path string, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(within(t), http.MethodPost, "https://api.altertable.ai"+path, bytes.NewReader([]byte(body)))
	require.NoError(t, err)
	r.Header.Set("X-API-Key", "pk_secret")
	return r
}

// An answer is what a RoundTripper said.
type answer struct {
	Status  int
	OK      bool   `json:"ok"`
	Code    string `json:"error_code"`
	Message string `json:"message"`
}

// send makes the request and reads the answer.
func send(t testing.TB, queue http.RoundTripper, r *http.Request) answer {
	t.Helper()
	response, err := queue.RoundTrip(r)
	require.NoError(t, err)
	return read(t, response)
}

func read(t testing.TB, response *http.Response) answer {
	t.Helper()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	a := answer{Status: response.StatusCode}
	require.NoError(t, json.Unmarshal(body, &a))
	return a
}
