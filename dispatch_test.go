package altertable_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
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

func TestFailuresThatPassAreRetried(t *testing.T) {
	faults := map[string]altertabletest.Fault{
		"reset":   altertabletest.Reset(),
		"refused": altertabletest.Refuse(),
		"hang":    altertabletest.Hang(),
		"slow":    altertabletest.Delay(time.Minute),
		"html":    altertabletest.Status(502).HTML("<html>Bad Gateway</html>"),
	}
	for _, status := range []int{408, 425, 429, 500, 501, 502, 503, 504, 599} {
		faults[fmt.Sprint(status)] = altertabletest.Status(status)
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, srv, l := newClient(t)
				srv.Next(3, fault)
				track(t, client, "e0", "e1")
				require.NoError(t, client.Flush(t.Context()))
				assert.Equal(t, numbered(2), stored(srv))
				s := client.Stats()
				assert.EqualValues(t, 4, s.Requests)
				assert.EqualValues(t, 3, s.Retries)
				require.Len(t, l.deliveries, 1)
				assert.Equal(t, 4, l.deliveries[0].Attempts)
				l.settle(t, client, numbered(2)...)
			})
		})
	}
}

func TestAnswersOfSuccessAreFinal(t *testing.T) {
	for name, fault := range map[string]altertabletest.Fault{
		"empty":     altertabletest.Status(200),
		"204":       altertabletest.Status(204),
		"202":       altertabletest.Status(202).JSON(`{"ok":true}`),
		"no page":   altertabletest.Status(200).HTML("stored"),
		"truncated": altertabletest.Pass().Truncate(),
		"endless":   altertabletest.Status(200).Endless(),
		"trickle":   altertabletest.Status(200).JSON(strings.Repeat(" ", 100)).Trickle(time.Second),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, srv, l := newClient(t)
				srv.Always(fault)
				track(t, client, "e0")
				require.NoError(t, client.Flush(t.Context()))
				assert.Len(t, srv.Requests(), 1)
				l.settle(t, client, "e0")
			})
		})
	}
}

func TestFinalAnswersAreReportedOnce(t *testing.T) {
	for name, test := range map[string]struct {
		fault altertabletest.Fault
		is    error
	}{
		"401":                   {altertabletest.Status(401), altertable.ErrUnauthorized},
		"403":                   {altertabletest.Status(403).ErrorCode("forbidden"), altertable.ErrUnauthorized},
		"404":                   {altertabletest.Status(404).HTML("<html>"), nil},
		"415":                   {altertabletest.Status(415), nil},
		"redirect":              {altertabletest.Redirect(307, "https://elsewhere.example/track"), nil},
		"redirect, same host":   {altertabletest.Redirect(302, "/login"), nil},
		"redirect, malformed":   {altertabletest.Redirect(302, "http://[::1"), nil},
		"not modified":          {altertabletest.Status(304), nil},
		"unknown environment":   {altertabletest.Status(400).ErrorCode("environment-not-found"), altertable.ErrEnvironmentNotFound},
		"unknown environment 2": {altertabletest.Status(422).JSON(`{"error":"environment-not-found","message":"no"}`), altertable.ErrEnvironmentNotFound},
		"unknown environment 3": {altertabletest.Status(400).JSON(`{"error_code":"ENVIRONMENT_NOT_FOUND"}`), altertable.ErrEnvironmentNotFound},
		"key, older shape":      {altertabletest.Status(400).JSON(`{"error":{"message":"Invalid API key","code":"AUTHENTICATION_ERROR"}}`), nil},
		"key, invalid":          {altertabletest.Status(400).ErrorCode("invalid-key"), nil},
		"key, with hyphen":      {altertabletest.Status(422).ErrorCode("api-key-revoked"), nil},
		"key, with underscore":  {altertabletest.Status(400).ErrorCode("API_KEY_REVOKED"), nil},
		"key, in one word":      {altertabletest.Status(400).ErrorCode("bad-apikey"), nil},
		"unauthorized":          {altertabletest.Status(400).ErrorCode("unauthorized"), nil},
		"forbidden":             {altertabletest.Status(413).ErrorCode("forbidden"), nil},
		"ok false":              {altertabletest.Status(200).ErrorCode("insert-failed"), nil}, // what of it is stored is unknown
		"ok false, environment": {altertabletest.Status(200).ErrorCode("environment-not-found"), altertable.ErrEnvironmentNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, srv, l := newClient(t)
				srv.Always(test.fault)
				track(t, client, numbered(10)...)
				err := client.Flush(t.Context())
				var api *altertable.APIError
				require.ErrorAs(t, err, &api)
				require.Len(t, srv.Requests(), 1)
				require.Len(t, l.errs, 1)
				require.ErrorAs(t, l.errs[0], &api)
				assert.Equal(t, srv.Requests()[0].Status, api.StatusCode)
				for _, sentinel := range []error{altertable.ErrUnauthorized, altertable.ErrEnvironmentNotFound} {
					assert.Equal(t, sentinel == test.is, errors.Is(l.errs[0], sentinel), "%v", sentinel)
				}
				assert.EqualValues(t, 10, client.Stats().Failed)
				assert.Equal(t, numbered(10), l.lost)
				l.settle(t, client, numbered(10)...)
			})
		})
	}
}

// A refused key costs one request a batch, and each is reported once.
func TestBacklogOfARefusedKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t)
		srv.Always(altertabletest.Status(401))
		track(t, client, numbered(1000)...)
		_ = client.Shutdown(t.Context())
		assert.Len(t, srv.Requests(), 10)
		assert.Len(t, l.errs, 10)
		for _, err := range l.errs {
			assert.ErrorIs(t, err, altertable.ErrUnauthorized)
		}
		l.settle(t, client, numbered(1000)...)
	})
}

// What failed goes again before what waits behind it, whatever its length.
func TestRetriesGoBeforeTheBacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t, altertable.WithMaxBatchSize(1), altertable.WithMaxInFlight(2))
		srv.Always(altertabletest.Delay(50 * time.Millisecond))
		srv.Next(2, altertabletest.Status(503))
		track(t, client, numbered(400)...)
		require.NoError(t, client.Flush(t.Context()))
		var order []string
		for _, r := range srv.Requests() {
			var messages []json.RawMessage
			require.NoError(t, json.Unmarshal(r.Body, &messages))
			order = append(order, names(messages)...)
		}
		for _, name := range []string{"e0", "e1"} {
			assert.Less(t, slices.Index(order[2:], name), 60, "after the probe and its own delay, which is up to 750 ms")
		}
		l.settle(t, client, numbered(400)...)
	})
}

func TestIdentifiesKeepTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t, altertable.WithMaxBatchSize(2))
		srv.Next(1, altertabletest.Status(503).On("/identify"))
		srv.Next(1, altertabletest.Delay(3*time.Second).On("/identify"))
		srv.Next(1, altertabletest.Status(422).On("/identify"))
		srv.Next(1, altertabletest.Reset().On("/identify"))
		var ids []string
		for i := range 9 {
			ids = append(ids, fmt.Sprintf("u_%d", i))
		}
		identifyLinked(t, client, ids...)
		require.NoError(t, client.Flush(t.Context()))
		var order []string
		for _, i := range srv.Identities() {
			order = append(order, i.DistinctID)
		}
		assert.Equal(t, ids, order)
		requests := srv.Requests()
		for i := range requests[1:] {
			assert.False(t, requests[i+1].Start.Before(requests[i].Start.Add(requests[i].Duration)), "one at a time")
		}
		l.settle(t, client, ids...)
	})
}

func TestEnvironmentsDoNotShareABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t)
		srv.Always(altertabletest.Status(400).ErrorCode("environment-not-found").MatchBody(contains("nowhere")))
		for i, environment := range []string{"", "staging", "nowhere", "staging", "production"} {
			e := event(fmt.Sprintf("e%d", i))
			e.Environment = environment
			require.NoError(t, client.Track(t.Context(), e))
		}
		err := client.Flush(t.Context())
		require.ErrorIs(t, err, altertable.ErrEnvironmentNotFound)
		assert.Len(t, srv.Requests(), 3)
		assert.Equal(t, []string{"e2"}, l.lostSoFar())
		l.settle(t, client, numbered(5)...)
	})
}

func TestInFlightIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t, altertable.WithMaxInFlight(3), altertable.WithMaxBatchSize(10))
		rule := srv.Always(altertabletest.Hang())
		track(t, client, numbered(1000)...)
		identify(t, client, "u_1")
		synctest.Wait()
		assert.Equal(t, 3, rule.Hits())
		rule.Release()
		require.NoError(t, client.Flush(t.Context()))
		l.settle(t, client, append(numbered(1000), "u_1")...)
	})
}

func TestMaxElapsedGivesUp(t *testing.T) {
	for elapsed, policy := range map[time.Duration]altertable.RetryPolicy{
		24 * time.Hour: {},
		time.Minute:    {MaxElapsed: time.Minute},
	} {
		t.Run(elapsed.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, srv, l := newClient(t, altertable.WithRetry(policy))
				srv.Always(altertabletest.Status(503))
				track(t, client, "e0")
				pass(elapsed / 2)
				track(t, client, "e1")
				pass(elapsed/2 - 1)
				assert.Empty(t, l.lostSoFar())
				pass(1)
				assert.Equal(t, []string{"e0"}, l.lostSoFar())
				pass(elapsed / 2)
				assert.EqualValues(t, 2, client.Stats().Failed)
				var api *altertable.APIError
				require.ErrorAs(t, l.errs[0], &api)
				assert.Equal(t, 503, api.StatusCode)
				l.settle(t, client, "e0", "e1")
			})
		})
	}
}

// A message that no request has carried is given up as well, if that is because of an outage.
func TestMaxElapsedGivesUpWhatWaitsForTheEndOfAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t, altertable.WithMaxBatchSize(1),
			altertable.WithRetry(altertable.RetryPolicy{InitialInterval: time.Hour, MaxElapsed: time.Minute}))
		srv.Always(altertabletest.Status(503))
		track(t, client, "e0")
		pass(time.Second)
		track(t, client, "e1")
		pass(time.Minute - 1)
		assert.Equal(t, []string{"e0"}, l.lostSoFar())
		pass(1)
		assert.Equal(t, numbered(2), l.lostSoFar())
		var lost *altertable.DeliveryError
		require.ErrorAs(t, l.errs[1], &lost)
		assert.Zero(t, lost.Attempts)
		var api *altertable.APIError
		require.ErrorAs(t, lost, &api, "the outage's cause")
		assert.EqualValues(t, 1, client.Stats().Requests)
		l.settle(t, client, numbered(2)...)
	})
}

// An older message that waits for company alone does not keep others from
// growing too old.
func TestMaxElapsedDoesNotWaitForOlderMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t, altertable.WithMaxBatchSize(2), altertable.WithFlushInterval(time.Hour),
			altertable.WithRetry(altertable.RetryPolicy{MaxElapsed: time.Minute}))
		srv.Always(altertabletest.Status(500).MatchBody(contains("e0")))
		identify(t, client, "u_1")
		track(t, client, "e0", "e1")
		pass(time.Second)
		track(t, client, "e2", "e3")
		pass(59*time.Second - 1)
		assert.Equal(t, []string{"e2", "e3"}, stored(srv))
		assert.Empty(t, l.lostSoFar())
		pass(time.Nanosecond)
		assert.Equal(t, numbered(2), l.lostSoFar())
		require.NoError(t, client.Flush(t.Context()))
		l.settle(t, client, append(numbered(4), "u_1")...)
	})
}

// Identifies arrive in the order of their stamps: the server ignores the
// traits of one that is older than what it has.
func TestIdentifiesArriveInTheOrderOfTheirStamps(t *testing.T) {
	for name, test := range map[string]struct {
		sync    bool // half of the calls are synchronous
		options func(t *testing.T) []altertable.Option
	}{
		"memory": {true, func(*testing.T) []altertable.Option { return nil }},
		"spool":  {true, func(t *testing.T) []altertable.Option { return []altertable.Option{altertable.WithSpool(t.TempDir())} }},
		"backlog": {false, func(t *testing.T) []altertable.Option {
			return []altertable.Option{altertable.WithSpool(t.TempDir()), altertable.WithMaxQueueSize(4)}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			client, srv, _ := newClient(t, test.options(t)...)
			var wg sync.WaitGroup
			for g := range 16 {
				wg.Go(func() {
					for range 100 {
						var err error
						if i := (altertable.Identify{DistinctID: "u_1"}); test.sync && g%2 == 0 {
							_, err = client.IdentifySync(context.Background(), i)
						} else {
							err = client.Identify(context.Background(), i)
						}
						assert.NoError(t, err)
					}
				})
			}
			wg.Wait()
			require.NoError(t, client.Flush(t.Context()))
			var last time.Time
			for _, r := range srv.Requests() {
				for _, field := range timestamps.FindAllSubmatch(r.Body, -1) {
					stamp, err := time.Parse(time.RFC3339, string(field[1]))
					require.NoError(t, err)
					require.True(t, stamp.After(last), "%v after %v", stamp, last)
					last = stamp
				}
			}
		})
	}
}

var timestamps = regexp.MustCompile(`"timestamp":"([^"]+)"`)

// A connection that has led to the wrong server is left at once, one time.
func TestMisdirectedBatchGoesOnceMoreAtOnce(t *testing.T) {
	for answers, want := range map[int]int{1: 0, 2: 1} { // lost
		synctest.Test(t, func(t *testing.T) {
			client, srv, l := newClient(t)
			srv.Next(answers, altertabletest.Status(421))
			track(t, client, "e0")
			_ = client.Flush(t.Context())
			assert.Equal(t, []time.Duration{0, 0}, starts(srv, "/track"))
			assert.Len(t, l.lostSoFar(), want)
			assert.EqualValues(t, 1, client.Stats().Retries)
			if want == 1 {
				var api *altertable.APIError
				require.ErrorAs(t, l.errs[0], &api)
				assert.Equal(t, 421, api.StatusCode)
			}
			l.settle(t, client, "e0")
		})
	}
}
