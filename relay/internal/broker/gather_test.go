package broker

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

func message(id, data string) *nats.Msg {
	return &nats.Msg{Subject: Subject("acme", "track"), Header: nats.Header{jetstream.MsgIDHeader: {id}}, Data: []byte(data)}
}

// A call is one PublishMsg that runs.
type call struct {
	done chan struct{}
	ack  *jetstream.PubAck
	err  error
}

// gathering runs the test in a bubble with a gatherer whose first message is on its way.
func gathering(t *testing.T, test func(t *testing.T, s *slowJS, publish func(ctx context.Context, m *nats.Msg) *call)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &slowJS{next: make(chan error)}
		g := newGatherer(s, 2*time.Minute, func() bool { return false })
		defer g.close()
		publish := func(ctx context.Context, m *nats.Msg) *call {
			c := &call{done: make(chan struct{})}
			go func() {
				c.ack, c.err = g.PublishMsg(ctx, m)
				close(c.done)
			}()
			synctest.Wait()
			return c
		}
		publish(t.Context(), message("first", `[{"event":"first"}]`))
		require.Len(t, s.sent(), 1)
		test(t, s, publish)
	})
}

func TestAloneIsUnchanged(t *testing.T) {
	gathering(t, func(t *testing.T, s *slowJS, publish func(context.Context, *nats.Msg) *call) {
		assert.Equal(t, message("first", `[{"event":"first"}]`), s.sent()[0])
	})
}

func TestGather(t *testing.T) {
	gathering(t, func(t *testing.T, s *slowJS, publish func(context.Context, *nats.Msg) *call) {
		calls := make([]*call, 150)
		for i := range calls {
			data := fmt.Sprintf(`{"event":"e%d"}`, i)
			if i%2 == 0 {
				data = " [" + data + "]\n"
			}
			calls[i] = publish(t.Context(), message(fmt.Sprint("id", i), data))
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
			assert.Len(t, strings.Fields(m.Header.Get(HeaderIDs)), n)
			assert.NotEmpty(t, m.Header.Get(jetstream.MsgIDHeader))
		}
		for _, c := range calls {
			<-c.done
			require.NoError(t, c.err)
			assert.False(t, c.ack.Duplicate)
			assert.Equal(t, "ALTERTABLE_acme", c.ack.Stream)
		}
	})
}

// What does not belong together stays apart, in order.
func TestGatherApart(t *testing.T) {
	gathering(t, func(t *testing.T, s *slowJS, publish func(context.Context, *nats.Msg) *call) {
		large := `[{"environment":"a","note":"` + strings.Repeat("x", 200<<10) + `"}]`
		for i, data := range []string{
			`[{"environment":"a"}]`, `{"event":"x","environment":"a"}`, `[{"environment":"b"}]`, `[{"event":"none"}]`,
			`[{"environment":"a"}]`, large, large, `[{"environment":"a"}]`, `[{"environ\u006dent":"a"}]`, `[{"environment":"a"}]`, `[`, `[{"environment":"a"}]`,
		} {
			publish(t.Context(), message(fmt.Sprint(i), data))
		}
		for range 10 {
			s.next <- nil
			synctest.Wait()
		}
		var sizes []int
		for _, m := range s.sent()[1:] {
			sizes = append(sizes, max(1, len(strings.Fields(m.Header.Get(HeaderIDs)))))
		}
		assert.Equal(t, []int{2, 1, 1, 2, 2, 1, 1, 1, 1}, sizes)
	})
}

func TestGatherLeavesOthersAlone(t *testing.T) {
	gathering(t, func(t *testing.T, s *slowJS, publish func(context.Context, *nats.Msg) *call) {
		sync := message("a", `[{}]`)
		sync.Header.Set(HeaderOutcome, "inbox")
		other := message("b", `[{}]`)
		other.Subject = Subject("acme", "identify")
		for i, m := range []*nats.Msg{sync, other, {Subject: Subject("acme", "track"), Data: []byte(`[{}]`)}, message("large", strings.Repeat("x", gatherBytes+1))} {
			publish(t.Context(), m)
			require.Len(t, s.sent(), 2+i)
			assert.Equal(t, m, s.sent()[1+i])
		}
		for range 5 {
			s.next <- nil
		}
	})
}

// A message that is repeated, as its first answer was lost, is stored once.
func TestGatherRepeated(t *testing.T) {
	gathering(t, func(t *testing.T, s *slowJS, publish func(context.Context, *nats.Msg) *call) {
		again := publish(t.Context(), message("first", `[{"event":"first"}]`))
		a, b := publish(t.Context(), message("a", `[{}]`)), publish(t.Context(), message("b", `[{}]`))
		b2 := publish(t.Context(), message("b", `[{}]`))
		s.next <- nil
		s.next <- nil
		for c, duplicate := range map[*call]bool{again: true, a: false, b: false, b2: true} {
			<-c.done
			require.NoError(t, c.err)
			assert.Equal(t, duplicate, c.ack.Duplicate)
		}
		require.Len(t, s.sent(), 2)
		for _, id := range []string{"first", "a", "b"} {
			c := publish(t.Context(), message(id, `[{}]`))
			<-c.done
			require.NoError(t, c.err)
			assert.True(t, c.ack.Duplicate)
		}
		time.Sleep(119 * time.Second)
		assert.True(t, publish(t.Context(), message("a", `[{}]`)).ack.Duplicate)
		require.Len(t, s.sent(), 2)
		time.Sleep(5 * time.Minute)
		publish(t.Context(), message("a", `[{}]`))
		require.Len(t, s.sent(), 3)
		s.next <- nil
	})
}

func TestGatherRefused(t *testing.T) {
	gathering(t, func(t *testing.T, s *slowJS, publish func(context.Context, *nats.Msg) *call) {
		a, b := publish(t.Context(), message("a", `[{}]`)), publish(t.Context(), message("b", `[{}]`))
		s.next <- nil
		full := &jetstream.APIError{Code: 503, ErrorCode: 10077}
		s.next <- full
		for _, c := range []*call{a, b} {
			<-c.done
			require.ErrorIs(t, c.err, full)
		}
		a = publish(t.Context(), message("a", `[{}]`))
		s.next <- nil
		<-a.done
		require.NoError(t, a.err)
		assert.False(t, a.ack.Duplicate)
	})
}

// Without an answer it is the same message that is sent again, so that the server
// knows it; callers leave when their time is over, and may repeat.
func TestGatherWithoutAnswer(t *testing.T) {
	gathering(t, func(t *testing.T, s *slowJS, publish func(context.Context, *nats.Msg) *call) {
		s.next <- nil
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		sent := publish(short, message("a", `[{"event":"a"}]`))
		left := publish(short, message("left", `[{"event":"left"}]`))
		stays := publish(t.Context(), message("stays", `[{"event":"stays"}]`))
		time.Sleep(2 * time.Second)
		<-sent.done
		<-left.done
		require.ErrorIs(t, sent.err, context.DeadlineExceeded)
		require.ErrorIs(t, left.err, context.DeadlineExceeded)
		repeated := publish(t.Context(), message("a", `[{"event":"a"}]`))
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
		}
		assert.Equal(t, 3, data[`[{"event":"a"}]a`], "the same message")
		assert.Zero(t, data[`[{"event":"left"}]left`], "nobody waits for it")
		assert.Len(t, data, 3)
	})
}

func TestGatherGivesUp(t *testing.T) {
	gathering(t, func(t *testing.T, s *slowJS, publish func(context.Context, *nats.Msg) *call) {
		s.next <- nil
		c := publish(t.Context(), message("a", `[{}]`))
		<-c.done // in virtual time
		require.ErrorIs(t, c.err, context.DeadlineExceeded)
	})
}

func TestGatherClosed(t *testing.T) {
	s := &slowJS{next: make(chan error)}
	g := newGatherer(s, time.Minute, func() bool { return false })
	var calls sync.WaitGroup
	for i := range 10 {
		calls.Go(func() {
			_, err := g.PublishMsg(t.Context(), message(fmt.Sprint(i), `[{}]`))
			assert.Error(t, err)
		})
	}
	s.next <- errors.New("unknown")
	g.close()
	calls.Wait()
	_, err := g.PublishMsg(t.Context(), message("late", `[{}]`))
	require.ErrorIs(t, err, nats.ErrConnectionClosed)
	g.close()
}
