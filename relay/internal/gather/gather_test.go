package gather_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/relay/internal/broker"
	"github.com/altertable-ai/altertable-go/relay/internal/gather"
)

// A slowJS answers each message once next says how.
type slowJS struct {
	jetstream.JetStream
	next chan error
	mu   sync.Mutex
	got  []*nats.Msg
}

func (s *slowJS) PublishMsg(ctx context.Context, m *nats.Msg, _ ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	s.mu.Lock()
	s.got = append(s.got, m)
	s.mu.Unlock()
	select {
	case err := <-s.next:
		return &jetstream.PubAck{Stream: "ALTERTABLE_acme"}, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *slowJS) sent() []*nats.Msg {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got
}

// batch is one of an event.
func batch(id, data string) gather.Batch {
	return gather.Batch{Subject: "altertable.v1.acme.track", ID: id, Environment: "production", Events: 1, Data: []byte(data)}
}

// A call is one Publish that runs.
type call struct {
	done      chan struct{}
	duplicate bool
	err       error
}

func neverFull() bool { return false }

// gathering runs the test in a bubble with a Gatherer whose first message is on its way.
func gathering(t *testing.T, test func(t *testing.T, s *slowJS, publish func(context.Context, gather.Batch) *call)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &slowJS{next: make(chan error)}
		g := gather.New(s, 2*time.Minute, neverFull)
		defer g.Close()
		publish := func(ctx context.Context, b gather.Batch) *call {
			c := &call{done: make(chan struct{})}
			go func() {
				c.duplicate, c.err = g.Publish(ctx, b)
				close(c.done)
			}()
			synctest.Wait()
			return c
		}
		publish(t.Context(), batch("first", `[{"event":"first"}]`))
		require.Len(t, s.sent(), 1)
		test(t, s, publish)
	})
}

func TestAloneIsUnchanged(t *testing.T) {
	gathering(t, func(t *testing.T, s *slowJS, publish func(context.Context, gather.Batch) *call) {
		want := &nats.Msg{
			Subject: "altertable.v1.acme.track", Header: nats.Header{"Nats-Msg-Id": {"first"}}, Data: []byte(`[{"event":"first"}]`),
		}
		assert.Equal(t, want, s.sent()[0])
	})
}

func TestGather(t *testing.T) {
	gathering(t, func(t *testing.T, s *slowJS, publish func(context.Context, gather.Batch) *call) {
		calls := make([]*call, 150)
		for i := range calls {
			calls[i] = publish(t.Context(), batch(fmt.Sprint("id", i), fmt.Sprintf(`[{"event":"e%d"}]`, i)))
		}
		require.Len(t, s.sent(), 1)
		for range 3 {
			s.next <- nil
			synctest.Wait()
		}
		require.Len(t, s.sent(), 3)
		at := 0
		for i, n := range []int{100, 50} {
			m := s.sent()[1+i]
			var events []struct{ Event string }
			require.NoError(t, json.Unmarshal(m.Data, &events))
			require.Len(t, events, n)
			for _, e := range events {
				assert.Equal(t, fmt.Sprint("e", at), e.Event)
				at++
			}
			assert.Len(t, strings.Fields(m.Header.Get(broker.HeaderIDs)), n)
			assert.NotEmpty(t, m.Header.Get(jetstream.MsgIDHeader))
		}
		for _, c := range calls {
			<-c.done
			require.NoError(t, c.err)
			assert.False(t, c.duplicate)
		}
	})
}

// What does not belong together stays apart, in order.
func TestGatherApart(t *testing.T) {
	small := []byte(`[{}]`)
	large := []byte(`[{"note":"` + strings.Repeat("x", 200<<10) + `"}]`)
	gathering(t, func(t *testing.T, s *slowJS, publish func(context.Context, gather.Batch) *call) {
		for i, b := range []gather.Batch{
			{Environment: "a", Events: 1, Data: small}, {Environment: "a", Events: 1, Data: small},
			{Environment: "b", Events: 1, Data: small},
			{Environment: "", Events: 1, Data: small},
			{Environment: "a", Events: 1, Data: small}, {Environment: "a", Events: 1, Data: large},
			{Environment: "a", Events: 1, Data: large}, {Environment: "a", Events: 99, Data: small},
			{Environment: "a", Events: 2, Data: small}, {Environment: "a", Events: 98, Data: small},
			{Environment: "a", Events: 100, Data: small},
			{Environment: "a", Events: 1, Data: small},
		} {
			b.Subject, b.ID = "altertable.v1.acme.track", fmt.Sprint(i)
			publish(t.Context(), b)
		}
		want := []int{2, 1, 1, 2, 2, 2, 1, 1}
		for range len(want) + 1 {
			s.next <- nil
			synctest.Wait()
		}
		var sizes []int
		for _, m := range s.sent()[1:] {
			sizes = append(sizes, max(1, len(strings.Fields(m.Header.Get(broker.HeaderIDs)))))
		}
		assert.Equal(t, want, sizes)
	})
}

// Neither another subject nor what is large waits for anybody.
func TestGatherLeavesOthersAlone(t *testing.T) {
	gathering(t, func(t *testing.T, s *slowJS, publish func(context.Context, gather.Batch) *call) {
		other := batch("b", `[{}]`)
		other.Subject = "altertable.v1.acme.identify.0"
		large := batch("large", "["+strings.Repeat("x", gather.MaxBytes)+"]")
		for i, b := range []gather.Batch{other, large} {
			publish(t.Context(), b)
			require.Len(t, s.sent(), 2+i)
			assert.Equal(t, &nats.Msg{Subject: b.Subject, Header: nats.Header{"Nats-Msg-Id": {b.ID}}, Data: b.Data}, s.sent()[1+i])
		}
		for range 3 {
			s.next <- nil
		}
	})
}

// A caller may use its memory again once it has left.
func TestGatherCopies(t *testing.T) {
	gathering(t, func(t *testing.T, s *slowJS, publish func(context.Context, gather.Batch) *call) {
		ctx, cancel := context.WithCancel(t.Context())
		mine := batch("mine", `[{"event":"mine"}]`)
		publish(ctx, mine)
		s.next <- nil
		synctest.Wait()
		cancel()
		synctest.Wait()
		clear(mine.Data)
		s.next <- nil
		assert.Equal(t, `[{"event":"mine"}]`, string(s.sent()[1].Data))
	})
}

// A message that is repeated, as its first answer was lost, is stored once.
func TestGatherRepeated(t *testing.T) {
	gathering(t, func(t *testing.T, s *slowJS, publish func(context.Context, gather.Batch) *call) {
		again := publish(t.Context(), batch("first", `[{"event":"first"}]`))
		a, b := publish(t.Context(), batch("a", `[{}]`)), publish(t.Context(), batch("b", `[{}]`))
		b2 := publish(t.Context(), batch("b", `[{}]`))
		s.next <- nil
		s.next <- nil
		for c, duplicate := range map[*call]bool{again: true, a: false, b: false, b2: true} {
			<-c.done
			require.NoError(t, c.err)
			assert.Equal(t, duplicate, c.duplicate)
		}
		require.Len(t, s.sent(), 2)
		for _, id := range []string{"first", "a", "b"} {
			c := publish(t.Context(), batch(id, `[{}]`))
			<-c.done
			require.NoError(t, c.err)
			assert.True(t, c.duplicate)
		}
		time.Sleep(119 * time.Second)
		assert.True(t, publish(t.Context(), batch("a", `[{}]`)).duplicate)
		require.Len(t, s.sent(), 2)
		time.Sleep(5 * time.Minute)
		publish(t.Context(), batch("a", `[{}]`))
		require.Len(t, s.sent(), 3)
		s.next <- nil
	})
}

func TestGatherRefused(t *testing.T) {
	gathering(t, func(t *testing.T, s *slowJS, publish func(context.Context, gather.Batch) *call) {
		a, b := publish(t.Context(), batch("a", `[{}]`)), publish(t.Context(), batch("b", `[{}]`))
		s.next <- nil
		full := &jetstream.APIError{Code: 503, ErrorCode: 10077}
		s.next <- full
		for _, c := range []*call{a, b} {
			<-c.done
			require.ErrorIs(t, c.err, full)
		}
		a = publish(t.Context(), batch("a", `[{}]`))
		s.next <- nil
		<-a.done
		require.NoError(t, a.err)
		assert.False(t, a.duplicate)
	})
}

// Without an answer it is the same message that is sent again, so that the server
// knows it; callers leave when their time is over, and may repeat.
func TestGatherWithoutAnswer(t *testing.T) {
	gathering(t, func(t *testing.T, s *slowJS, publish func(context.Context, gather.Batch) *call) {
		s.next <- nil
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		sent := publish(short, batch("a", `[{"event":"a"}]`))
		left := publish(short, batch("left", `[{"event":"left"}]`))
		stays := publish(t.Context(), batch("stays", `[{"event":"stays"}]`))
		time.Sleep(2 * time.Second)
		<-sent.done
		<-left.done
		require.ErrorIs(t, sent.err, context.DeadlineExceeded)
		require.ErrorIs(t, left.err, context.DeadlineExceeded)
		repeated := publish(t.Context(), batch("a", `[{"event":"a"}]`))
		time.Sleep(10 * time.Second)
		s.next <- nil
		<-repeated.done
		require.NoError(t, repeated.err)
		s.next <- nil
		<-stays.done
		require.NoError(t, stays.err)
		data := map[string]int{}
		for _, m := range s.sent() {
			data[string(m.Data)+m.Header.Get(jetstream.MsgIDHeader)]++
			assert.NotContains(t, string(m.Data), "left", "nobody waits for it")
		}
		assert.Equal(t, 3, data[`[{"event":"a"}]a`], "the same message")
		assert.Len(t, data, 3)
	})
}

func TestGatherGivesUp(t *testing.T) {
	gathering(t, func(t *testing.T, s *slowJS, publish func(context.Context, gather.Batch) *call) {
		s.next <- nil
		c := publish(t.Context(), batch("a", `[{}]`))
		<-c.done // in virtual time
		require.ErrorIs(t, c.err, context.DeadlineExceeded)
	})
}

// On a full disk nothing is tried again, and callers hear of it at once.
func TestGatherOnAFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slowJS{next: make(chan error, 1)}
		g := gather.New(s, time.Minute, func() bool { return true })
		defer g.Close()
		unknown := errors.New("unknown")
		s.next <- unknown
		_, err := g.Publish(t.Context(), batch("a", `[{}]`))
		require.ErrorIs(t, err, unknown)
		assert.Len(t, s.sent(), 1)
	})
}

func TestGatherClosed(t *testing.T) {
	s := &slowJS{next: make(chan error)}
	g := gather.New(s, time.Minute, neverFull)
	var calls sync.WaitGroup
	for i := range 10 {
		calls.Go(func() {
			_, err := g.Publish(t.Context(), batch(fmt.Sprint(i), `[{}]`))
			assert.Error(t, err)
		})
	}
	s.next <- errors.New("unknown")
	g.Close()
	calls.Wait()
	for _, late := range []gather.Batch{batch("late", `[{}]`), batch("large", "["+strings.Repeat("x", gather.MaxBytes)+"]")} {
		_, err := g.Publish(t.Context(), late)
		require.ErrorIs(t, err, nats.ErrConnectionClosed)
	}
	g.Close()
}
