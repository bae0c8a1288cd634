package broker

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("BROKER_TEST_CHILD"); dir != "" {
		child(dir)
		return
	}
	goleak.VerifyTestMain(m)
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

func (r *record) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(r, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func (r *record) count(s string) int { return strings.Count(r.String(), s) }

// patience is for what has to come, and measures nothing.
const patience = 2 * time.Minute

func ctxOf(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func small(names ...string) []Tenant {
	tenants := make([]Tenant, len(names))
	for i, n := range names {
		tenants[i] = Tenant{Name: n, MaxBytes: 64 << 20}
	}
	return tenants
}

// open returns a broker that has started and is closed at the end of the test.
func open(t *testing.T, o Options, tenants ...Tenant) *Broker {
	t.Helper()
	if len(tenants) == 0 {
		tenants = small("acme")
	}
	b, err := Open(o, tenants...)
	require.NoError(t, err)
	t.Cleanup(b.Close)
	waitStarted(t, b)
	return b
}

func waitStarted(t *testing.T, b *Broker) {
	t.Helper()
	select {
	case <-b.Started():
	case <-time.After(patience):
		require.Fail(t, "not started", "%v", b.Ready(t.Context()))
	}
}

func publish(t *testing.T, b *Broker, tenant, text string, o ...jetstream.PublishOpt) *jetstream.PubAck {
	t.Helper()
	ack, err := b.JetStream().Publish(ctxOf(t, patience), Subject(tenant, "track"), []byte(text), o...)
	require.NoError(t, err)
	return ack
}

func messages(t *testing.T, b *Broker, tenant string) uint64 {
	t.Helper()
	s, err := b.JetStream().Stream(ctxOf(t, patience), Stream(tenant))
	require.NoError(t, err)
	return s.CachedInfo().State.Msgs
}

// bodyOf is n events of about 460 bytes, as JSON.
func bodyOf(t testing.TB, n int) []byte {
	t.Helper()
	type event struct {
		Event      string            `json:"event"`
		Properties map[string]string `json:"properties"`
	}
	events := make([]event, n)
	for i := range events {
		events[i] = event{"checkout_completed", map[string]string{"plan": "pro", "note": strings.Repeat("x", 380)}}
	}
	data, err := json.Marshal(events)
	require.NoError(t, err)
	return data
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	require.Eventually(t, is, patience, 20*time.Millisecond, what)
}
