package altertable_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// in returns a fault's condition: the body is about the environment.
func in(environment string) func([]byte) bool {
	return func(body []byte) bool { return bytes.Contains(body, []byte(`"environment":"`+environment+`"`)) }
}

// about returns a condition: the request is about the environment.
func about(environment string) func(altertabletest.Request) bool {
	return func(r altertabletest.Request) bool { return in(environment)(r.Body) }
}

// missing is what the server answers about an environment that does not exist.
func missing(environment string) altertabletest.Fault {
	return altertabletest.Status(400).ErrorCode("environment-not-found").MatchBody(in(environment))
}

// trackIn tracks events in an environment.
func trackIn(t *testing.T, client *altertable.Client, environment string, names ...string) {
	t.Helper()
	for _, name := range names {
		e := event(name)
		e.Environment = environment
		require.NoError(t, client.Track(t.Context(), e))
	}
}

func identifyIn(t *testing.T, client *altertable.Client, environment string, ids ...string) {
	t.Helper()
	for _, id := range ids {
		i := linked(id)
		i.Environment = environment
		require.NoError(t, client.Identify(t.Context(), i))
	}
}

func TestMissingEnvironmentHoldsUpNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, log := time.Now(), new(logged)
		client, srv, l := newSpoolClient(t, t.TempDir(), altertable.WithMaxBatchSize(10), altertable.WithLogger(slog.New(slog.NewTextHandler(log, nil))))
		gone := srv.Always(missing("staging"))
		trackIn(t, client, "staging", "s_0")
		identifyIn(t, client, "staging", "u_0")
		require.NoError(t, client.Alias(t.Context(), altertable.Alias{DistinctID: "x", NewUserID: "y", Environment: "staging"}))
		pass(2 * time.Second)
		first := len(startsWhere(srv, start, about("staging")))
		assert.LessOrEqual(t, first, 3, "one of each endpoint, at one time")
		for round := range 10 {
			track(t, client, numberedFrom(round*100, 100)...)
			identifyLinked(t, client, fmt.Sprintf("p_%d", round))
			trackIn(t, client, "staging", fmt.Sprintf("s_%d", round+1))
			identifyIn(t, client, "staging", fmt.Sprintf("u_%d", round+1))
			pass(28 * time.Second)
			assert.Len(t, srv.Events(), (round+1)*100, "at full speed")
			assert.Len(t, srv.Identities(), round+1)
		}
		pass(20 * time.Second) // 302 s
		assert.Equal(t, times(time.Second+every, every, 9), startsWhere(srv, start, about("staging"))[first:], "one probe, whatever its endpoint")
		assert.EqualValues(t, first+10, client.Stats().FailedRequests)
		for _, line := range log.lines() {
			assert.Contains(t, line, "the environment does not exist, messages stay on disk")
			assert.Contains(t, line, "https://altertable.ai/dashboard/environments/new?name=staging")
		}
		assert.Len(t, log.lines(), 6, "once a minute")

		gone.Release()
		pass(every)
		assert.EqualValues(t, 0, client.Stats().Queued)
		assert.Empty(t, l.lostSoFar())
		i, ok := srv.Identity("staging", "u_10")
		require.True(t, ok)
		var ids []string
		for _, other := range srv.Identities() {
			if other.Environment == "staging" && strings.HasPrefix(other.DistinctID, "u_") {
				ids = append(ids, other.DistinctID)
			}
		}
		assert.Len(t, ids, 11)
		assert.Equal(t, "u_0", ids[0], "in the order of acceptance")
		assert.Equal(t, i.DistinctID, ids[10])
	})
}

// Identifies of one person are updated in the order of acceptance when the
// environment is there, and those of others do not wait.
func TestOrderBehindAMissingEnvironment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, _ := newSpoolClient(t, t.TempDir(), altertable.WithMaxBatchSize(2))
		gone := srv.Always(missing("staging"))
		for n := range 20 {
			for _, id := range []string{"u_0", "u_1", "u_2"} {
				require.NoError(t, client.Identify(t.Context(), altertable.Identify{DistinctID: id, Environment: "staging", Traits: altertable.Traits{"n": n, fmt.Sprint(n): true}}))
			}
			pass(time.Second)
		}
		err := client.Flush(within(t, time.Second))
		require.ErrorIs(t, err, altertable.ErrEnvironmentNotFound)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		_, err = client.IdentifySync(within(t, time.Second), altertable.Identify{DistinctID: "u_0", Environment: "staging"})
		require.ErrorIs(t, err, context.DeadlineExceeded, "it goes after them")
		_, err = client.IdentifySync(within(t, time.Second), altertable.Identify{DistinctID: "u_3", Environment: "staging"})
		require.ErrorIs(t, err, altertable.ErrEnvironmentNotFound)
		gone.Release()
		require.NoError(t, client.Flush(t.Context()))
		for _, i := range srv.Identities() {
			assert.EqualValues(t, 19, i.Traits["n"])
			assert.Len(t, i.Traits, 21, "none are lost")
		}
	})
}

// What the probe of an environment meets besides its refusal.
func TestProbeOfAnEnvironment(t *testing.T) {
	for name, test := range map[string]struct {
		options []altertable.Option
		then    altertabletest.Fault // meets e0, the oldest, once the environment exists
		want    []string             // the others that are delivered
	}{
		"503":      {nil, altertabletest.Status(503), numberedFrom(1, 9)},
		"timeout":  {nil, altertabletest.Hang(), numberedFrom(1, 9)},
		"rejected": {nil, altertabletest.Status(404), numberedFrom(1, 9)},
		"split":    {[]altertable.Option{altertable.WithMaxBatchSize(4)}, altertabletest.Status(422), numberedFrom(1, 9)},
		"expires":  {[]altertable.Option{altertable.WithRetry(altertable.RetryPolicy{MaxElapsed: 25 * time.Second})}, altertabletest.Pass(), numberedFrom(5, 5)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				client, srv, l := newSpoolClient(t, t.TempDir(), append([]altertable.Option{altertable.WithMaxBatchSize(1)}, test.options...)...)
				srv.Always(test.then.MatchBody(contains("e0")))
				gone := srv.Always(missing("staging"))
				trackIn(t, client, "staging", "e0")
				pass(2 * time.Second)
				trackIn(t, client, "staging", numberedFrom(1, 4)...)
				pass(18 * time.Second)
				trackIn(t, client, "staging", numberedFrom(5, 5)...)
				track(t, client, "p")
				pass(5 * time.Second)
				assert.Len(t, startsWhere(srv, start, about("staging")), 1)
				gone.Release()
				pass(20 * time.Second)
				assert.ElementsMatch(t, append(test.want, "p"), stored(srv))
				srv.ClearFaults()
				_ = client.Flush(within(t, time.Hour)) // some were given up
				l.settle(t, client, append(numbered(10), "p")...)
			})
		})
	}
}

// Failures that have to do with nothing but the oldest batch do not keep the
// gate shut, be it that the environment is the only one in use.
func TestProbeOfAnEnvironmentIsAtFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, _ := newSpoolClient(t, t.TempDir(), altertable.WithMaxBatchSize(1))
		srv.Always(altertabletest.Status(500).MatchBody(contains("e0", "e1")))
		gone := srv.Always(missing("staging"))
		trackIn(t, client, "staging", numbered(20)...)
		pass(time.Second)
		gone.Release()
		pass(every + 5*time.Second)
		assert.ElementsMatch(t, numberedFrom(2, 18), stored(srv))
	})
}

// An endpoint that is down does not keep the others from finding out.
func TestProbeGoesToAnEndpointThatWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, _ := newSpoolClient(t, t.TempDir(), altertable.WithMaxBatchSize(1))
		track(t, client, "p")
		require.NoError(t, client.Flush(t.Context()))
		srv.Always(altertabletest.Status(503).On("/identify"))
		gone := srv.Always(missing("staging").On("/track"))
		identify(t, client, "u_0")
		pass(5 * time.Minute)
		identifyIn(t, client, "staging", "u_1")
		trackIn(t, client, "staging", "e0")
		pass(2 * time.Second)
		gone.Release()
		pass(every)
		assert.Equal(t, []string{"p", "e0"}, stored(srv))
	})
}

func TestProbeOfAnEnvironmentIsEvicted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		client, srv, l := newSpoolClient(t, dir, altertable.WithSpool(dir, altertable.SpoolMaxBytes(64<<10)), altertable.WithOverflow(altertable.DropOldest),
			altertable.WithMaxBatchSize(10))
		gone := srv.Always(missing("staging"))
		trackIn(t, client, "staging", numbered(10)...)
		synctest.Wait() // no request carries them any more
		trackIn(t, client, "staging", numberedFrom(10, 990)...)
		pass(time.Second)
		lost := l.lostSoFar()
		assert.Equal(t, numbered(len(lost)), lost, "the oldest")
		assert.Greater(t, len(lost), 500)
		gone.Release()
		pass(every)
		l.settle(t, client, numbered(1000)...)
		assert.ElementsMatch(t, numberedFrom(len(lost), 1000-len(lost)), stored(srv))
	})
}

func TestMaxElapsedGivesUpWhatAMissingEnvironmentHoldsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newSpoolClient(t, t.TempDir(), altertable.WithMaxBatchSize(1), altertable.WithRetry(altertable.RetryPolicy{MaxElapsed: time.Minute}))
		srv.Always(missing("staging"))
		identifyIn(t, client, "staging", "u_0", "u_1")
		pass(10 * time.Second)
		identifyIn(t, client, "staging", "u_2")
		trackIn(t, client, "staging", "e0")
		pass(49 * time.Second)
		assert.Empty(t, l.lostSoFar())
		pass(time.Second)
		assert.ElementsMatch(t, []string{"u_0", "u_1"}, l.lostSoFar())
		pass(10 * time.Second)
		l.settle(t, client, "u_0", "u_1", "u_2", "e0")
		for _, err := range l.errs {
			assert.ErrorIs(t, err, altertable.ErrEnvironmentNotFound)
		}
	})
}

// What waited for its environment and did not fail itself is not old afterwards.
func TestEnvironmentThatAppearsLeavesNoTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newSpoolClient(t, t.TempDir(), altertable.WithMaxBatchSize(1), altertable.WithMaxInFlight(1), altertable.WithRequestTimeout(time.Hour),
			altertable.WithRetry(altertable.RetryPolicy{MaxElapsed: time.Minute}))
		srv.Next(1, missing("staging"))
		trackIn(t, client, "staging", "e0", "e1", "e2")
		slow := srv.Next(1, altertabletest.Hang().MatchBody(contains("e1")))
		pass(2 * time.Minute)
		assert.Equal(t, []string{"e0"}, stored(srv))
		assert.Empty(t, l.lostSoFar(), "e2 has not failed")
		slow.Release()
		require.NoError(t, client.Flush(t.Context()))
		l.settle(t, client, "e0", "e1", "e2")
	})
}

// A refusal that comes after the environment appeared says nothing any more, and
// a probe that hangs does not hold up another one.
func TestOldNewsOfAnEnvironment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		client, srv, l := newSpoolClient(t, t.TempDir(), altertable.WithMaxBatchSize(1), altertable.WithRequestTimeout(20*time.Second),
			altertable.WithRetry(altertable.RetryPolicy{InitialInterval: time.Second, MaxInterval: 5 * time.Second}))
		srv.Next(1, missing("staging").Delay(time.Second).MatchBody(contains("e0")))
		srv.Next(1, missing("staging").Delay(10*time.Second).MatchBody(contains("e1")))
		trackIn(t, client, "staging", "e0", "e1")
		pass(10*time.Second + time.Millisecond)
		trackIn(t, client, "staging", "e2")
		pass(time.Second)
		assert.Equal(t, []time.Duration{0, 0, 6 * time.Second, 10*time.Second + time.Millisecond, 11 * time.Second}, startsWhere(srv, start, about("staging")))
		l.settle(t, client, "e0", "e1", "e2")
	})
}

// Only the probe's answer opens the gate: another's request began when the
// environment was there.
func TestOldSuccessOfAnEnvironment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newSpoolClient(t, t.TempDir(), altertable.WithMaxBatchSize(1),
			altertable.WithRetry(altertable.RetryPolicy{InitialInterval: time.Second, MaxInterval: time.Minute}))
		srv.Next(1, altertabletest.Status(200).Delay(3*time.Second).MatchBody(contains("e0")))
		gone := srv.Always(missing("staging"))
		trackIn(t, client, "staging", numbered(10)...)
		pass(time.Second)
		denied := len(srv.Requests())
		pass(20 * time.Second)
		assert.EqualValues(t, 1, client.Stats().Delivered)
		assert.Len(t, srv.Requests(), denied, "it is not time for a probe")
		gone.Release()
		require.NoError(t, client.Flush(t.Context()))
		l.settle(t, client, numbered(10)...)
	})
}

// Behind a missing environment, too, adopted messages that are too old are sent
// once before they are given up.
func TestOldMessagesOfAMissingEnvironmentAreTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		dead, down, _ := newSpoolClient(t, dir)
		down.Always(altertabletest.Status(503))
		trackIn(t, dead, "staging", numbered(10)...)
		require.NoError(t, dead.Shutdown(within(t, time.Millisecond)))
		pass(48 * time.Hour)
		srv := altertabletest.NewServer()
		defer srv.Close()
		gone := srv.Always(missing("staging"))
		client, _, l := newSpoolClient(t, dir, altertable.WithHTTPClient(srv.HTTPClient()), altertable.WithMaxBatchSize(1), altertable.WithMaxInFlight(1))
		pass(2 * time.Minute)
		assert.NotEmpty(t, l.lostSoFar(), "what was sent")
		gone.Release()
		pass(time.Hour)
		assert.Empty(t, l.untried())
		assert.NotEmpty(t, srv.Events())
		l.settle(t, client, numbered(10)...)
		require.NoError(t, client.Close())
	})
}
