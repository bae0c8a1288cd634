package drain

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What is delivered while the broker is away cannot be acknowledged, and would be
// delivered again by the next process.
func TestNothingIsSentWhileTheBrokerIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		api := roundTrip(func(r *http.Request) (*http.Response, error) {
			sent++
			return &http.Response{StatusCode: 200, Body: http.NoBody, Request: r}, nil
		})
		d, err := New(Options{Tenant: "acme", APIKey: "key", Transport: api, Logger: testLogger(t)})
		require.NoError(t, err)
		s, err := d.newSession(opening{})
		require.NoError(t, err)
		defer func() { _ = s.client.Shutdown(ended); s.cancel() }()
		d.leases[eventsLane].take("a")
		d.leases[eventsLane].confirm("a", time.Now().Add(time.Hour))
		send := func() error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://api/track", http.NoBody)
			require.NoError(t, err)
			answer, err := s.fence.RoundTrip(r)
			if err == nil {
				_ = answer.Body.Close()
			}
			return err
		}
		d.broker.conn = new(nats.Conn) // which is not connected
		assert.ErrorIs(t, send(), context.DeadlineExceeded)
		assert.Zero(t, sent)
		d.broker.conn = nil
		assert.NoError(t, send())
		assert.Equal(t, 1, sent)
	})
}
