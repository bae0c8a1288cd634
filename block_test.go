package altertable_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

func TestBlockWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t, altertable.WithMaxQueueSize(2), altertable.WithMaxInFlight(1), altertable.WithOverflow(altertable.Block))
		rule := srv.Always(altertabletest.Hang())
		track(t, client, "e0", "e1")
		done := make(chan error, 3)
		for i := 2; i < 5; i++ {
			go func() { done <- client.Track(context.Background(), event(fmt.Sprintf("e%d", i))) }()
			synctest.Wait() // so they wait in this order
		}
		assert.Empty(t, done)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := client.Track(ctx, event("impatient"))
		assert.ErrorIs(t, err, altertable.ErrQueueFull)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		err = client.Track(ctx, event("canceled before"))
		assert.ErrorIs(t, err, altertable.ErrQueueFull)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		rule.Release()
		for range 3 {
			require.NoError(t, <-done)
		}
		require.NoError(t, client.Track(ctx, event("e5")), "a canceled context loses nothing where there is room")
		require.NoError(t, client.Flush(t.Context()))
		assert.Equal(t, numbered(6), stored(srv), "first come, first served")
		assert.EqualValues(t, 2, client.Stats().Rejected)
		l.settle(t, client, numbered(6)...)
	})
}

// A delivery takes room until its callback has run. That callback is not stuck
// because none has run for long.
func TestBlockedCallSurvivesTheFirstCallbackAfterSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t, altertable.WithMaxQueueSize(1), altertable.WithMaxInFlight(1), altertable.WithOverflow(altertable.Block))
		rule := srv.Always(altertabletest.Hang())
		track(t, client, "e0")
		done := make(chan error, 1)
		go func() { done <- client.Track(context.Background(), event("e1")) }()
		<-time.After(time.Second) // more than a callback may take
		rule.Release()
		require.NoError(t, <-done)
		require.NoError(t, client.Flush(t.Context()))
		l.settle(t, client, numbered(2)...)
	})
}

func TestCloseEndsTheWaitOfBlockedCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t, altertable.WithMaxQueueSize(1), altertable.WithOverflow(altertable.Block))
		rule := srv.Always(altertabletest.Hang())
		track(t, client, "e0")
		done := make(chan error, 1)
		go func() { done <- client.Track(context.Background(), event("e1")) }()
		synctest.Wait()
		closed := make(chan error, 1)
		go func() { closed <- client.Close() }()
		assert.ErrorIs(t, <-done, altertable.ErrClosed)
		rule.Release()
		require.NoError(t, <-closed)
		l.settle(t, client, "e0")
	})
}

// A large message waits first in line, and a small one, for which there is room, behind it.
func TestBlockedCallThatGivesUpLetsTheNextOneIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t, altertable.WithMaxQueueBytes(1500), altertable.WithMaxInFlight(1), altertable.WithOverflow(altertable.Block))
		rule := srv.Always(altertabletest.Hang())
		large, ctx, start := strings.Repeat("x", 700), within(t, time.Second), time.Now()
		track(t, client, large)
		refused := make(chan error, 1)
		go func() { refused <- client.Track(ctx, event(large)) }()
		synctest.Wait()
		require.NoError(t, client.Track(t.Context(), event("small")))
		assert.Equal(t, time.Second, time.Since(start))
		assert.ErrorIs(t, <-refused, altertable.ErrQueueFull)
		rule.Release()
		require.NoError(t, client.Flush(t.Context()))
		l.settle(t, client, large, "small")
	})
}

// asking is a context whose methods use the client, as a user's own may.
type asking struct {
	context.Context
	client *altertable.Client
}

func (a asking) Err() error {
	_ = a.client.Stats()
	return a.Context.Err()
}

func TestContextMayUseTheClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t, altertable.WithMaxQueueSize(1), altertable.WithOverflow(altertable.Block))
		rule := srv.Always(altertabletest.Hang())
		track(t, client, "e0")
		ctx := asking{within(t, time.Second), client}
		for _, text := range []string{"blocked", "over"} {
			assert.ErrorIs(t, client.Track(ctx, event(text)), context.DeadlineExceeded)
		}
		go func() { _ = client.Shutdown(t.Context()) }()
		synctest.Wait()
		assert.ErrorIs(t, client.Shutdown(ctx), context.DeadlineExceeded)
		rule.Release()
		require.NoError(t, client.Close())
		l.settle(t, client, "e0")
	})
}

// panicking is a context whose Done panics, as a caller's own bug may.
type panicking struct{ context.Context }

func (panicking) Done() <-chan struct{} { panic("a hostile context") }

// A call that panics while it waits leaves nothing behind: neither its message,
// whose memory the next call uses, nor its done's room.
func TestBlockedCallWhoseContextPanics(t *testing.T) {
	for name, opts := range map[string][]altertable.Option{
		"memory": nil,
		"spool":  {altertable.WithSpool(t.TempDir(), altertable.SpoolMaxBytes(1024))},
	} {
		t.Run(name, func(t *testing.T) {
			client, srv, l := newClient(t, append(opts, altertable.WithMaxQueueSize(1), altertable.WithOverflow(altertable.Block))...)
			rule := srv.Always(altertabletest.Hang())
			large := strings.Repeat("x", 400)
			track(t, client, large)
			assert.Panics(t, func() { _ = client.Enqueue(panicking{t.Context()}, event(large+"1"), func(error) {}) })
			rule.Release()
			require.NoError(t, client.Enqueue(within(t, 10*time.Second), event("after"), func(error) {}))
			require.NoError(t, client.Flush(t.Context()))
			l.settle(t, client, large, "after")
		})
	}
}
