package intake_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/relay/internal/broker"
	"github.com/altertable-ai/altertable-go/relay/internal/intake"
)

func requireLater(t *testing.T, a reply, code string) {
	t.Helper()
	require.Equal(t, 503, a.status, a.body)
	require.Equal(t, code, a.code)
	seconds, err := strconv.Atoi(a.header.Get("Retry-After"))
	require.NoError(t, err)
	require.True(t, 1 <= seconds && seconds <= 30, seconds)
}

func TestWhileTheBrokerIsAwayTheAnswerIs503(t *testing.T) {
	s := startOn(t, nil, intake.Options{})
	requireLater(t, s.post(t, "/track", track(1)), "unavailable")
	requireLater(t, s.post(t, "/track?sync=true", track(1)), "unavailable")
	assert.Equal(t, 400, s.post(t, "/track", "x").status, "what the API refuses is refused all the same")
	assert.Equal(t, 401, s.post(t, "/track", track(1), "X-API-Key", "x").status)
}

func TestWhenTheBrokerHasEndedTheAnswerIs503(t *testing.T) {
	b := openBroker(t)
	js := b.JetStream()
	s := startOn(t, b, intake.Options{JetStream: func() jetstream.JetStream { return js }})
	require.Equal(t, 200, s.post(t, "/track", track(1)).status)
	b.Close()
	requireLater(t, s.post(t, "/track", track(2)), "unavailable")
	requireLater(t, s.post(t, "/track?sync=true", track(2)), "unavailable")
}

func TestWithoutAStreamTheAnswerIs503(t *testing.T) {
	b := openStreams(t, broker.Tenant{Name: "other", MaxBytes: 1 << 20})
	s := startOn(t, b, intake.Options{})
	requireLater(t, s.post(t, "/track", track(1)), "unavailable")
}

func TestWhenTheStreamIsFullTheAnswerIs503AndNothingIsLost(t *testing.T) {
	b := openStreams(t, broker.Tenant{Name: "acme", MaxBytes: 1 << 20})
	s := startOn(t, b, intake.Options{})
	taken := 0
	for n := 0; ; n += 100 {
		a := s.post(t, "/track", list(100, func(i int) string { return sized(n+i, 1000) }))
		if a.status != 200 {
			requireLater(t, a, "full")
			break
		}
		taken += 100
	}
	assert.Greater(t, taken, 500)
	assert.Len(t, s.events(t, "acme"), taken)
	requireLater(t, s.post(t, "/track", list(2000, func(i int) string { return sized(i, 900) })), "full")
	require.NoError(t, streamOf(t, b, "acme").Purge(t.Context()))
	assert.Equal(t, 200, s.post(t, "/track", track(1)).status)
	assert.Equal(t, 1, strings.Count(s.log.String(), "cannot be stored"), s.log.String())
	assert.Equal(t, 1, strings.Count(s.log.String(), "stored again"))
}

// One tenant's full stream is told once, however often another one's events are stored.
func TestFailuresAreLoggedOnceForEachTenant(t *testing.T) {
	other := intake.Tenant{Name: "other", Tokens: []intake.Token{{SHA256: sha256.Sum256([]byte("others"))}}}
	b := openBroker(t, acme(), other)
	s := startOn(t, b, intake.Options{Tenants: []intake.Tenant{acme(), other}, JetStream: wrap(b, func(ctx context.Context, m *nats.Msg, publish func(context.Context) (*jetstream.PubAck, error)) (*jetstream.PubAck, error) {
		if strings.Contains(m.Subject, "other") {
			return nil, &jetstream.APIError{Code: 503, ErrorCode: 10077, Description: "maximum bytes exceeded"}
		}
		return publish(ctx)
	})})
	for n := range 3 {
		requireLater(t, s.post(t, "/track", track(n), "X-API-Key", "others"), "full")
		assert.Equal(t, 200, s.post(t, "/track", track(n)).status)
	}
	assert.Equal(t, 1, strings.Count(s.log.String(), "cannot be stored"), s.log.String())
	assert.Contains(t, s.log.String(), "tenant=other")
	assert.NotContains(t, s.log.String(), "stored again")
}

// A retry after a part failed brings the rest, behind what is stored: no identify
// gets behind one that is later in its body.
func TestARetryAfterAFailureKeepsTheOrder(t *testing.T) {
	for _, kind := range []string{"not stored", "acknowledgement lost"} {
		t.Run(kind, func(t *testing.T) {
			b := openBroker(t)
			fails := 3
			s := startOn(t, b, intake.Options{JetStream: wrap(b, func(ctx context.Context, m *nats.Msg, publish func(context.Context) (*jetstream.PubAck, error)) (*jetstream.PubAck, error) {
				if strings.HasSuffix(m.Header.Get("Nats-Msg-Id"), "-1") && fails > 0 {
					if fails--; kind == "acknowledgement lost" {
						_, err := publish(ctx)
						require.NoError(t, err)
					}
					return nil, context.DeadlineExceeded
				}
				return publish(ctx)
			})})
			each := func(n int) string { return strings.Replace(track(n), "production", "staging", 1) }
			for range 3 {
				requireLater(t, s.post(t, "/identify", list(350, each)), "unavailable")
			}
			require.Equal(t, 200, s.post(t, "/identify", list(350, each)).status)
			all := s.events(t, "acme")
			require.Len(t, all, 350)
			for n, e := range all {
				require.Equal(t, "u_"+strconv.Itoa(n), e["distinct_id"])
			}
		})
	}
}

// Of two identifies with the intake's stamp the one that is stored later has the
// later stamp.
func TestStampedIdentifiesAreStoredInTheOrderOfTheirStamps(t *testing.T) {
	b := openBroker(t)
	s := startOn(t, b, intake.Options{})
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for n := range 25 {
				a := s.post(t, "/identify", fmt.Sprintf(`[{"environment":"e","distinct_id":"u_%d_%d"},{"environment":"e","distinct_id":"u"}]`, worker, n))
				assert.Equal(t, 200, a.status)
			}
		})
	}
	group.Wait()
	all := s.events(t, "acme")
	require.Len(t, all, 400)
	last := time.Time{}
	for _, e := range all {
		at, err := time.Parse(time.RFC3339Nano, e["timestamp"].(string))
		require.NoError(t, err)
		require.Greater(t, at, last)
		last = at
	}
}

// An outcome may take long to come, and others' identifies do not wait for it.
func TestAnIdentifyThatWaitsForItsOutcomeIsInNobodysWay(t *testing.T) {
	b := openBroker(t)
	subjects := make(chan string, 2)
	s := startOn(t, b, intake.Options{SyncTimeout: time.Hour, JetStream: wrap(b, func(ctx context.Context, m *nats.Msg, publish func(context.Context) (*jetstream.PubAck, error)) (*jetstream.PubAck, error) {
		subjects <- m.Header.Get("Altertable-Outcome")
		return publish(ctx)
	})})
	const identify = `{"environment":"e","distinct_id":"u"}`
	answered := make(chan reply, 1)
	go func() { answered <- s.post(t, "/identify?sync=true", identify) }()
	waits := <-subjects
	require.Equal(t, 200, s.post(t, "/identify", identify).status)
	require.NoError(t, b.Conn().Publish(waits, []byte(`{"status":200}`)))
	assert.Equal(t, 200, (<-answered).status)
}

// A client that leaves does not take back what it sent.
func TestAClientThatLeavesDoesNotEndThePublishing(t *testing.T) {
	b := openBroker(t)
	begun, left, done := make(chan bool), make(chan bool), make(chan bool)
	s := startOn(t, b, intake.Options{JetStream: wrap(b, func(ctx context.Context, m *nats.Msg, publish func(context.Context) (*jetstream.PubAck, error)) (*jetstream.PubAck, error) {
		if strings.HasSuffix(m.Header.Get("Nats-Msg-Id"), "-0") {
			close(begun)
			<-left
		} else {
			defer close(done)
		}
		_, bounded := ctx.Deadline()
		assert.True(t, bounded)
		return publish(ctx)
	})})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-begun; cancel() }()
	_, err := s.client.Do(s.request(t, "/track", list(200, track)).WithContext(ctx))
	require.ErrorIs(t, err, context.Canceled)
	close(left)
	<-done
	s.Close()
	assert.Len(t, s.events(t, "acme"), 200)
}

func TestWhatTheBrokerCannotTakeIs413AndStoresNothing(t *testing.T) {
	ns, err := server.NewServer(&server.Options{DontListen: true, JetStream: true, StoreDir: t.TempDir(), MaxPayload: 200 << 10, NoSigs: true})
	require.NoError(t, err)
	ns.Start()
	t.Cleanup(func() { ns.Shutdown(); ns.WaitForShutdown() })
	require.True(t, ns.ReadyForConnections(20*time.Second))
	nc, err := nats.Connect("", nats.InProcessServer(ns))
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "ALTERTABLE_acme", Subjects: []string{"altertable.v1.acme.>"}, MaxMsgSize: 100 << 10})
	require.NoError(t, err)
	s := startOn(t, nil, intake.Options{JetStream: func() jetstream.JetStream { return js }})
	stored := func() uint64 {
		stream, err := js.Stream(t.Context(), "ALTERTABLE_acme")
		require.NoError(t, err)
		return stream.CachedInfo().State.Msgs
	}

	assert.Equal(t, 413, s.post(t, "/track", list(300, func(n int) string { return sized(n, []int{1000, 2050, 1000}[n/100]) })).status)
	assert.EqualValues(t, 0, stored(), "the second part is over the payload")
	assert.Equal(t, 413, s.post(t, "/track", sized(1, 150<<10)).status, "the stream's limit")
	assert.Equal(t, 200, s.post(t, "/track", sized(1, 50<<10)).status)
	assert.EqualValues(t, 1, stored())
}

func TestAnEventThatOnlyAnAdditionMakesTooLargeIs413(t *testing.T) {
	s := start(t, intake.Options{})
	pad := func(size int) string {
		return `{"environment":"e","event":"e","properties":{"a":"` + strings.Repeat("x", size-66) + `"},"x":1}`
	}
	require.Len(t, pad(2_097_152), 2_097_152-66+len(pad(66)))
	assert.Equal(t, 413, s.post(t, "/track", pad(2_097_140)).status)
	assert.Equal(t, 200, s.post(t, "/track", pad(2_097_152-200)).status)
}

func TestAnErrorOfTheBrokerIsNoAnswerOfTheAPI(t *testing.T) {
	b := openBroker(t)
	var failure error
	s := startOn(t, b, intake.Options{JetStream: wrap(b, func(context.Context, *nats.Msg, func(context.Context) (*jetstream.PubAck, error)) (*jetstream.PubAck, error) {
		return nil, failure
	})})
	refusal := func(code jetstream.ErrorCode, text string) error {
		return fmt.Errorf("nats: %w", &jetstream.APIError{Code: 503, ErrorCode: code, Description: text})
	}
	for _, c := range []struct {
		err  error
		code string
	}{
		{context.DeadlineExceeded, "unavailable"}, {nats.ErrNoResponders, "unavailable"}, {jetstream.ErrNoStreamResponse, "unavailable"},
		{nats.ErrConnectionClosed, "unavailable"}, {nats.ErrReconnectBufExceeded, "unavailable"}, {errors.New("other"), "unavailable"},
		{refusal(10077, "maximum bytes exceeded"), "full"}, {refusal(10077, "maximum messages exceeded"), "full"},
		{refusal(10077, "write /x/1.blk: no space left on device"), "full"}, {refusal(10077, "raft: closed"), "unavailable"},
		{refusal(10023, "insufficient resources"), "full"}, {refusal(10047, "insufficient storage resources available"), "full"},
		{refusal(10008, "JetStream system temporarily unavailable"), "unavailable"}, {refusal(10158, "duplicate message id is in process"), "unavailable"},
	} {
		failure = c.err
		requireLater(t, s.post(t, "/track", track(1)), c.code)
	}
	failure = nats.ErrMaxPayload
	assert.Equal(t, 413, s.post(t, "/track", track(1)).status)
	assert.Equal(t, 1, strings.Count(s.log.String(), "cannot be stored"))
}

func TestABrokerThatDoesNotAnswerIsA503InTime(t *testing.T) {
	b := openBroker(t)
	s := startOn(t, b, intake.Options{JetStream: wrap(b, func(ctx context.Context, _ *nats.Msg, _ func(context.Context) (*jetstream.PubAck, error)) (*jetstream.PubAck, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})})
	s.SetTimes(time.Minute, 20*time.Millisecond)
	requireLater(t, s.post(t, "/track", list(300, track)), "unavailable")
	requireLater(t, s.post(t, "/track?sync=true", track(1)), "unavailable")
}

func TestABodyOfTooManyEnvironmentsIs413(t *testing.T) {
	s := start(t, intake.Options{})
	each := func(n int) string { return strings.Replace(track(n), "production", "e"+strconv.Itoa(n), 1) }
	assert.Equal(t, 413, s.post(t, "/track", list(1001, each)).status)
	assert.Empty(t, s.stored(t, "acme"))
	assert.Equal(t, 200, s.post(t, "/track", list(50, each)).status)
	assert.Len(t, s.stored(t, "acme"), 50)
}

// A stream that is now full and now not, beside another that is not, would fill
// the log as fast as anybody with a token can send.
func TestAFailureThatComesAndGoesIsLoggedOnce(t *testing.T) {
	tenants := []intake.Tenant{acme(), {Name: "other", Tokens: []intake.Token{{SHA256: sha256.Sum256([]byte("rt_other"))}}}}
	b := openBroker(t, tenants...)
	n := 0
	s := startOn(t, b, intake.Options{Tenants: tenants, JetStream: wrap(b, func(ctx context.Context, m *nats.Msg, publish func(context.Context) (*jetstream.PubAck, error)) (*jetstream.PubAck, error) {
		if n++; strings.Contains(m.Subject, ".acme.") && n%4 != 0 {
			return nil, nats.ErrNoResponders
		}
		return publish(ctx)
	})})
	for i := range 40 {
		s.post(t, "/track", track(i))
		require.Equal(t, 200, s.post(t, "/track", track(i), "X-API-Key", "rt_other").status)
		s.post(t, "/track", track(100+i))
		s.post(t, "/track", track(200+i))
	}
	assert.Equal(t, 1, strings.Count(s.log.String(), "cannot be stored"), s.log.String())
	assert.Contains(t, s.log.String(), "tenant=acme")
	assert.NotContains(t, s.log.String(), "tenant=other")
}
