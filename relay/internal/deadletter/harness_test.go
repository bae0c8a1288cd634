package deadletter

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/altertable-ai/altertable-go/relay/internal/broker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A world is a broker with the streams of the tenants a and b.
type world struct {
	*Store
	js jetstream.JetStream
	t  testing.TB
}

// newWorld has a broker that does not wait for the disk: what is stored outlives no
// power failure, and no test is about that.
func newWorld(t testing.TB) *world {
	t.Helper()
	s := startServer(t, &server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, MaxPayload: broker.MaxMessage + 64<<10})
	return worldOf(t, broker.Options{URL: s.ClientURL(), Replicas: 1})
}

// newEmbeddedWorld has the broker of a relay without a cluster.
func newEmbeddedWorld(t testing.TB) *world {
	t.Helper()
	return worldOf(t, broker.Options{Data: t.TempDir()})
}

func startServer(t testing.TB, o *server.Options) *server.Server {
	t.Helper()
	o.NoSigs, o.JetStream, o.StoreDir = true, true, t.TempDir()
	s, err := server.NewServer(o)
	require.NoError(t, err)
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	return s
}

func worldOf(t testing.TB, o broker.Options) *world {
	t.Helper()
	o.Compress, o.Dedupe, o.Logger = true, 2*time.Minute, slog.New(slog.DiscardHandler)
	b, err := broker.Open(o, broker.Tenant{Name: "a", MaxBytes: 64 << 20}, broker.Tenant{Name: "b", MaxBytes: 64 << 20})
	require.NoError(t, err)
	t.Cleanup(b.Close)
	select {
	case <-b.Started():
	case <-time.After(time.Minute):
		require.Fail(t, "the broker does not start")
	}
	return &world{Store: NewStore(b.JetStream(), []string{"a", "b"}), js: b.JetStream(), t: t}
}

func message(n int) json.RawMessage {
	return fmt.Appendf(nil, `{"event":"checkout_completed","distinct_id":"u_%d","properties":{"<n>": %d}}`, n, n)
}

func letter(n int) Letter {
	return Letter{Tenant: "a", Endpoint: "track", Code: "422", Reason: "event must not be empty", Message: message(n)}
}

// put stores letters of the numbers.
func (w *world) put(numbers ...int) {
	w.t.Helper()
	for _, n := range numbers {
		require.NoError(w.t, w.Put(w.t.Context(), letter(n), fmt.Sprint("id-", n)))
	}
}

// fill stores n letters without waiting for each.
func (w *world) fill(n int) {
	w.t.Helper()
	for i := range n {
		l := letter(i)
		_, err := w.js.PublishMsgAsync(l.encode(fmt.Sprint("id-", i)))
		require.NoError(w.t, err)
		if i%1000 == 999 {
			<-w.js.PublishAsyncComplete()
		}
	}
	<-w.js.PublishAsyncComplete()
}

func (w *world) list(f Filter) (found []Letter) {
	w.t.Helper()
	require.NoError(w.t, w.List(w.t.Context(), f, func(l Letter) error {
		found = append(found, l)
		return nil
	}))
	return found
}

// sequences of the letters that the filter chooses.
func (w *world) sequences(f Filter) []uint64 {
	w.t.Helper()
	found := []uint64{}
	for _, l := range w.list(f) {
		found = append(found, l.Sequence)
	}
	return found
}

func (w *world) stream(name string) jetstream.Stream {
	w.t.Helper()
	s, err := w.js.Stream(w.t.Context(), name)
	require.NoError(w.t, err)
	return s
}

func (w *world) count(stream string) int {
	w.t.Helper()
	return int(w.stream(stream).CachedInfo().State.Msgs)
}

// onStream returns the payloads on the tenant's stream, as a drain would get them.
func (w *world) onStream(tenant string) (payloads []string) {
	w.t.Helper()
	s := w.stream(broker.Stream(tenant))
	for seq := s.CachedInfo().State.FirstSeq; seq <= s.CachedInfo().State.LastSeq; seq++ {
		if m, err := s.GetMsg(w.t.Context(), seq); err == nil {
			payloads = append(payloads, string(m.Data))
		}
	}
	return payloads
}

// change changes the tenant's stream's configuration.
func (w *world) change(name string, how func(*jetstream.StreamConfig)) {
	w.t.Helper()
	config := w.stream(name).CachedInfo().Config
	how(&config)
	_, err := w.js.UpdateStream(w.t.Context(), config)
	require.NoError(w.t, err)
}

// A faulty is a JetStream in which calls can fail.
type faulty struct {
	jetstream.JetStream
	publish func(n int) error        // before the nth publish of a replay
	delete  func(sequence int) error // before the delete of a letter, or of all up to it
	n       int
}

func (f *faulty) PublishMsgAsync(m *nats.Msg, o ...jetstream.PublishOpt) (jetstream.PubAckFuture, error) {
	f.n++
	if f.publish != nil {
		if err := f.publish(f.n); err != nil {
			return nil, err
		}
	}
	return f.JetStream.PublishMsgAsync(m, o...)
}

func (f *faulty) Stream(ctx context.Context, name string) (jetstream.Stream, error) {
	s, err := f.JetStream.Stream(ctx, name)
	return &faultyStream{s, f}, err
}

type faultyStream struct {
	jetstream.Stream
	of *faulty
}

func (s *faultyStream) DeleteMsg(ctx context.Context, seq uint64) error {
	if s.of.delete != nil {
		if err := s.of.delete(int(seq)); err != nil {
			return err
		}
	}
	return s.Stream.DeleteMsg(ctx, seq)
}

func (s *faultyStream) Purge(ctx context.Context, opts ...jetstream.StreamPurgeOpt) error {
	var request jetstream.StreamPurgeRequest
	for _, opt := range opts {
		if err := opt(&request); err != nil {
			return err
		}
	}
	if s.of.delete != nil {
		if err := s.of.delete(int(request.Sequence) - 1); err != nil {
			return err
		}
	}
	return s.Stream.Purge(ctx, opts...)
}
