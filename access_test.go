package altertable_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// every is the default of MaxInterval.
const every = 30 * time.Second

// startsWhere returns when the requests began that match, counted from start.
func startsWhere(srv *altertabletest.Server, start time.Time, match func(altertabletest.Request) bool) (all []time.Duration) {
	for _, r := range srv.Requests() {
		if match(r) {
			all = append(all, r.Start.Sub(start))
		}
	}
	return all
}

func anyRequest(altertabletest.Request) bool { return true }

// times returns first, and n more times that are a step apart.
func times(first, step time.Duration, n int) []time.Duration {
	all := []time.Duration{first}
	for i := range n {
		all = append(all, first+time.Duration(i+1)*step)
	}
	return all
}

func TestRefusedKeyIsNotFinalWithASpool(t *testing.T) {
	for name, refusal := range map[string]altertabletest.Fault{
		"401":      altertabletest.Status(401),
		"403 code": altertabletest.Status(403).ErrorCode("forbidden"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				log := new(logged)
				client, srv, l := newSpoolClient(t, t.TempDir(), altertable.WithMaxBatchSize(10), altertable.WithLogger(slog.New(slog.NewTextHandler(log, nil))))
				refused := srv.Always(refusal)
				track(t, client, numbered(10)...)
				synctest.Wait()
				track(t, client, numberedFrom(10, 500)...)
				identifyLinked(t, client, "u_0", "u_1", "u_2")
				pass(10*time.Minute + time.Second)
				assert.Equal(t, times(0, every, 20), startsWhere(srv, start, anyRequest), "one probe each")
				s := client.Stats()
				assert.EqualValues(t, 21, s.FailedRequests)
				assert.EqualValues(t, 19, s.Retries, "all except the first of each endpoint")
				assert.EqualValues(t, 513, s.Queued)
				assert.Len(t, log.lines(), 11, "once a minute")
				for _, line := range log.lines() {
					assert.Contains(t, line, "the server refuses the API key, messages stay on disk")
				}
				refused.Release()
				pass(every)
				assert.Equal(t, []string{"u_0", "u_1", "u_2"}, identities(srv))
				l.settle(t, client, append(numbered(510), "u_0", "u_1", "u_2")...)
				assert.Empty(t, l.lostSoFar())
				again := 0
				for _, d := range l.deliveries {
					again += d.Attempts - 1
				}
				assert.Equal(t, 21, again, "the others were not sent in vain")
			})
		})
	}
}

// Of the requests under way at the first refusal, no other says anything new.
func TestKeyIsRefusedWithRequestsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		client, srv, l := newSpoolClient(t, t.TempDir(), altertable.WithMaxBatchSize(1))
		srv.Next(1, altertabletest.Delay(4*time.Second).MatchBody(contains("e7")))
		refused := srv.Always(altertabletest.Status(401).Delay(time.Second))
		slow := srv.Always(altertabletest.Status(401).Delay(3 * time.Second).MatchBody(contains("e6")))
		track(t, client, numbered(30)...)
		pass(every + 3*time.Second)
		assert.Equal(t, append(times(0, 0, 7), time.Second+every), startsWhere(srv, start, anyRequest), "neither e6 nor e7 matters")
		assert.Equal(t, []string{"e7"}, stored(srv))
		refused.Release()
		slow.Release()
		pass(every)
		l.settle(t, client, numbered(30)...)
		assert.Empty(t, l.lostSoFar())
	})
}

// A refusal that comes after the key was accepted says nothing any more.
func TestRefusalOfTheKeyIsOldNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		client, srv, l := newSpoolClient(t, t.TempDir(), altertable.WithMaxBatchSize(1), altertable.WithRequestTimeout(time.Hour))
		srv.Next(1, altertabletest.Status(401).Delay(time.Second).MatchBody(contains("e0")))
		srv.Next(1, altertabletest.Status(401).Delay(35*time.Second).MatchBody(contains("e1")))
		track(t, client, "e0", "e1")
		pass(41 * time.Second)
		assert.Equal(t, []string{"e0", "e1"}, stored(srv))
		track(t, client, "e2")
		pass(2 * time.Second)
		assert.Equal(t, []string{"e0", "e1", "e2"}, stored(srv), "the key is good")
		assert.Equal(t, []time.Duration{0, 0, every + time.Second, every + 5500*time.Millisecond, every + 11*time.Second}, startsWhere(srv, start, anyRequest))
		l.settle(t, client, "e0", "e1", "e2")
	})
}

// What the probe meets besides a refusal leads to what it always does.
func TestProbeOfTheKey(t *testing.T) {
	denied := altertabletest.Status(401)
	for name, test := range map[string]struct {
		script []altertabletest.Fault
		want   []time.Duration // the requests' starts; a negative one is at a random delay of the first retry
	}{
		"Retry-After":   {[]altertabletest.Fault{denied.RetryAfter(time.Minute)}, []time.Duration{0, time.Minute}},
		"short one":     {[]altertabletest.Fault{denied.RetryAfter(time.Second)}, []time.Duration{0, every}},
		"long one":      {[]altertabletest.Fault{denied.RetryAfter(time.Hour)}, []time.Duration{0, 5 * time.Minute}},
		"503":           {[]altertabletest.Fault{denied, altertabletest.Status(503), denied}, []time.Duration{0, every, -1, -1}},
		"no answer":     {[]altertabletest.Fault{denied, altertabletest.Reset(), denied}, []time.Duration{0, every, -1, -1}},
		"firewall":      {[]altertabletest.Fault{denied, altertabletest.Status(403), denied}, []time.Duration{0, every, -1, -1}},
		"421":           {[]altertabletest.Fault{denied, altertabletest.Status(421), denied}, []time.Duration{0, every, every, 2 * every}},
		"429":           {[]altertabletest.Fault{denied, altertabletest.Status(429), denied}, []time.Duration{0, every, -1, -1}},
		"in an outage":  {[]altertabletest.Fault{altertabletest.Status(503), denied}, []time.Duration{0, -1, -1}},
		"a final one":   {[]altertabletest.Fault{denied, altertabletest.Status(404)}, []time.Duration{0, every, every, every}},
		"one that says": {[]altertabletest.Fault{denied, altertabletest.Status(400)}, []time.Duration{0, every, every, every, every}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				client, srv, _ := newSpoolClient(t, t.TempDir(), altertable.WithMaxBatchSize(2))
				for _, fault := range test.script {
					srv.Next(1, fault)
				}
				track(t, client, numbered(2)...)
				synctest.Wait()
				track(t, client, numberedFrom(2, 4)...)
				pass(6 * time.Minute)
				got := startsWhere(srv, start, anyRequest)
				require.GreaterOrEqual(t, len(got), len(test.want), "%v", got)
				for i, want := range test.want {
					last := got[max(0, i-1)]
					switch {
					case want >= 0:
						assert.Equal(t, want, got[i], "%d", i)
					case i+1 < len(test.want) || len(test.script) == 2 && i == 1:
						assert.Greater(t, got[i], last, "%d", i)
						assert.LessOrEqual(t, got[i], last+time.Second, "%d", i)
					default:
						assert.Equal(t, last+every, got[i], "%d", i)
					}
				}
				s := client.Stats()
				assert.EqualValues(t, 6, s.Delivered+s.Failed, "all goes on")
			})
		})
	}
}

// A RoundTripper that never returns from the probe does not hold up another one.
func TestProbeOfTheKeyNeverReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, stuck := time.Now(), make(chan struct{})
		var mu sync.Mutex
		var began []time.Duration // guarded by mu
		begin := func() int {
			mu.Lock()
			defer mu.Unlock()
			began = append(began, time.Since(start))
			return len(began)
		}
		soFar := func() []time.Duration {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(began)
		}
		client, _, l := newSpoolClient(t, t.TempDir(), altertable.WithMaxBatchSize(1), altertable.WithMaxInFlight(2),
			altertable.WithHTTPClient(&http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				status := 200
				switch begin() {
				case 1:
					status = 401
				case 2:
					<-stuck
					return nil, errors.New("late")
				}
				return &http.Response{StatusCode: status, Header: http.Header{}, Body: http.NoBody}, nil
			})}))
		track(t, client, "e0")
		pass(time.Second)
		track(t, client, "e1")
		pass(every + 8*time.Second)
		assert.Equal(t, []time.Duration{0, every}, soFar())
		pass(time.Second)
		assert.Equal(t, []time.Duration{0, every, every + 10*time.Second}, soFar())
		close(stuck)
		require.NoError(t, client.Flush(t.Context()))
		l.settle(t, client, "e0", "e1")
	})
}

func TestMaxElapsedGivesUpWhatARefusedKeyHoldsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := new(logged)
		client, srv, l := newSpoolClient(t, t.TempDir(), altertable.WithMaxBatchSize(2), altertable.WithRetry(altertable.RetryPolicy{MaxElapsed: time.Minute}),
			altertable.WithLogger(slog.New(slog.NewTextHandler(log, nil))))
		srv.Always(altertabletest.Status(401))
		track(t, client, numbered(2)...)
		pass(10 * time.Second)
		track(t, client, numberedFrom(2, 3)...)
		pass(49 * time.Second)
		assert.Empty(t, l.lostSoFar())
		pass(time.Second)
		assert.Equal(t, numbered(2), l.lostSoFar())
		pass(10 * time.Second)
		l.settle(t, client, numbered(5)...)
		for _, err := range l.errs {
			assert.ErrorIs(t, err, altertable.ErrUnauthorized)
		}
		assert.Contains(t, strings.Join(log.lines(), "\n"), "messages are lost", "these are")
	})
}

func TestFlushWaitsForARefusedKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, _ := newSpoolClient(t, t.TempDir(), altertable.WithMaxQueueSize(10))
		refused := srv.Always(altertabletest.Status(401))
		track(t, client, numbered(50)...)
		err := client.Flush(within(t, time.Minute))
		var undelivered *altertable.UndeliveredError
		require.ErrorAs(t, err, &undelivered)
		assert.Equal(t, 50, undelivered.Count)
		assert.ErrorIs(t, err, altertable.ErrUnauthorized)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		refused.Release()
		require.NoError(t, client.Flush(t.Context()))
		assert.Len(t, srv.Events(), 50)
	})
}

// A synchronous call asks the server and returns its answer. That of a call says
// nothing to the queue.
func TestSynchronousCallsWithARefusedKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, _ := newSpoolClient(t, t.TempDir())
		srv.Always(altertabletest.Status(401))
		_, err := client.TrackSync(t.Context(), event("sync"))
		require.ErrorIs(t, err, altertable.ErrUnauthorized)
		srv.ClearFaults()
		track(t, client, "e0")
		require.NoError(t, client.Flush(within(t, time.Second)), "the queue did not ask")

		srv.Always(altertabletest.Status(401))
		identifyLinked(t, client, "u_0")
		pass(2 * time.Second)
		_, err = client.TrackSync(t.Context(), event("sync"))
		require.ErrorIs(t, err, altertable.ErrUnauthorized)
		_, err = client.IdentifySync(t.Context(), altertable.Identify{DistinctID: "somebody else"})
		require.ErrorIs(t, err, altertable.ErrUnauthorized)
		begin := time.Now()
		_, err = client.IdentifySync(within(t, 10*time.Second), linked("u_1"))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 10*time.Second, time.Since(begin), "it goes after the identifies of that person")
	})
}

func TestDenialsAreFinalWithoutASpool(t *testing.T) {
	for name, fault := range map[string]altertabletest.Fault{
		"key":         altertabletest.Status(401),
		"environment": altertabletest.Status(400).ErrorCode("environment-not-found"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, srv, l := newClient(t, altertable.WithMaxBatchSize(1))
				srv.Always(fault)
				track(t, client, numbered(20)...)
				synctest.Wait()
				assert.Len(t, srv.Requests(), 20)
				l.settle(t, client, numbered(20)...)
				assert.ElementsMatch(t, numbered(20), l.lostSoFar())
			})
		})
	}
}
