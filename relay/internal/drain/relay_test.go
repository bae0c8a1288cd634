package drain

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/relay/internal/broker"
	"github.com/altertable-ai/altertable-go/relay/internal/deadletter"
	"github.com/altertable-ai/altertable-go/relay/internal/metrics"
)

// openBroker opens the relay's own embedded broker on a directory.
func openBroker(t *testing.T, dir string) *broker.Broker {
	b, err := broker.Open(broker.Options{Data: dir, Compress: true, Logger: testLogger(t)}, broker.Tenant{Name: "acme", MaxBytes: 1 << 30})
	require.NoError(t, err)
	t.Cleanup(b.Close)
	select {
	case <-b.Started():
	case <-time.After(patience):
		t.Fatal("the broker did not start")
	}
	return b
}

// The embedded broker, its dead letters and the drain, as the command puts them
// together: undelivered messages and dead letters survive a restart of all of it.
func TestWithTheRelaysOwnBroker(t *testing.T) {
	dir, api := t.TempDir(), newSink(t)
	begin := func() (*broker.Broker, *deadletter.Store, *Drain) {
		b := openBroker(t, dir)
		dead := deadletter.NewStore(b.JetStream(), []string{"acme"})
		d, err := New(Options{
			Tenant: "acme", APIKey: "key", BaseURL: api.srv.URL, JetStream: b.JetStream(), Dead: dead,
			Metrics: metrics.New([]string{"acme"}), Logger: testLogger(t),
		})
		require.NoError(t, err)
		go d.Run()
		return b, dead, d
	}
	publish := func(b *broker.Broker, n int) {
		for i := range n {
			more := ""
			if i%10 == 3 {
				more = `,"poison":true`
			} else {
				api.expect("track", i)
			}
			_, err := b.JetStream().PublishMsg(t.Context(), &nats.Msg{
				Subject: broker.Subject("acme", "track"), Data: []byte("[" + event("track", "production", i, "u", more) + "]"),
				Header: nats.Header{nats.MsgIdHdr: {fmt.Sprint(i)}},
			})
			require.NoError(t, err)
		}
	}
	api.setAnswer(func(w http.ResponseWriter, _ string, _ []sunk) bool { w.WriteHeader(503); return true })
	b, _, d := begin()
	publish(b, 100)
	until(t, "held", func() bool { return d.Status().Held == 100 })
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	require.Error(t, d.Shutdown(ctx))
	b.Close()

	api.setAnswer(nil)
	b, dead, d := begin()
	until(t, "delivered", api.all)
	until(t, "settled", func() bool { return d.Status().Held == 0 })
	require.NoError(t, d.Shutdown(t.Context()))
	_, twice := api.account()
	assert.Zero(t, twice)
	letters := 0
	require.NoError(t, dead.List(t.Context(), deadletter.Filter{Tenant: "acme"}, func(l deadletter.Letter) error {
		letters++
		assert.Equal(t, "invalid-event", l.Code)
		return nil
	}))
	assert.Equal(t, 10, letters)
	b.Close()
}
