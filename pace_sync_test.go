package altertable_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Synchronous calls do not wait for the pace. However many they are, the queue
// gets its share beside them, and nothing of them is left when they are over.
func TestSynchronousCallsUnderARateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &tokenBucket{roundTrip: 20 * time.Millisecond, rate: 5, burst: 5}
		client, l := newLimitedClient(t, server)
		var wg sync.WaitGroup
		for i := range 3000 {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				defer cancel()
				_, _ = client.TrackSync(ctx, event(fmt.Sprint("sync", i)))
			})
			if i%200 == 0 {
				track(t, client, fmt.Sprint("e", i/200))
			}
			pass(100 * time.Millisecond)
		}
		wg.Wait()
		assert.Positive(t, client.Stats().Delivered, "the queue gets a share")
		start := time.Now()
		require.NoError(t, client.Flush(within(t, 10*time.Hour)))
		assert.Less(t, time.Since(start), 10*time.Minute)
		l.settle(t, client, numbered(15)...)
	})
}
