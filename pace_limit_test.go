package altertable_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
)

// A tokenBucket is a server that lets rate requests a second through.
type tokenBucket struct {
	roundTrip  time.Duration
	retryAfter bool

	mu       sync.Mutex
	rate     float64
	burst    float64
	tokens   float64
	at       time.Time
	begun    time.Time // of the first request
	ended    time.Time // of the last one that it took
	taken    int
	refused  int
	requests map[string]int // by path
}

func (b *tokenBucket) takes(path string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if b.begun.IsZero() {
		b.begun, b.tokens, b.requests = now, b.burst, map[string]int{}
	} else {
		b.tokens = min(b.burst, b.tokens+now.Sub(b.at).Seconds()*b.rate)
	}
	b.at = now
	b.requests[path]++
	if b.tokens < 1-1e-9 {
		b.refused++
		return false
	}
	b.tokens--
	b.taken++
	b.ended = now
	return true
}

func (b *tokenBucket) RoundTrip(r *http.Request) (*http.Response, error) {
	<-time.After(b.roundTrip / 2)
	answer := &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody}
	if !b.takes(r.URL.Path) {
		answer.StatusCode = http.StatusTooManyRequests
		if b.retryAfter {
			answer.Header.Set("Retry-After", "1")
		}
	}
	<-time.After(b.roundTrip / 2)
	_ = r.Body.Close() // it returns nil
	return answer, nil
}

// A backlog drains at the rate that the server allows, and hardly any of its
// requests are refused, whatever the rate is and on whatever endpoints.
func TestRateLimitIsFoundAndKept(t *testing.T) {
	t.Parallel()
	for rate, seconds := range map[float64]int{1: 900, 3: 600, 10: 300, 40: 120, 200: 60, 1000: 60} {
		for _, roundTrip := range []time.Duration{time.Millisecond, 20 * time.Millisecond} {
			if rate*roundTrip.Seconds() > 8 {
				continue // more than the requests in flight can do
			}
			if altertable.RaceEnabled && rate > 200 {
				continue
			}
			t.Run(fmt.Sprint(rate, " ", roundTrip), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					server := &tokenBucket{roundTrip: roundTrip, rate: rate, burst: max(5, rate)}
					client, l := newLimitedClient(t, server)
					all := numbered(int(rate) * seconds)
					for i, name := range all {
						if i%2 == 0 {
							track(t, client, name)
						} else {
							identify(t, client, name)
						}
					}
					require.NoError(t, client.Flush(t.Context()))
					used := float64(server.taken) / (server.burst + rate*server.ended.Sub(server.begun).Seconds())
					refused := float64(server.refused) / float64(server.taken+server.refused)
					t.Logf("%.1f %% used, %.2f %% refused", 100*used, 100*refused)
					assert.GreaterOrEqual(t, used, 0.9)
					assert.LessOrEqual(t, refused, 0.02)
					assert.EqualValues(t, server.refused, client.Stats().FailedRequests)
					l.settle(t, client, all...)
				})
			})
		}
	}
}

func newLimitedClient(t *testing.T, server http.RoundTripper, opts ...altertable.Option) (*altertable.Client, *ledger) {
	l := new(ledger)
	client, err := altertable.New("key", append(append(l.options(), altertable.WithMaxBatchSize(1),
		altertable.WithHTTPClient(&http.Client{Transport: server})), opts...)...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	return client, l
}

// A server that says with Retry-After when it wants the next request gets none
// before that, from any endpoint.
func TestRateLimitWithRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &tokenBucket{roundTrip: 20 * time.Millisecond, rate: 40, burst: 40, retryAfter: true}
		client, l := newLimitedClient(t, server)
		track(t, client, numbered(40*120)...)
		require.NoError(t, client.Flush(t.Context()))
		used := float64(server.taken) / (server.burst + 40*server.ended.Sub(server.begun).Seconds())
		assert.GreaterOrEqual(t, used, 0.9)
		assert.LessOrEqual(t, float64(server.refused), 0.02*float64(server.taken+server.refused))
		l.settle(t, client, numbered(40*120)...)
	})
}

// Without a limit, the pace costs nothing: a backlog leaves as fast as requests return.
func TestNoRateLimitNoPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &tokenBucket{roundTrip: 80 * time.Millisecond, rate: 1e9, burst: 1e9}
		client, l := newLimitedClient(t, server)
		track(t, client, numbered(8000)...)
		start := time.Now()
		require.NoError(t, client.Flush(t.Context()))
		assert.Equal(t, 1000*80*time.Millisecond, time.Since(start))
		l.settle(t, client, numbered(8000)...)
	})
}

// A server that only answers 429 sees a few requests, one at a time, and Shutdown's.
func TestLimitThatLetsNothingThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &tokenBucket{roundTrip: 20 * time.Millisecond}
		client, l := newLimitedClient(t, server)
		track(t, client, numbered(100)...)
		pass(10 * time.Minute)
		assert.Less(t, server.refused, 8+40)
		before := server.refused
		err := client.Shutdown(within(t, time.Second))
		require.Error(t, err)
		assert.True(t, strings.Contains(err.Error(), "429"), err)
		assert.Greater(t, server.refused, before, "an attempt at once")
		l.settle(t, client, numbered(100)...)
	})
}

// A synchronous call that meets the limit comes back when that lets a request through.
func TestSynchronousCallKeepsTheLearntPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &tokenBucket{roundTrip: 20 * time.Millisecond, rate: 0.1, burst: 1}
		client, _ := newLimitedClient(t, server)
		track(t, client, numbered(60)...)
		require.NoError(t, client.Flush(t.Context()))
		before := server.refused
		for range 2 {
			_, err := client.TrackSync(within(t, time.Minute), event("sync"))
			require.NoError(t, err)
		}
		assert.LessOrEqual(t, server.refused-before, 3)
	})
}
