package intake_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/relay/internal/intake"
)

func (s *service) newClient(t *testing.T, key string, o ...altertable.Option) *altertable.Client {
	t.Helper()
	c, err := altertable.New(key, append([]altertable.Option{
		altertable.WithBaseURL(s.URL), altertable.WithLogger(slog.New(slog.DiscardHandler)),
		altertable.WithRetry(altertable.RetryPolicy{InitialInterval: time.Millisecond, MaxInterval: 10 * time.Millisecond}),
	}, o...)...)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		assert.NoError(t, c.Shutdown(ctx))
	})
	return c
}

func TestTheSDKsMessagesAreStoredAsItSendsThem(t *testing.T) {
	s := start(t, intake.Options{})
	c := s.newClient(t, token)
	require.NoError(t, c.Identify(t.Context(), altertable.Identify{DistinctID: "u_1", Traits: altertable.Traits{"plan": "pro"}}))
	require.NoError(t, c.Flush(t.Context()))
	for range 250 {
		require.NoError(t, c.Track(t.Context(), altertable.Track{Event: "plan_upgraded", DistinctID: "u_1", Properties: altertable.Properties{"seats": 5}}))
	}
	require.NoError(t, c.Flush(t.Context()))
	require.NoError(t, c.Alias(t.Context(), altertable.Alias{DistinctID: "stripe:cus_1", NewUserID: "u_1"}))
	require.NoError(t, c.Flush(t.Context()))
	all := s.events(t, "acme")
	require.Len(t, all, 252)
	assert.Equal(t, map[string]any{"plan": "pro"}, all[0]["traits"])
	assert.Equal(t, "stripe:cus_1", all[251]["distinct_id"])
	for _, e := range all[1:251] {
		require.Equal(t, 5.0, e["properties"].(map[string]any)["seats"])
		require.Equal(t, 0.0, e["properties"].(map[string]any)["$ip"])
	}
	assert.EqualValues(t, 252, c.Stats().Delivered)
}

// losing is a RoundTripper that loses the first answer to every body.
type losing struct {
	inner http.RoundTripper
	seen  sync.Map
	n     atomic.Int64
}

func (l *losing) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := r.GetBody()
	if err != nil {
		return nil, err
	}
	text, _ := io.ReadAll(body)
	resp, err := l.inner.RoundTrip(r)
	if _, again := l.seen.LoadOrStore(string(text), true); err == nil && !again {
		l.n.Add(1)
		_ = resp.Body.Close()
		return nil, errors.New("connection reset")
	}
	return resp, err
}

func TestARetryAfterALostAnswerIsStoredOnce(t *testing.T) {
	s := start(t, intake.Options{})
	lossy := &losing{inner: s.client.Transport}
	c := s.newClient(t, token, altertable.WithHTTPClient(&http.Client{Transport: lossy}), altertable.WithMaxBatchSize(10))
	for n := range 100 {
		require.NoError(t, c.Track(t.Context(), altertable.Track{Event: "signed_up", DistinctID: "u_1", Properties: altertable.Properties{"n": n}}))
		require.NoError(t, c.Identify(t.Context(), altertable.Identify{DistinctID: "u_1", Traits: altertable.Traits{"n": n}}))
	}
	require.NoError(t, c.Flush(t.Context()))
	seen := map[any]int{}
	lastTrait := -1.0
	for _, e := range s.events(t, "acme") {
		if traits, ok := e["traits"].(map[string]any); ok {
			require.Greater(t, traits["n"], lastTrait, "identifies are out of order")
			lastTrait = traits["n"].(float64)
		} else {
			seen[e["properties"].(map[string]any)["n"]]++
		}
	}
	assert.Len(t, seen, 100)
	for n, times := range seen {
		assert.Equal(t, 1, times, n)
	}
	assert.Equal(t, 99.0, lastTrait)
	assert.GreaterOrEqual(t, lossy.n.Load(), int64(20))
}

func TestTheSDKHoldsEventsWhileTheBrokerIsAway(t *testing.T) {
	b := openBroker(t)
	var away atomic.Bool
	away.Store(true)
	asked := make(chan bool, 1000)
	s := startOn(t, b, intake.Options{JetStream: func() jetstream.JetStream {
		asked <- true
		if away.Load() {
			return nil
		}
		return b.JetStream()
	}})
	c := s.newClient(t, token)
	require.NoError(t, c.Track(t.Context(), altertable.Track{Event: "signed_up", DistinctID: "u_1"}))
	flushed := make(chan error, 1)
	go func() { flushed <- c.Flush(t.Context()) }()
	<-asked
	away.Store(false)
	require.NoError(t, <-flushed)
	assert.Len(t, s.events(t, "acme"), 1)
}

func TestASynchronousCallOfTheSDK(t *testing.T) {
	b := openBroker(t)
	s := startOn(t, b, intake.Options{JetStream: wrap(b, func(ctx context.Context, m *nats.Msg, publish func(context.Context) (*jetstream.PubAck, error)) (*jetstream.PubAck, error) {
		ack, err := publish(ctx)
		answer := `{"status":200,"code":"","task_id":"task-1"}`
		if strings.Contains(string(m.Data), "refused_event") {
			answer = `{"status":422,"code":"invalid","task_id":""}`
		}
		assert.NoError(t, b.Conn().Publish(m.Header.Get("Altertable-Outcome"), []byte(answer)))
		return ack, err
	})})
	c := s.newClient(t, token)
	resp, err := c.TrackSync(t.Context(), altertable.Track{Event: "signed_up", DistinctID: "u_1"})
	require.NoError(t, err)
	assert.True(t, resp.OK)
	assert.Equal(t, "task-1", resp.TaskID)
	_, err = c.IdentifySync(t.Context(), altertable.Identify{DistinctID: "u_1"})
	require.NoError(t, err)
	_, err = c.AliasSync(t.Context(), altertable.Alias{DistinctID: "a_1", NewUserID: "u_1"})
	require.NoError(t, err)
	_, err = c.TrackSync(t.Context(), altertable.Track{Event: "refused_event", DistinctID: "u_1"})
	var refusal *altertable.APIError
	require.ErrorAs(t, err, &refusal)
	assert.Equal(t, 422, refusal.StatusCode)
	assert.Equal(t, "invalid", refusal.Code)
}

func TestAWrongTokenIsTheSDKsErrUnauthorized(t *testing.T) {
	s := start(t, intake.Options{})
	c := s.newClient(t, "wrong")
	_, err := c.TrackSync(t.Context(), altertable.Track{Event: "signed_up", DistinctID: "u_1"})
	require.ErrorIs(t, err, altertable.ErrUnauthorized)
}
