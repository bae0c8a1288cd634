package intake_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/relay/internal/broker"
	"github.com/altertable-ai/altertable-go/relay/internal/intake"
)

// tellOutcomes publishes what each returns for a part's number, and subject, as
// soon as that is stored.
func tellOutcomes(t *testing.T, b *broker.Broker, each func(number string) []string) func() jetstream.JetStream {
	return wrap(b, func(ctx context.Context, m *nats.Msg, publish func(context.Context) (*jetstream.PubAck, error)) (*jetstream.PubAck, error) {
		ack, err := publish(ctx)
		subject := m.Header.Get("Altertable-Outcome")
		if assert.NotEmpty(t, subject) {
			for _, text := range each(subject[strings.LastIndex(subject, ".")+1:]) {
				assert.NoError(t, b.Conn().Publish(subject, []byte(text)))
			}
		}
		return ack, err
	})
}

func TestASynchronousRequestIsAnsweredOnItsOutcome(t *testing.T) {
	const ok = `{"status":200,"code":"","task_id":""}`
	for _, c := range []struct {
		name     string
		events   int
		outcomes map[string][]string
		status   int
		code     string
		body     string
	}{
		{"delivered", 2, map[string][]string{"0": {`{"status":200,"code":"","task_id":"task-7"}`}}, 200, "", `{"ok":true,"task_id":"task-7","error_code":null}`},
		{"without a task", 2, map[string][]string{"0": {ok}}, 200, "", `{"ok":true,"error_code":null}`},
		{"refused", 2, map[string][]string{"0": {`{"status":400,"code":"insert-failed","task_id":""}`}}, 400, "insert-failed", ""},
		{"refused without a code", 2, map[string][]string{"0": {`{"status":422,"code":"","task_id":""}`}}, 422, "", `{"ok":false,"error_code":null}`},
		{"three parts", 250, map[string][]string{"0": {ok}, "1": {ok}, "2": {ok}}, 200, "", `{"ok":true,"error_code":null}`},
		{"the first refusal counts", 250, map[string][]string{"0": {ok}, "1": {`{"status":422,"code":"b"}`}, "2": {`{"status":400,"code":"c"}`}}, 422, "b", ""},
		{"told twice", 250, map[string][]string{"0": {ok, ok, ok}, "1": {ok, ok}, "2": {ok}}, 200, "", ""},
		{"garbage", 2, map[string][]string{"0": {"", "x", "[]", ok}}, 200, "", ""},
		{"an impossible status", 2, map[string][]string{"0": {`{"status":7}`}}, 500, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := openBroker(t)
			s := startOn(t, b, intake.Options{JetStream: tellOutcomes(t, b, func(n string) []string { return c.outcomes[n] })})
			a := s.post(t, "/track?sync=true", list(c.events, track))
			assert.Equal(t, c.status, a.status)
			assert.Equal(t, c.code, a.code)
			if c.body != "" {
				assert.JSONEq(t, c.body, a.body)
			}
			assert.Len(t, s.events(t, "acme"), c.events)
		})
	}
}

func TestAnOutcomeThatDoesNotComeIsA504(t *testing.T) {
	b := openBroker(t)
	s := startOn(t, b, intake.Options{SyncTimeout: 50 * time.Millisecond, JetStream: tellOutcomes(t, b, func(number string) []string {
		if number == "1" {
			return nil
		}
		return []string{`{"status":400,"code":"insert-failed"}`}
	})})
	a := s.post(t, "/track?sync=true", list(150, track))
	assert.Equal(t, 504, a.status)
	assert.Equal(t, "timeout", a.code)
	assert.Len(t, s.events(t, "acme"), 150, "they are stored")
	assert.Zero(t, b.Conn().NumSubscriptions()-1, "the subscription is left")
}

func TestOnlySyncTrueWaits(t *testing.T) {
	s := start(t, intake.Options{SyncTimeout: time.Hour})
	for _, query := range []string{"?sync=false", "?sync=1", "?sync=", "?SYNC=true", "?sync=false&sync=true"} {
		assert.Equal(t, 200, s.post(t, "/track"+query, track(1)).status, query)
	}
}

// The answer of the first request was lost: the retry is a copy that the broker
// knows, and hears the outcome of the first.
func TestARetryHearsTheOutcomeOfTheFirstRequest(t *testing.T) {
	b := openBroker(t)
	var subjects []string
	tells := new(atomic.Bool)
	js := wrap(b, func(ctx context.Context, m *nats.Msg, publish func(context.Context) (*jetstream.PubAck, error)) (*jetstream.PubAck, error) {
		ack, err := publish(ctx)
		subjects = append(subjects, m.Header.Get("Altertable-Outcome"))
		if tells.Load() {
			assert.True(t, ack.Duplicate)
			assert.NoError(t, b.Conn().Publish(subjects[0], []byte(`{"status":422,"code":"x"}`)))
		}
		return ack, err
	})
	impatient := startOn(t, b, intake.Options{SyncTimeout: time.Millisecond, JetStream: js})
	require.Equal(t, 504, impatient.post(t, "/identify?sync=true", track(1)).status)
	tells.Store(true)
	s := startOn(t, b, intake.Options{SyncTimeout: patience, JetStream: js})
	assert.Equal(t, 422, s.post(t, "/identify?sync=true", track(1)).status)
	assert.Len(t, s.events(t, "acme"), 1)
}

func TestAClientThatLeavesEndsTheWaiting(t *testing.T) {
	b := openBroker(t)
	stored := make(chan bool, 1)
	s := startOn(t, b, intake.Options{SyncTimeout: time.Hour, JetStream: tellOutcomes(t, b, func(string) []string { stored <- true; return nil })})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-stored; cancel() }()
	_, err := s.client.Do(s.request(t, "/track?sync=true", track(1)).WithContext(ctx))
	require.ErrorIs(t, err, context.Canceled)
	s.Close() // waits for it
	assert.Len(t, s.events(t, "acme"), 1)
}

func TestCloseEndsTheWaitingForOutcomesSoon(t *testing.T) {
	b := openBroker(t)
	stored, answered := make(chan bool, 1), make(chan reply, 1)
	s := startOn(t, b, intake.Options{SyncTimeout: time.Hour, JetStream: tellOutcomes(t, b, func(string) []string { stored <- true; return nil })})
	go func() { answered <- s.post(t, "/track?sync=true", track(1)) }()
	<-stored
	s.Close() // waits for the answer, and not for an hour
	assert.Equal(t, 504, (<-answered).status)
}

// The deadline of the body is not one of the outcome.
func TestAnOutcomeMayComeLate(t *testing.T) {
	b := openBroker(t)
	subjects := make(chan string, 1)
	s := startOn(t, b, intake.Options{SyncTimeout: time.Hour, JetStream: wrap(b, func(ctx context.Context, m *nats.Msg, publish func(context.Context) (*jetstream.PubAck, error)) (*jetstream.PubAck, error) {
		ack, err := publish(ctx)
		subjects <- m.Header.Get("Altertable-Outcome")
		return ack, err
	})})
	const bodyTime = 20 * time.Millisecond
	s.SetTimes(bodyTime, patience)
	answered := make(chan reply, 1)
	go func() {
		for { // a busy machine does not read the body in so little time, now and then
			a := s.post(t, "/alias?sync=true", fmt.Sprintf("[%s]", strings.Replace(track(1), `"event"`, `"new_user_id":"v","event"`, 1)))
			if a.status != 408 {
				answered <- a
				return
			}
		}
	}()
	subject := <-subjects
	<-time.After(5 * bodyTime)
	require.NoError(t, b.Conn().Publish(subject+".x", []byte(`{"status":400}`)))
	require.NoError(t, b.Conn().Publish(subject, []byte(`{"status":200,"task_id":"task-\"1"}`)))
	a := <-answered
	assert.Equal(t, 200, a.status)
	assert.JSONEq(t, `{"ok":true,"task_id":"task-\"1","error_code":null}`, a.body)
}

// waits sends a request that waits for an outcome until the test ends, and returns
// once its events are stored.
func (s *service) waits(t *testing.T, path, body string) {
	t.Helper()
	before := s.count(t)
	r := s.request(t, path+"?sync=true", body)
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() {
		defer close(over)
		if resp, err := s.client.Do(r.WithContext(ctx)); err == nil {
			_ = resp.Body.Close()
		}
	}()
	t.Cleanup(func() { cancel(); <-over })
	require.Eventually(t, func() bool { return s.count(t) > before }, patience, time.Millisecond)
}

func (s *service) count(t *testing.T) uint64 {
	return streamOf(t, s.broker, "acme").CachedInfo().State.Msgs
}

// While one identify waits for its outcome, others are stored.
func TestWhoWaitsForAnOutcomeKeepsNobodyFromItsTurn(t *testing.T) {
	b := openBroker(t)
	s := startOn(t, b, intake.Options{SyncTimeout: time.Hour})
	const unstamped = `{"environment":"production","distinct_id":"u_1","traits":{}}`
	s.waits(t, "/identify", unstamped)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	assert.Equal(t, 200, s.do(t, s.request(t, "/identify", unstamped).WithContext(ctx)).status)
}

// While many wait for their outcomes, there is memory for the bodies of others.
func TestWhoWaitsForAnOutcomeHoldsNoMemory(t *testing.T) {
	s := start(t, intake.Options{SyncTimeout: time.Minute})
	for i := range 20 {
		s.waits(t, "/track", sized(i, 2_000_000))
	}
	assert.Equal(t, 200, s.post(t, "/track", sized(100, 2_000_000)).status)
}
