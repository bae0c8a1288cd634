package intake_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/altertable-ai/altertable-go/relay/internal/broker"
	"github.com/altertable-ai/altertable-go/relay/internal/gather"
	"github.com/altertable-ai/altertable-go/relay/internal/intake"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is for what has to come, and measures nothing.
const patience = time.Minute

const (
	token        = "rt_server_0123456789"
	browserToken = "rt_browser_0123456789"
)

// acme is a tenant with a token of each kind.
func acme() intake.Tenant {
	return intake.Tenant{Name: "acme", Tokens: []intake.Token{{SHA256: sha256.Sum256([]byte(token))}, {SHA256: sha256.Sum256([]byte(browserToken)), Browser: true}}}
}

// A service is an intake on an embedded broker, as the relay has it.
type service struct {
	*intake.Intake
	URL    string
	client *http.Client
	broker *broker.Broker
	log    *record
}

// start starts a service that ends with the test. Options that are set stay.
func start(t testing.TB, o intake.Options) *service {
	t.Helper()
	return startOn(t, openBroker(t, o.Tenants...), o)
}

func openBroker(t testing.TB, tenants ...intake.Tenant) *broker.Broker {
	t.Helper()
	if len(tenants) == 0 {
		tenants = []intake.Tenant{acme()}
	}
	var streams []broker.Tenant
	for _, tenant := range tenants {
		streams = append(streams, broker.Tenant{Name: tenant.Name, MaxBytes: 64 << 20})
	}
	return openStreams(t, streams...)
}

func openStreams(t testing.TB, streams ...broker.Tenant) *broker.Broker {
	t.Helper()
	b, err := broker.Open(broker.Options{Data: t.TempDir()}, streams...)
	require.NoError(t, err)
	t.Cleanup(b.Close)
	select {
	case <-b.Started():
	case <-time.After(time.Minute):
		require.FailNow(t, "the broker does not start")
	}
	return b
}

func startOn(t testing.TB, b *broker.Broker, o intake.Options) *service {
	t.Helper()
	s := &service{broker: b, log: new(record)}
	if o.Tenants == nil {
		o.Tenants = []intake.Tenant{acme()}
	}
	if o.JetStream == nil && b != nil {
		o.JetStream, o.Gather = b.JetStream, gathering(t, b)
	}
	o.Logger = slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s.Intake = intake.New(o)
	s.SetTimes(patience, patience) // a machine that is busy takes longer than users should have to wait
	server := httptest.NewServer(s.Intake)
	t.Cleanup(server.Close)
	s.URL, s.client = server.URL, server.Client()
	return s
}

// gathering returns what lets requests share messages, as with the embedded broker.
func gathering(t testing.TB, b *broker.Broker) func() *gather.Gatherer {
	t.Helper()
	g := gather.New(b.JetStream(), 2*time.Minute, func() bool { return b.Writable() == nil })
	t.Cleanup(g.Close)
	return func() *gather.Gatherer { return g }
}

// A record keeps what is logged.
type record struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// A reply is an answer that was read.
type reply struct {
	status int
	code   string
	header http.Header
	body   string
}

func (s *service) request(t testing.TB, path, body string, header ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+path, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-API-Key", token)
	for i := 0; i < len(header); i += 2 {
		if r.Header.Del(header[i]); header[i+1] != "" {
			r.Header.Set(header[i], header[i+1])
		}
	}
	return r
}

// post sends a body. header are names and values; an empty value takes one away.
func (s *service) post(t testing.TB, path, body string, header ...string) reply {
	t.Helper()
	return s.do(t, s.request(t, path, body, header...))
}

func (s *service) do(t testing.TB, r *http.Request) reply {
	t.Helper()
	resp, err := s.client.Do(r)
	require.NoError(t, err)
	return read(t, resp)
}

func read(t testing.TB, resp *http.Response) reply {
	t.Helper()
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	a := reply{status: resp.StatusCode, header: resp.Header, body: string(text)}
	if resp.Header.Get("Content-Type") == "application/json" {
		var shape struct {
			OK   *bool   `json:"ok"`
			Code *string `json:"error_code"`
		}
		require.NoError(t, json.Unmarshal(text, &shape), a.body)
		require.NotNil(t, shape.OK, a.body)
		require.Equal(t, a.status == 200, *shape.OK, a.body)
		if shape.Code != nil {
			a.code = *shape.Code
		}
	}
	return a
}

// A message is one of the stream.
type message struct {
	subject string
	header  nats.Header
	data    string
	events  []map[string]any
}

func streamOf(t testing.TB, b *broker.Broker, tenant string) jetstream.Stream {
	t.Helper()
	stream, err := b.JetStream().Stream(t.Context(), broker.Stream(tenant))
	require.NoError(t, err)
	return stream
}

// stored returns what is on the tenant's stream.
func (s *service) stored(t testing.TB, tenant string) []message {
	t.Helper()
	stream := streamOf(t, s.broker, tenant)
	var all []message
	if stream.CachedInfo().State.Msgs == 0 {
		return nil
	}
	for n := stream.CachedInfo().State.FirstSeq; n <= stream.CachedInfo().State.LastSeq; n++ {
		raw, err := stream.GetMsg(t.Context(), n)
		require.NoError(t, err)
		m := message{subject: raw.Subject, header: raw.Header, data: string(raw.Data)}
		require.NoError(t, json.Unmarshal(raw.Data, &m.events))
		all = append(all, m)
	}
	return all
}

func (s *service) events(t testing.TB, tenant string) []map[string]any {
	t.Helper()
	var all []map[string]any
	for _, m := range s.stored(t, tenant) {
		all = append(all, m.events...)
	}
	return all
}

// track returns an event with a timestamp.
func track(n int) string {
	return fmt.Sprintf(`{"environment":"production","event":"signed_up","properties":{"$ip":0,"n":%d},"distinct_id":"u_%d","timestamp":"2026-11-27T12:00:00.%06dZ"}`, n, n, n)
}

func list(n int, each func(int) string) string {
	all := make([]string, n)
	for i := range all {
		all[i] = each(i)
	}
	return "[" + strings.Join(all, ",") + "]"
}

// A wrapped JetStream publishes as it is told.
type wrapped struct {
	jetstream.JetStream
	publish func(ctx context.Context, m *nats.Msg, publish func(context.Context) (*jetstream.PubAck, error)) (*jetstream.PubAck, error)
}

func (w wrapped) PublishMsg(ctx context.Context, m *nats.Msg, o ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	return w.publish(ctx, m, func(ctx context.Context) (*jetstream.PubAck, error) { return w.JetStream.PublishMsg(ctx, m, o...) })
}

// wrap returns a function for Options.JetStream.
func wrap(b *broker.Broker, publish func(ctx context.Context, m *nats.Msg, publish func(context.Context) (*jetstream.PubAck, error)) (*jetstream.PubAck, error)) func() jetstream.JetStream {
	return func() jetstream.JetStream { return wrapped{b.JetStream(), publish} }
}
