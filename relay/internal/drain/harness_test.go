package drain

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/altertable-ai/altertable-go/relay/internal/broker"
	"github.com/altertable-ai/altertable-go/relay/internal/deadletter"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		play(role)
		return
	}
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server.(*Server).startOSIOThrottle"))
}

const patience = 60 * time.Second // of a test with what must come

// until waits for a condition.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	require.Eventually(t, holds, patience, 2*time.Millisecond, what)
}

// A node is one nats-server, which can be stopped and started again.
type node struct {
	t    testing.TB
	dir  string
	port int
	srv  *server.Server
}

func newNode(t testing.TB) *node {
	n := &node{t: t, dir: t.TempDir(), port: -1}
	n.start()
	t.Cleanup(n.stop)
	return n
}

func (n *node) start() {
	srv, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: n.port, JetStream: true, StoreDir: n.dir, NoLog: true, NoSigs: true, MaxPayload: 4 << 20,
	})
	require.NoError(n.t, err)
	srv.Start()
	require.True(n.t, srv.ReadyForConnections(patience))
	n.srv = srv
	n.port = int(mustPort(srv))
}

func mustPort(srv *server.Server) int {
	var port int
	u := srv.ClientURL()
	_, _ = fmt.Sscanf(u[strings.LastIndexByte(u, ':')+1:], "%d", &port)
	return port
}

func (n *node) stop() {
	n.srv.Shutdown()
	n.srv.WaitForShutdown()
}

func (n *node) connect() jetstream.JetStream {
	conn, err := nats.Connect(n.srv.ClientURL(), nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond),
		nats.ReconnectJitter(0, 0), nats.ReconnectBufSize(-1), nats.RetryOnFailedConnect(true))
	require.NoError(n.t, err)
	n.t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	require.NoError(n.t, err)
	return js
}

// A bench is a node with a tenant's streams, and an API.
type bench struct {
	t    *testing.T
	node *node
	js   jetstream.JetStream
	sink *sink
	dead *box
	ttl  time.Duration
	ack  time.Duration
	sent int
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, node: newNode(t), sink: newSink(t), dead: &box{letters: map[string]deadletter.Letter{}}, ttl: 2 * time.Second, ack: 10 * time.Second}
	b.js = b.node.connect()
	b.makeStream()
	return b
}

func (b *bench) makeStream() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := b.js.CreateStream(ctx, jetstream.StreamConfig{
		Name: broker.Stream("acme"), Subjects: []string{"altertable.v1.acme.track", "altertable.v1.acme.alias", "altertable.v1.acme.identify.*"},
		Retention: jetstream.WorkQueuePolicy, Storage: jetstream.FileStorage, Discard: jetstream.DiscardNew, MaxMsgSize: broker.MaxMessage,
	})
	require.NoError(b.t, err)
	b.makeConsumers()
}

func (b *bench) makeConsumers() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for name, subjects := range map[string][]string{
		broker.EventsConsumer:   {"altertable.v1.acme.track", "altertable.v1.acme.alias"},
		broker.IdentifyConsumer: {"altertable.v1.acme.identify.0"},
	} {
		_, err := b.js.CreateOrUpdateConsumer(ctx, broker.Stream("acme"), jetstream.ConsumerConfig{
			Durable: name, AckPolicy: jetstream.AckExplicitPolicy, AckWait: b.ack, MaxDeliver: -1, MaxAckPending: 4096,
			FilterSubjects: subjects, PriorityPolicy: jetstream.PriorityPolicyPinned, PriorityGroups: []string{broker.Group}, PinnedTTL: b.ttl,
		})
		require.NoError(b.t, err)
	}
}

// A run is a drain that runs.
type run struct {
	*Drain
	t    *testing.T
	once sync.Once
}

// drain starts a drain with a connection of its own.
func (b *bench) drain(change ...func(*Drain)) *run {
	d, err := New(Options{
		Tenant: "acme", APIKey: "key", BaseURL: b.sink.srv.URL, PinnedTTL: b.ttl, AckWait: b.ack,
		JetStream: b.node.connect(), Logger: testLogger(b.t),
	})
	require.NoError(b.t, err)
	d.dead = b.dead
	d.pauseFor = 100 * time.Millisecond
	d.attempt = patience // of a busy machine: an answer that comes too late is a batch that comes twice
	for _, f := range change {
		f(d)
	}
	r := &run{Drain: d, t: b.t}
	go d.Run()
	b.t.Cleanup(func() { r.stop() })
	return r
}

func (r *run) stop() {
	r.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_ = r.Shutdown(ctx)
		<-r.over
	})
}

// kill ends a drain as kill -9 does: nothing more reaches the broker or the API. What is
// under way at the API ends before it returns, which then is called for.
func (r *run) kill(then func()) {
	r.once.Do(func() {
		r.mu.Lock()
		s := r.session
		r.mu.Unlock()
		s.fence.shut()
		r.broker.conn.Close()
		then()
		_ = r.Shutdown(ended)
		<-r.over
	})
}

func testLogger(t *testing.T) *slog.Logger {
	if testing.Verbose() {
		return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo}))
	}
	return slog.New(slog.DiscardHandler)
}

// publish puts one JetStream message on the stream.
func (b *bench) publish(endpoint, id string, payload []byte, headers ...string) {
	b.t.Helper()
	m := &nats.Msg{Subject: broker.Subject("acme", endpoint), Data: payload, Header: nats.Header{}}
	if id != "" {
		m.Header.Set(nats.MsgIdHdr, id)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		m.Header.Set(headers[i], headers[i+1])
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		limit, end := context.WithTimeout(ctx, 2*time.Second) // what a broker that is stopping reads is lost
		_, err := b.js.PublishMsg(limit, m)
		end()
		if err == nil {
			return
		}
		require.NoError(b.t, ctx.Err(), err)
		time.Sleep(10 * time.Millisecond) // the broker is away
	}
}

// event is one message of the API with a number by which the sink knows it.
func event(endpoint, environment string, n int, person, more string) string {
	head := fmt.Sprintf(`{"environment":%q,"distinct_id":%q,"timestamp":"2026-01-02T03:04:05.%06dZ"`, environment, person, n%1_000_000)
	switch endpoint {
	case "track":
		return head + fmt.Sprintf(`,"event":"checkout_completed","properties":{"n":%d%s}}`, n, more)
	case "identify":
		return head + fmt.Sprintf(`,"traits":{"n":%d%s}}`, n, more)
	}
	return head + fmt.Sprintf(`,"new_user_id":"n%d"}`, n)
}

// send publishes a message of that many events, and tells the sink of them.
func (b *bench) send(endpoint string, events int) { b.sendIn("production", endpoint, events) }

func (b *bench) sendIn(environment, endpoint string, events int) {
	var parts []string
	for range events {
		parts = append(parts, event(endpoint, environment, b.sent, fmt.Sprintf("u%d", b.sent%7), ""))
		b.sink.expect(endpoint, b.sent)
		b.sent++
	}
	b.publish(endpoint, fmt.Sprintf("m-%s-%d", endpoint, b.sent), []byte("["+strings.Join(parts, ",")+"]"))
}

// empty reports whether nothing is left on the stream.
func (b *bench) empty() bool {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	stream, err := b.js.Stream(ctx, broker.Stream("acme"))
	return err == nil && stream.CachedInfo().State.Msgs == 0
}

// A box keeps dead letters in memory.
type box struct {
	mu      sync.Mutex
	letters map[string]deadletter.Letter
	away    bool
	tried   int
	most    int // bytes of a message; 0: any
}

func (b *box) Put(_ context.Context, l deadletter.Letter, id string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tried++
	if b.away {
		return nats.ErrNoResponders
	}
	if b.most > 0 && len(l.Message) > b.most {
		return fmt.Errorf("no: %w", deadletter.ErrTooLarge)
	}
	if _, known := b.letters[id]; !known {
		b.letters[id] = l
	}
	return nil
}

func (b *box) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.letters)
}

func (b *box) setAway(away bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.away = away
}

func (b *box) tries() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.tried
}

// A sink is an API that knows every event: which were lost, which came twice, and in
// which order each person's were first applied.
type sink struct {
	srv *httptest.Server

	mu       sync.Mutex
	expected map[int]string // endpoint
	applied  map[int]int
	order    map[string][]int // numbers by person, of identify's first applications
	requests int
	answer   func(w http.ResponseWriter, path string, events []sunk) bool // true: it has answered, and nothing is stored
	after    func(w http.ResponseWriter) bool                             // called when it is stored; true: it has answered
}

type sunk struct {
	Environment string `json:"environment"`
	DistinctID  string `json:"distinct_id"`
	NewUserID   string `json:"new_user_id"`
	Properties  props  `json:"properties"`
	Traits      props  `json:"traits"`
}

type props struct {
	N      *int `json:"n"`
	Poison bool `json:"poison"`
}

func newSink(t testing.TB) *sink {
	s := &sink{expected: map[int]string{}, applied: map[int]int{}, order: map[string][]int{}}
	s.srv = httptest.NewServer(s)
	t.Cleanup(s.srv.Close)
	return s
}

func (s *sink) expect(endpoint string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expected[n] = endpoint
}

func (s *sink) setAnswer(f func(w http.ResponseWriter, path string, events []sunk) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = f
}

func (s *sink) setAfter(f func(w http.ResponseWriter) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.after = f
}

func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.mu.Lock()
	s.requests++
	answer, after := s.answer, s.after
	s.mu.Unlock()
	var events []sunk
	if err := json.Unmarshal(body, &events); err != nil {
		refuseWith(w, 400, "invalid-json")
		return
	}
	if answer != nil && answer(w, r.URL.Path, events) {
		return
	}
	for _, e := range events {
		if e.Properties.Poison || e.Traits.Poison {
			refuseWith(w, 422, "invalid-event")
			return
		}
	}
	s.store(r.URL.Path, events)
	if after != nil && after(w) {
		return
	}
	_, _ = io.WriteString(w, `{"ok":true}`)
}

func (s *sink) store(path string, events []sunk) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range events {
		n := -1
		switch {
		case e.Properties.N != nil:
			n = *e.Properties.N
		case e.Traits.N != nil:
			n = *e.Traits.N
		case e.NewUserID != "":
			_, _ = fmt.Sscanf(e.NewUserID, "n%d", &n)
		}
		if s.applied[n]++; s.applied[n] == 1 && path == "/identify" {
			s.order[e.Environment+"/"+e.DistinctID] = append(s.order[e.Environment+"/"+e.DistinctID], n)
		}
	}
}

func refuseWith(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"error_code":%q}`, code)
}

// account returns how many expected events did not come, and how many came too often.
func (s *sink) account() (lost, twice int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n := range s.expected {
		if s.applied[n] == 0 {
			lost++
		}
	}
	for _, times := range s.applied {
		twice += times - 1
	}
	return lost, twice
}

func (s *sink) all() bool { lost, _ := s.account(); return lost == 0 }

func (s *sink) countRequests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

func (s *sink) countApplied() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.applied)
}

// requireOrder checks that each person's identifies were first applied in order.
func (s *sink) requireOrder(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for person, numbers := range s.order {
		require.IsIncreasing(t, append([]int{-1}, numbers...), person)
	}
}

// requireAll waits until everything was delivered and acknowledged, and checks how
// many came twice, and the order.
func (b *bench) requireAll(twice int) {
	b.t.Helper()
	until(b.t, "all delivered", b.sink.all)
	until(b.t, "all acknowledged", b.empty)
	_, repeated := b.sink.account()
	require.LessOrEqual(b.t, repeated, twice, "twice")
	b.sink.requireOrder(b.t)
}
