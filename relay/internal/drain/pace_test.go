package drain

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	altertable "github.com/altertable-ai/altertable-go"
)

// A limitedAPI answers 429 beyond its limit: perSecond with bursts, or so many in
// each window.
type limitedAPI struct {
	perSecond  float64
	burst      float64
	window     time.Duration // 0: a token bucket
	retryAfter bool
	latency    time.Duration

	mu      sync.Mutex
	began   time.Time
	at      time.Time
	tokens  float64
	passed  int
	refused int
}

func (a *limitedAPI) lets() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	if a.at.IsZero() {
		a.began, a.at, a.tokens = now, now, a.burst
	}
	if a.window > 0 {
		if n := now.Sub(a.began) / a.window; n > a.at.Sub(a.began)/a.window {
			a.tokens = a.perSecond * a.window.Seconds()
		}
	} else {
		a.tokens = min(a.burst, a.tokens+now.Sub(a.at).Seconds()*a.perSecond)
	}
	a.at = now
	if a.tokens < 1 {
		a.refused++
		return false
	}
	a.tokens--
	a.passed++
	return true
}

func (a *limitedAPI) RoundTrip(r *http.Request) (*http.Response, error) {
	time.Sleep(a.latency / 2)
	ok := a.lets()
	time.Sleep(a.latency / 2)
	_, _ = io.Copy(io.Discard, r.Body)
	_ = r.Body.Close()
	answer := &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`{"ok":true}`)), Request: r}
	if !ok {
		answer.StatusCode = 429
		if a.retryAfter {
			wait := 1 / a.perSecond
			if a.window > 0 {
				wait = (a.window - time.Since(a.began)%a.window).Seconds()
			}
			answer.Header.Set("Retry-After", strconv.Itoa(int(math.Ceil(wait))))
		}
	}
	return answer, nil
}

// The core's pace finds a limit that nobody configured. Behind a token bucket it uses
// 95 % and has 1 % of its requests refused. Behind windows it uses less: with a
// Retry-After of a whole second in each, or with long ones. There --rate helps.
func TestALimitThatNobodyConfigured(t *testing.T) {
	if testing.Short() {
		t.Skip("minutes of virtual time")
	}
	bucket := func(perSecond, burst float64, retryAfter bool) *limitedAPI {
		return &limitedAPI{perSecond: perSecond, burst: burst, retryAfter: retryAfter}
	}
	window := func(perSecond float64, long time.Duration, retryAfter bool) *limitedAPI {
		return &limitedAPI{perSecond: perSecond, burst: perSecond * long.Seconds(), window: long, retryAfter: retryAfter}
	}
	for _, c := range []struct {
		name       string
		api        *limitedAPI
		used, most float64
	}{
		{"token bucket, burst of a second", bucket(20, 20, false), 0.95, 0.01},
		{"token bucket, Retry-After", bucket(20, 20, true), 0.95, 0.01},
		{"window of a second", window(20, time.Second, false), 0.9, 0.01},
		{"window of a second, Retry-After", window(20, time.Second, true), 0.8, 0.01},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.api.latency = 40 * time.Millisecond
				used, refused := behind(t, c.api, 10*time.Minute)
				t.Logf("used %.1f %%, 429: %.2f %%", 100*used, 100*refused)
				assert.GreaterOrEqual(t, used, c.used)
				assert.LessOrEqual(t, refused, c.most)
			})
		})
	}
}

// behind sends a backlog through a limit, and returns the share of it that was used and
// that of requests that were refused.
func behind(t *testing.T, api *limitedAPI, long time.Duration) (used, refused float64) {
	client, err := altertable.New("key", altertable.WithHTTPClient(&http.Client{Transport: api}), altertable.WithMaxBatchSize(1),
		altertable.WithMaxQueueSize(1_000), altertable.WithOverflow(altertable.Block), altertable.WithLogger(slog.New(slog.DiscardHandler)),
		altertable.WithRetry(altertable.RetryPolicy{MaxElapsed: math.MaxInt64}), altertable.WithRequestTimeout(24*time.Hour))
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	for i := 0; ctx.Err() == nil; i++ {
		_ = client.Enqueue(ctx, altertable.Raw{Endpoint: "track", JSON: []byte(event("track", "production", i, fmt.Sprint("u", i%5), ""))}, nil)
	}
	api.mu.Lock()
	used = (float64(api.passed) - api.burst) / (api.perSecond * long.Seconds())
	if api.window > 0 {
		used = float64(api.passed) / (api.perSecond * long.Seconds())
	}
	refused = float64(api.refused) / float64(api.passed+api.refused)
	api.mu.Unlock()
	_ = client.Shutdown(ended)
	return used, refused
}
