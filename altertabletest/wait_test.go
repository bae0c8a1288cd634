package altertabletest_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

func TestWaitEventsSaysWhatThereWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv := altertabletest.New(t, altertable.WithFlushInterval(time.Hour))
		track(t, client, altertable.Track{Event: "signed_up", DistinctID: "u_42", Properties: altertable.Properties{"seats": 5}})
		require.NoError(t, client.Track(t.Context(), altertable.Track{Event: "page_viewed", DistinctID: "u_42"}))
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		err := srv.WaitEvents(ctx, 5)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.EqualError(t, err, `altertabletest: 1 of 5 events after 2 s: context deadline exceeded
	1 message is still queued: Flush first
	there is 1 event:
		1. "signed_up" by "u_42" {"seats":5}`)
	})
}

func TestWaitRequestsSaysWhatThereWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv := altertabletest.New(t)
		srv.Next(1, altertabletest.Status(400))
		require.NoError(t, client.Track(t.Context(), altertable.Track{Event: "signed_up", DistinctID: "u_42"}))
		require.Error(t, client.Flush(t.Context()))
		track(t, client, altertable.Track{Event: "signed_up", DistinctID: "u_42"}, altertable.Track{Event: "signed_up", DistinctID: "u_43"})
		srv.Next(1, altertabletest.Hang())
		require.NoError(t, client.Identify(t.Context(), altertable.Identify{DistinctID: "u_42"}))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		err := srv.WaitRequests(ctx, 4)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.EqualError(t, err, `altertabletest: 3 of 4 requests after 1.5 s: context deadline exceeded
	1 message is still queued: Flush first
	the client gave up 1 message: see the error of Flush
	1. POST /track: 400
	2. POST /track: 200, 2 messages
	3. POST /identify: not answered`)
	})
}

func TestWaitEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := altertabletest.NewServer()
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(5*time.Millisecond, func() { cancel(assert.AnError) })
		err := srv.WaitEvents(ctx, 1)
		assert.ErrorIs(t, err, assert.AnError)
		assert.ErrorContains(t, err, "0 of 1 event after 5 ms")
		assert.ErrorContains(t, err, "messages may still be queued: Flush the client first\n\tthere is no event")
		time.AfterFunc(90*time.Second, srv.Close)
		err = srv.WaitEvents(t.Context(), 2)
		assert.ErrorIs(t, err, http.ErrServerClosed)
		assert.ErrorContains(t, err, "0 of 2 events after 90 s")
	})
}

// A wait whose context has no deadline ends before go test's -timeout.
func TestWaitEndsBeforeTheTestsDeadline(t *testing.T) {
	f := &fakeTB{TB: t, deadline: time.Now().Add(200 * time.Millisecond)}
	f.run(func(tb testing.TB) {
		_, srv := altertabletest.New(tb)
		err := srv.WaitEvents(t.Context(), 1)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorContains(t, err, "0 of 1 event after ")
		assert.ErrorContains(t, err, ": the test's deadline is near: context deadline exceeded\n\tthe client of New was given no message")
	})
	assert.Empty(t, f.text())
}
