package altertable_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

func TestSyncCallsAreOneRequest(t *testing.T) {
	client, srv, l := newClient(t)
	response, err := client.TrackSync(t.Context(), event("e0"))
	require.NoError(t, err)
	assert.True(t, response.OK)
	assert.NotEmpty(t, response.TaskID)
	_, err = client.TrackSync(t.Context(), event("e1"), event("e2"))
	require.NoError(t, err)
	_, err = client.IdentifySync(t.Context(), altertable.Identify{DistinctID: "u_1"})
	require.NoError(t, err)
	_, err = client.AliasSync(t.Context(), altertable.Alias{DistinctID: "u_1", NewUserID: "u_2"})
	require.NoError(t, err)
	requests := srv.Requests()
	require.Len(t, requests, 4)
	for i, path := range []string{"/track", "/track", "/identify", "/alias"} {
		assert.True(t, requests[i].Sync)
		assert.Equal(t, path, requests[i].Path)
	}
	var one map[string]any
	assert.NoError(t, json.Unmarshal(requests[0].Body, &one))
	var many []map[string]any
	require.NoError(t, json.Unmarshal(requests[1].Body, &many))
	assert.Len(t, many, 2)
	s := client.Stats()
	assert.Equal(t, altertable.Stats{Requests: 4, LastSuccess: s.LastSuccess}, s)
	assert.Empty(t, l.deliveries)
}

func TestSyncCallsRefuseBadInput(t *testing.T) {
	client, srv, _ := newClient(t, altertable.WithMaxBatchSize(2), altertable.WithMaxBatchBytes(1024))
	var invalid *altertable.ValidationError
	_, err := client.TrackSync(t.Context())
	require.ErrorAs(t, err, &invalid)
	_, err = client.TrackSync(t.Context(), event("e0"), altertable.Track{Event: "e1"})
	require.ErrorAs(t, err, &invalid)
	assert.Equal(t, "distinct_id", invalid.Field)
	elsewhere := event("e1")
	elsewhere.Environment = "staging"
	_, err = client.TrackSync(t.Context(), event("e0"), elsewhere)
	require.ErrorAs(t, err, &invalid)
	assert.Equal(t, "environment", invalid.Field)
	_, err = client.TrackSync(t.Context(), event("e0"), event("e1"), event("e2"))
	require.ErrorIs(t, err, altertable.ErrTooLarge)
	long := event(strings.Repeat("e", 600))
	_, err = client.TrackSync(t.Context(), long, long)
	require.ErrorIs(t, err, altertable.ErrTooLarge)
	assert.Empty(t, srv.Requests())
}

// Who exceeds both limits hears of the messages: fewer of them may fit.
func TestSyncCallsOverBothLimits(t *testing.T) {
	client, srv, _ := newClient(t, altertable.WithMaxBatchBytes(64<<10))
	many := make([]altertable.Identify, 1000)
	for i := range many {
		many[i] = altertable.Identify{DistinctID: fmt.Sprint("u_", i), Traits: altertable.Traits{"blob": strings.Repeat("x", 1000)}}
	}
	_, err := client.IdentifySync(t.Context(), many...)
	require.ErrorIs(t, err, altertable.ErrTooLarge)
	assert.EqualError(t, err, "altertable: IdentifySync: message is too large: 1000 messages, the limit is 100 (WithMaxBatchSize)")
	_, err = client.IdentifySync(t.Context(), many[:100]...)
	require.ErrorIs(t, err, altertable.ErrTooLarge)
	assert.Regexp(t, `: 1\d{5} bytes together, the limit is 65536 \(WithMaxBatchBytes\)$`, err.Error())
	_, err = client.IdentifySync(t.Context(), many[:10]...)
	require.NoError(t, err)
	assert.Len(t, srv.Requests(), 1)
}

func TestSyncCallsRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t)
		srv.Next(2, altertabletest.Status(503))
		srv.Next(1, altertabletest.Status(429).RetryAfter(10*time.Second))
		_, err := client.TrackSync(within(t, time.Minute), event("e0"), event("e1"))
		require.NoError(t, err)
		s := client.Stats()
		assert.Equal(t, altertable.Stats{Requests: 4, Retries: 3, FailedRequests: 3, RequestsErrored: 2, RequestsLimited: 1, LastSuccess: time.Now()}, s)
		at := starts(srv, "/track")
		assert.GreaterOrEqual(t, at[1], 250*time.Millisecond)
		assert.GreaterOrEqual(t, at[3]-at[2], 10*time.Second)
		assert.Empty(t, l.deliveries)
	})
}

func TestSyncCallsAreNotSplit(t *testing.T) {
	client, srv, l := newClient(t)
	srv.Always(altertabletest.Status(422).ErrorCode("bad-event"))
	_, err := client.TrackSync(t.Context(), event("e0"), event("e1"))
	var api *altertable.APIError
	require.ErrorAs(t, err, &api)
	assert.Equal(t, "bad-event", api.Code)
	assert.Len(t, srv.Requests(), 1)
	assert.Empty(t, l.errs)
}

func TestSyncCallsEnd(t *testing.T) {
	for name, test := range map[string]struct {
		limit, want time.Duration
	}{"with their context": {time.Second, time.Second}, "after 30 s": {0, 30 * time.Second}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, srv, _ := newClient(t)
				srv.Always(altertabletest.Status(503))
				ctx := t.Context()
				if test.limit > 0 {
					ctx = within(t, test.limit)
				}
				start := time.Now()
				_, err := client.TrackSync(ctx, event("e0"))
				assert.Equal(t, test.want, time.Since(start))
				assert.ErrorIs(t, err, context.DeadlineExceeded)
				var api *altertable.APIError
				assert.ErrorAs(t, err, &api)
			})
		})
	}
}

func TestSyncCallsGoAtOnceWhileBackingOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, _ := newClient(t)
		srv.Next(1, altertabletest.Status(503).RetryAfter(time.Minute))
		track(t, client, "e0")
		pass(2 * time.Second)
		start := time.Now()
		_, err := client.TrackSync(t.Context(), event("e1"))
		require.NoError(t, err)
		assert.Zero(t, time.Since(start))
		assert.Equal(t, []string{"e1"}, stored(srv))
		require.NoError(t, client.Flush(t.Context()))
	})
}

func TestSyncCallsOfAnEndedContextSendNothing(t *testing.T) {
	client, srv, _ := newClient(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := client.TrackSync(ctx, event("e0"))
	require.ErrorIs(t, err, context.Canceled)
	_, err = client.IdentifySync(ctx, altertable.Identify{DistinctID: "u_1"})
	require.ErrorIs(t, err, context.Canceled)
	assert.Empty(t, srv.Requests())
	assert.Zero(t, client.Stats())
}

func TestShutdownCutsSyncCallsShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, _ := newClient(t)
		srv.Always(altertabletest.Hang())
		failed := make(chan error, 2)
		go func() { _, err := client.TrackSync(t.Context(), event("e0")); failed <- err }()
		go func() {
			_, err := client.IdentifySync(t.Context(), altertable.Identify{DistinctID: "u_1"})
			failed <- err
		}()
		synctest.Wait()
		start := time.Now()
		require.NoError(t, client.Shutdown(within(t, time.Second)), "sync calls are not its messages")
		assert.ErrorIs(t, <-failed, altertable.ErrClosed)
		assert.ErrorIs(t, <-failed, altertable.ErrClosed)
		assert.LessOrEqual(t, time.Since(start), 1250*time.Millisecond)
	})
}

func TestIdentifySyncKeepsTheOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t)
		srv.Next(1, altertabletest.Status(503).On("/identify"))
		identifyLinked(t, client, "u_1")
		done := make(chan error, 1)
		go func() {
			_, err := client.IdentifySync(t.Context(), linked("u_2"))
			done <- err
		}()
		synctest.Wait()
		identifyLinked(t, client, "u_3")
		require.NoError(t, <-done)
		require.NoError(t, client.Flush(t.Context()))
		var order []string
		for _, i := range srv.Identities() {
			order = append(order, i.DistinctID)
		}
		assert.Equal(t, []string{"u_1", "u_2", "u_3"}, order)
		l.settle(t, client, "u_1", "u_3")
	})
}

func TestIdentifySyncGivesUpItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, _ := newClient(t)
		rule := srv.Next(1, altertabletest.Hang().On("/identify"))
		identifyLinked(t, client, "u_1")
		synctest.Wait()
		pass(time.Second)
		_, err := client.IdentifySync(within(t, time.Second), linked("u_2"))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		rule.Release()
		_, err = client.IdentifySync(t.Context(), linked("u_3"))
		require.NoError(t, err)
		require.NoError(t, client.Flush(t.Context()))
		assert.Len(t, srv.Identities(), 2)
	})
}

func TestSyncCallsAfterClose(t *testing.T) {
	client, srv, _ := newClient(t)
	require.NoError(t, client.Close())
	_, err := client.TrackSync(t.Context(), event("e0"))
	require.ErrorIs(t, err, altertable.ErrClosed)
	_, err = client.IdentifySync(t.Context(), altertable.Identify{DistinctID: "u_1"})
	require.ErrorIs(t, err, altertable.ErrClosed)
	_, err = client.AliasSync(t.Context(), altertable.Alias{DistinctID: "u_1", NewUserID: "u_2"})
	require.ErrorIs(t, err, altertable.ErrClosed)
	assert.Empty(t, srv.Requests())
	assert.Equal(t, altertable.Stats{Closed: true}, client.Stats())
}

func TestSyncCallsRunBeforeSend(t *testing.T) {
	client, srv, _ := newClient(t, altertable.WithBeforeSend(func(m altertable.Message) altertable.Message {
		if e := m.(altertable.Track); e.Event == "discard" {
			return nil
		}
		return m
	}))
	response, err := client.TrackSync(t.Context(), event("discard"), event("discard"))
	require.NoError(t, err)
	assert.Equal(t, &altertable.Response{OK: true}, response)
	assert.Empty(t, srv.Requests())
	_, err = client.TrackSync(t.Context(), event("discard"), event("e0"))
	require.NoError(t, err)
	require.Len(t, srv.Requests(), 1)
	assert.Equal(t, byte('{'), srv.Requests()[0].Body[0], "the one that is left is an object")
	assert.Equal(t, []string{"e0"}, stored(srv))
}

func TestSyncCallsReturnTheServersRefusal(t *testing.T) {
	for name, test := range map[string]struct {
		fault altertabletest.Fault
		is    error
		stats altertable.Stats
	}{
		"401":                 {altertabletest.Status(401), altertable.ErrUnauthorized, altertable.Stats{RequestsUnauthorized: 1}},
		"unknown environment": {altertabletest.Status(400).ErrorCode("environment-not-found"), altertable.ErrEnvironmentNotFound, altertable.Stats{RequestsNoEnvironment: 1}},
		"ok false":            {altertabletest.Status(200).ErrorCode("environment-not-found"), altertable.ErrEnvironmentNotFound, altertable.Stats{RequestsNoEnvironment: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			client, srv, _ := newClient(t)
			srv.Always(test.fault)
			response, err := client.TrackSync(t.Context(), event("e0"))
			require.ErrorIs(t, err, test.is)
			assert.Nil(t, response)
			test.stats.Requests, test.stats.FailedRequests = 1, 1
			assert.Equal(t, test.stats, client.Stats())
		})
	}
}

func TestSyncCallsAreOutsideMaxInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t, altertable.WithMaxInFlight(1), altertable.WithMaxBatchSize(1))
		rule := srv.Next(1, altertabletest.Hang())
		track(t, client, "e0")
		synctest.Wait()
		_, err := client.TrackSync(t.Context(), event("sync"))
		require.NoError(t, err)
		assert.Equal(t, []string{"sync"}, stored(srv))
		rule.Release()
		require.NoError(t, client.Flush(t.Context()))
		l.settle(t, client, "e0")
	})
}

func TestShutdownMakesSyncCallsTryAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, _ := newClient(t)
		srv.Next(1, altertabletest.Status(503).RetryAfter(time.Minute))
		done := make(chan error, 1)
		go func() { _, err := client.TrackSync(t.Context(), event("sync")); done <- err }()
		pass(time.Second)
		hold := srv.Next(1, altertabletest.Delay(time.Second).On("/alias"))
		require.NoError(t, client.Alias(t.Context(), altertable.Alias{DistinctID: "u_1", NewUserID: "u_2"}))
		require.NoError(t, client.Shutdown(t.Context()))
		require.NoError(t, <-done)
		assert.Equal(t, []time.Duration{0, time.Second}, starts(srv, "/track"))
		assert.Equal(t, 1, hold.Hits())
	})
}

// A call whose goroutine ends in the RoundTripper gives up its turn.
func TestIdentifySyncEndsWithItsGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, srv, l := newClient(t)
		client, err := altertable.New("key", append(l.options(), altertable.WithHTTPClient(&http.Client{
			Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				if r.URL.RawQuery != "" {
					runtime.Goexit()
				}
				return srv.HTTPClient().Do(r.Clone(r.Context()))
			}),
		}))...)
		require.NoError(t, err)
		go func() { _, _ = client.IdentifySync(t.Context(), altertable.Identify{DistinctID: "u_1"}) }()
		synctest.Wait()
		identify(t, client, "u_2")
		require.NoError(t, client.Close())
		l.settle(t, client, "u_2")
	})
}

// IdentifySync waits for the person's identifies before it, however long they
// fail; its context ends that. Others' are not waited for.
func TestIdentifySyncWaitsDuringAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t)
		down := srv.Always(altertabletest.Status(503))
		identifyLinked(t, client, "u_1")
		pass(5 * time.Second)
		start := time.Now()
		_, err := client.IdentifySync(t.Context(), linked("u_2"))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 30*time.Second, time.Since(start))
		for _, r := range srv.Requests() {
			assert.False(t, r.Sync)
		}
		elsewhere := linked("u_3")
		elsewhere.Environment = "staging"
		down.Release()
		for _, other := range []altertable.Identify{elsewhere, {DistinctID: "u_4"}} {
			_, err = client.IdentifySync(t.Context(), other)
			require.NoError(t, err)
		}
		require.NoError(t, client.Flush(t.Context()))
		assert.ElementsMatch(t, []string{"u_1", "u_3", "u_4"}, identities(srv))
		l.settle(t, client, "u_1")
	})
}

// Stamped before others that were accepted meanwhile, it must not arrive with
// the older stamp: the server would ignore its traits.
func TestIdentifySyncTraitsCountInTheOrderOfArrival(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, _ := newClient(t)
		rule := srv.Next(1, altertabletest.Hang().On("/identify"))
		user := func(plan string) altertable.Identify {
			return altertable.Identify{DistinctID: "u_1", Traits: altertable.Traits{"plan": plan}}
		}
		require.NoError(t, client.Identify(t.Context(), user("first")))
		pass(time.Second)
		done := make(chan error, 1)
		go func() { _, err := client.IdentifySync(t.Context(), user("second")); done <- err }()
		synctest.Wait()
		require.NoError(t, client.Identify(t.Context(), user("third")))
		rule.Release()
		require.NoError(t, <-done)
		i, ok := srv.Identity("production", "u_1")
		require.True(t, ok)
		assert.Equal(t, "second", i.Traits["plan"])
		require.NoError(t, client.Flush(t.Context()))
		i, _ = srv.Identity("production", "u_1")
		assert.Equal(t, "third", i.Traits["plan"])
	})
}

// A connection that has led to the wrong server (421) is left at once, one time.
func TestMisdirectedSyncCall(t *testing.T) {
	const misdirected, unavailable = 421, 503
	for name, test := range map[string]struct {
		answers  []int
		requests int64
		status   int // of the final error
		waits    bool
	}{
		"once":                     {[]int{misdirected}, 2, 0, false},
		"twice":                    {[]int{misdirected, misdirected}, 2, misdirected, false},
		"once, then unavailable":   {[]int{misdirected, unavailable}, 3, 0, true},
		"unavailable, then once":   {[]int{unavailable, misdirected}, 3, 0, true},
		"twice, not one by one":    {[]int{misdirected, unavailable, misdirected}, 3, misdirected, true},
		"once, then a refused key": {[]int{misdirected, 401}, 2, 401, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, srv, l := newClient(t)
				for _, status := range test.answers {
					srv.Next(1, altertabletest.Status(status).HTML("<html>"))
				}
				start := time.Now()
				_, err := client.TrackSync(t.Context(), event("e0"))
				if test.status == 0 {
					require.NoError(t, err)
					assert.Equal(t, []string{"e0"}, stored(srv))
				} else {
					var api *altertable.APIError
					require.ErrorAs(t, err, &api)
					assert.Equal(t, test.status, api.StatusCode)
				}
				assert.Equal(t, test.waits, time.Since(start) > 0)
				assert.Equal(t, test.requests, client.Stats().Requests)
				assert.Equal(t, test.requests-1, client.Stats().Retries)
				l.settle(t, client)
			})
		})
	}
}
