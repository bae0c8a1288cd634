package altertable_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
)

// A noisyServer answers a share of the requests with 429, whatever their rate
// is: one overloaded backend of several behind a balancer.
type noisyServer struct {
	mu    sync.Mutex
	r     *rand.Rand
	share float64
}

func (s *noisyServer) RoundTrip(r *http.Request) (*http.Response, error) {
	<-time.After(20 * time.Millisecond)
	_ = r.Body.Close() // it returns nil
	answer := &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.r.Float64() < s.share {
		answer.StatusCode = http.StatusTooManyRequests
	}
	return answer, nil
}

// Answers 429 that have nothing to do with the rate do not slow the client down
// for hours, neither meanwhile nor when they are over.
func TestRefusalsThatAreNoRateLimit(t *testing.T) {
	for share, backlog := range map[float64]int64{.01: 5, .05: 50, .3: 1500, .6: 1500} {
		t.Run(fmt.Sprint(share), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := &noisyServer{r: rand.New(rand.NewPCG(1, 2)), share: share}
				client, l := newLimitedClient(t, server, altertable.WithMaxBatchSize(1))
				const batches = 1440 // one in 2.5 seconds
				for i := range batches {
					track(t, client, fmt.Sprint("e", i))
					pass(2500 * time.Millisecond)
				}
				assert.LessOrEqual(t, client.Stats().Queued, backlog)
				server.share = 0
				start := time.Now()
				require.NoError(t, client.Flush(t.Context()))
				assert.Less(t, time.Since(start), time.Hour)
				l.settle(t, client, numbered(batches)...)
			})
		})
	}
}
