package altertabletest_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

func TestFlushEndsBeforeTheTestsDeadline(t *testing.T) {
	const fault = "a fault is still at work: end it with Rule.Release or srv.ClearFaults() before Flush"
	for name, tt := range map[string]struct {
		fail func(*altertabletest.Server)
		text string
	}{
		"down":    {(*altertabletest.Server).Down, "the server is still down: call srv.Up() before Flush, or give Flush a context with a deadline"},
		"failing": {func(srv *altertabletest.Server) { srv.Always(altertabletest.Status(503)) }, fault},
		"hanging": {func(srv *altertabletest.Server) {
			srv.Next(1, altertabletest.Hang())
			srv.Always(altertabletest.Reset())
		}, fault},
		"closed": {(*altertabletest.Server).Close, "the server is closed"},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeTB{TB: t, deadline: time.Now().Add(300 * time.Millisecond)}
			f.run(func(tb testing.TB) {
				client, srv := altertabletest.New(tb)
				tt.fail(srv)
				assert.NoError(t, client.Track(t.Context(), altertable.Track{Event: "signed_up", DistinctID: "u_42"}))
				var undelivered *altertable.UndeliveredError
				assert.ErrorAs(t, client.Flush(t.Context()), &undelivered)
			})
			assert.True(t, f.Failed())
			require.Len(t, f.words, 1, "said once")
			assert.Contains(t, f.text(), "altertabletest: the test's deadline is near, and 1 message cannot be delivered: "+tt.text)
		})
	}
}

// A test that reaches its deadline with nothing undeliverable is let alone, also
// one that gets into trouble only after the first look.
func TestDeadlineOfATestThatIsWell(t *testing.T) {
	f := &fakeTB{TB: t, deadline: time.Now()}
	f.run(func(tb testing.TB) {
		client, srv := altertabletest.New(tb, altertable.WithFlushInterval(time.Hour))
		srv.Always(altertabletest.Pass())
		assert.NoError(t, client.Track(t.Context(), altertable.Track{Event: "signed_up", DistinctID: "u_42"}))
		assert.NoError(t, client.Flush(t.Context()))
	})
	assert.Empty(t, f.text())

	f = &fakeTB{TB: t, deadline: time.Now()}
	f.run(func(tb testing.TB) {
		client, srv := altertabletest.New(tb)
		assert.NoError(t, client.Track(t.Context(), altertable.Track{Event: "signed_up", DistinctID: "u_42"}))
		assert.NoError(t, client.Flush(t.Context()))
		srv.Down()
		assert.NoError(t, client.Track(t.Context(), altertable.Track{Event: "signed_up", DistinctID: "u_42"}))
		assert.Error(t, client.Flush(t.Context()))
	})
	assert.Contains(t, f.text(), "the server is still down")
}

func TestNoDeadline(t *testing.T) {
	for name, tb := range map[string]interface {
		testing.TB
		text() string
	}{"none set": &fakeTB{TB: t}, "none to ask": &struct {
		*fakeTB
		Deadline struct{}
	}{fakeTB: &fakeTB{TB: t}}} {
		t.Run(name, func(t *testing.T) {
			client, srv := altertabletest.New(tb)
			defer func() { _ = client.Close() }()
			defer srv.Close()
			ctx, cancel := context.WithCancel(t.Context())
			srv.Down()
			require.NoError(t, client.Track(ctx, altertable.Track{Event: "signed_up", DistinctID: "u_42"}))
			cancel()
			require.Error(t, client.Flush(ctx))
			srv.Up()
			require.NoError(t, client.Flush(t.Context()))
			assert.Empty(t, tb.text())
		})
	}
}

// In virtual time Flush ends by itself, and the log of the failed test says why
// nothing arrived.
func TestFlushEndsInVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeTB{TB: t, deadline: time.Now().Add(time.Minute)}
		start := time.Now()
		f.run(func(tb testing.TB) {
			client, srv := altertabletest.New(tb)
			srv.Down()
			assert.NoError(t, client.Track(t.Context(), altertable.Track{Event: "signed_up", DistinctID: "u_42"}))
			if err := client.Flush(t.Context()); err != nil {
				tb.Fatal(err)
			}
		})
		assert.InDelta(t, 24*time.Hour, time.Since(start), float64(time.Minute))
		assert.Contains(t, f.text(), "altertabletest: 1 message did not arrive: the server is still down: call srv.Up() before Flush")
	})
}

// A test that fails for another reason is not told of a server that is down.
func TestFailureWithNothingLost(t *testing.T) {
	f := &fakeTB{TB: t}
	f.run(func(tb testing.TB) {
		_, srv := altertabletest.New(tb)
		srv.Down()
		tb.Fatal("wrong")
	})
	assert.Equal(t, "wrong", f.text())
	f = &fakeTB{TB: t}
	f.run(func(tb testing.TB) { altertabletest.New(tb, altertable.WithMaxBatchSize(0)) })
	assert.Contains(t, f.text(), "WithMaxBatchSize")
}
