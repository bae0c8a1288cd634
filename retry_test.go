package altertable_test

import (
	"math"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

func TestRetryAfter(t *testing.T) {
	clock := func(d time.Duration) string {
		return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Add(d).Format(http.TimeFormat)
	}
	date := func(d time.Duration) altertabletest.Fault {
		return altertabletest.Status(503).Header("Retry-After", clock(d))
	}
	for name, test := range map[string]struct {
		fault    altertabletest.Fault
		min, max time.Duration
	}{
		"seconds":                         {altertabletest.Status(429).RetryAfter(90 * time.Second), 90 * time.Second, 90 * time.Second},
		"date":                            {date(90 * time.Second), 90 * time.Second, 90 * time.Second},
		"a day":                           {altertabletest.Status(429).RetryAfter(24 * time.Hour), 5 * time.Minute, 5 * time.Minute},
		"a day of outage":                 {altertabletest.Status(503).RetryAfter(24 * time.Hour), 5 * time.Minute, 5 * time.Minute},
		"past date":                       {date(-time.Hour), 250 * time.Millisecond, 750 * time.Millisecond},
		"none":                            {altertabletest.Status(429), 250 * time.Millisecond, 750 * time.Millisecond},
		"nonsense":                        {altertabletest.Status(429).Header("Retry-After", "soon"), 250 * time.Millisecond, 750 * time.Millisecond},
		"fraction":                        {altertabletest.Status(429).Header("Retry-After", "1.5"), 1500 * time.Millisecond, 1500 * time.Millisecond},
		"twice":                           {altertabletest.Status(429).Header("Retry-After", "1, 3"), 3 * time.Second, 3 * time.Second},
		"hostile":                         {altertabletest.Status(429).Header("Retry-After", "1e400"), 250 * time.Millisecond, 750 * time.Millisecond},
		"date, by a clock that is behind": {date(-8*time.Minute).Header("Date", clock(-10*time.Minute)), 2 * time.Minute, 2 * time.Minute},
		"date, by a clock that is ahead":  {date(10*time.Minute+2*time.Second).Header("Date", clock(10*time.Minute)), 2 * time.Second, 2 * time.Second},
		"date, by a clock that is broken": {date(90*time.Second).Header("Date", "noon"), 90 * time.Second, 90 * time.Second},
		"portal":                          {altertabletest.Status(200).HTML("<html>").RetryAfter(2 * time.Second), 2 * time.Second, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, srv, _ := newClient(t, altertable.WithMaxBatchSize(1))
				srv.Next(1, test.fault)
				track(t, client, "e0")
				require.NoError(t, client.Flush(t.Context()))
				at := starts(srv, "/track")
				require.Len(t, at, 2)
				assert.GreaterOrEqual(t, at[1], test.min)
				assert.LessOrEqual(t, at[1], test.max)
			})
		})
	}
}

// The table in RetryPolicy's documentation.
func TestDelays(t *testing.T) {
	for name, send := range map[string]func(*testing.T, *altertable.Client){
		"queue": func(t *testing.T, client *altertable.Client) {
			track(t, client, "e0")
			require.NoError(t, client.Flush(t.Context()))
		},
		"synchronous": func(t *testing.T, client *altertable.Client) {
			_, err := client.TrackSync(within(t, 24*time.Hour), event("e0"))
			require.NoError(t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const failures = 400 // so many that chance takes every part of the range
				client, srv, _ := newClient(t, altertable.WithMaxBatchSize(1))
				srv.Next(failures, altertabletest.Status(503).RetryAfter(time.Second))
				send(t, client)
				at := starts(srv, "/track")
				require.Len(t, at, failures+1)
				shortest, longest := 1.0, 1.0 // factors
				interval := 500 * time.Millisecond
				for i := range at[1:] {
					delay := at[i+1] - at[i]
					assert.GreaterOrEqual(t, delay, max(interval/2, time.Second))
					assert.LessOrEqual(t, delay, max(interval*3/2, time.Second))
					if delay > time.Second {
						factor := float64(delay) / float64(interval)
						shortest, longest = min(shortest, factor), max(longest, factor)
					}
					interval = min(2*interval, 30*time.Second)
				}
				assert.Less(t, shortest, 0.6)
				assert.Greater(t, longest, 1.4)
			})
		})
	}
}

// An interval that is not set gives way to the one that is.
func TestDelaysOfHalfAPolicy(t *testing.T) {
	for name, test := range map[string]struct {
		policy   altertable.RetryPolicy
		interval time.Duration
	}{
		"MaxInterval":     {altertable.RetryPolicy{MaxInterval: 10 * time.Millisecond}, 10 * time.Millisecond},
		"InitialInterval": {altertable.RetryPolicy{InitialInterval: time.Hour}, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, srv, _ := newClient(t, altertable.WithMaxBatchSize(1), altertable.WithRetry(test.policy))
				srv.Next(3, altertabletest.Status(503))
				track(t, client, "e0")
				require.NoError(t, client.Flush(t.Context()))
				at := starts(srv, "/track")
				require.Len(t, at, 4)
				for i := range at[1:] {
					assert.GreaterOrEqual(t, at[i+1]-at[i], test.interval/2)
					assert.LessOrEqual(t, at[i+1]-at[i], test.interval*3/2)
				}
			})
		})
	}
}

// What a batch that fails alone is told concerns it alone.
func TestRetryAfterOfABatchThatFailsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t, altertable.WithMaxBatchSize(1))
		srv.Next(1, altertabletest.Status(503).MatchBody(contains("e0")))
		srv.Next(1, altertabletest.Status(503).RetryAfter(time.Minute).MatchBody(contains("e0")))
		track(t, client, "e0")
		synctest.Wait()
		track(t, client, "e1")
		pass(time.Second)
		require.Equal(t, []string{"e1"}, stored(srv))
		start := time.Now()
		for i := range 50 {
			track(t, client, numberedFrom(i+2, 1)...)
			pass(time.Second)
			assert.Len(t, srv.Events(), i+2)
		}
		require.NoError(t, client.Flush(t.Context()))
		assert.InDelta(t, time.Minute, time.Since(start), float64(time.Second))
		l.settle(t, client, numbered(52)...)
	})
}

func TestPoliciesWithoutEnd(t *testing.T) {
	const never time.Duration = math.MaxInt64
	for name, test := range map[string]struct {
		policy   altertable.RetryPolicy
		requests int
	}{
		"never gives up":     {altertable.RetryPolicy{MaxElapsed: never}, 1 + 6},
		"intervals grow on":  {altertable.RetryPolicy{MaxInterval: never, MaxElapsed: never}, 1 + 6},
		"never tries again":  {altertable.RetryPolicy{InitialInterval: never, MaxInterval: never, MaxElapsed: never}, 1},
		"waits for ever":     {altertable.RetryPolicy{InitialInterval: never}, 1},
		"once in a long way": {altertable.RetryPolicy{InitialInterval: time.Hour, MaxElapsed: never}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, srv, l := newClient(t, altertable.WithRetry(test.policy), altertable.WithMaxBatchSize(1))
				srv.Always(altertabletest.Status(503).RetryAfter(5 * time.Second))
				pass(time.Hour)
				track(t, client, "e0")
				pass(29 * time.Second)
				assert.LessOrEqual(t, len(srv.Requests()), test.requests)
				assert.EqualValues(t, 1, client.Stats().Queued)
				srv.ClearFaults()
				require.NoError(t, client.Shutdown(t.Context()), "it makes an attempt at once")
				l.settle(t, client, "e0")
			})
		})
	}
}

func TestFlushIntervalWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t, altertable.WithFlushInterval(math.MaxInt64))
		pass(time.Hour)
		track(t, client, numbered(150)...)
		pass(time.Hour)
		assert.Len(t, srv.Events(), 100, "a batch leaves when it is full")
		require.NoError(t, client.Flush(t.Context()))
		l.settle(t, client, numbered(150)...)
	})
}

// Waiting messages keep little of the answers they got: there may be many, and
// an error page may be larger than the messages.
func TestErrorsOfWaitingMessagesAreBrief(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t, altertable.WithMaxBatchSize(1), altertable.WithRetry(altertable.RetryPolicy{MaxElapsed: time.Minute}))
		page := strings.Repeat("x", 100_000)
		srv.Always(altertabletest.Status(502).HTML(page).MatchBody(contains("e0")))
		srv.Always(altertabletest.Status(401).HTML(page).MatchBody(contains("e1")))
		track(t, client, "e0", "e1")
		require.Error(t, client.Flush(t.Context()))
		length := map[int]int{}
		for _, err := range l.errs {
			var api *altertable.APIError
			require.ErrorAs(t, err, &api)
			length[api.StatusCode] = len(api.Body)
		}
		assert.Equal(t, map[int]int{502: 1 << 10, 401: 64 << 10}, length)
		l.settle(t, client, "e0", "e1")
	})
}
