package altertable_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// A limit that one endpoint alone has holds up that endpoint alone, except for
// the first wait: nobody knows then whose limit it is.
func TestLimitOfOneEndpoint(t *testing.T) {
	for _, retryAfter := range []time.Duration{0, time.Second, 30 * time.Second, 5 * time.Minute} {
		t.Run(retryAfter.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, srv, l := newClient(t, altertable.WithMaxBatchSize(1))
				srv.Always(altertabletest.Status(http.StatusTooManyRequests).RetryAfter(retryAfter).On("/track"))
				track(t, client, "first")
				pass(time.Second)
				const each = 10 * 20
				for range each {
					track(t, client, "more")
					identify(t, client, "u")
					pass(500 * time.Millisecond)
				}
				pass(5*time.Minute + 2*time.Minute)
				assert.EqualValues(t, each, client.Stats().Delivered)
				assert.Less(t, len(starts(srv, "/track")), 40)
				srv.ClearFaults()
				require.NoError(t, client.Flush(within(t, time.Hour)))
				assert.Empty(t, l.lostSoFar())
			})
		})
	}
}
