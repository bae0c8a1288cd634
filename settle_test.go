package altertable_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

func TestShutdownDelivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t)
		srv.Next(3, altertabletest.Status(503))
		track(t, client, numbered(250)...)
		identify(t, client, "u_1")
		require.NoError(t, client.Shutdown(t.Context()), "it retries")
		assert.Len(t, srv.Events(), 250)
		assert.ErrorIs(t, client.Track(t.Context(), event("late")), altertable.ErrClosed)
		assert.ErrorIs(t, client.Identify(t.Context(), altertable.Identify{DistinctID: "u_1"}), altertable.ErrClosed)
		_, err := client.TrackSync(t.Context(), event("late"))
		assert.ErrorIs(t, err, altertable.ErrClosed)
		assert.NoError(t, client.Flush(t.Context()))
		assert.NoError(t, client.Close())
		assert.EqualValues(t, 2, client.Stats().Rejected)
		l.settle(t, client, append(numbered(250), "u_1")...)
	})
}

func TestShutdownEndsWithItsContext(t *testing.T) {
	for name, left := range map[string]time.Duration{"50 ms left": 50 * time.Millisecond, "none left": 0} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, srv, l := newClient(t)
				srv.Always(altertabletest.Hang())
				track(t, client, numbered(1000)...)
				identify(t, client, "u_1", "u_2")
				start := time.Now()
				err := client.Shutdown(within(t, left))
				assert.LessOrEqual(t, time.Since(start), left+250*time.Millisecond)
				var undelivered *altertable.UndeliveredError
				require.ErrorAs(t, err, &undelivered)
				assert.Equal(t, 1002, undelivered.Count)
				assert.EqualError(t, err, "altertable: 1002 messages undelivered: context deadline exceeded")
				assert.ErrorIs(t, err, context.DeadlineExceeded)
				assert.EqualValues(t, 1002, client.Stats().Dropped)
				for _, err := range l.errs {
					assert.ErrorIs(t, err, context.DeadlineExceeded)
				}
				l.settle(t, client, append(numbered(1000), "u_1", "u_2")...)
			})
		})
	}
}

func TestCloseTakesTenSecondsAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t)
		srv.Always(altertabletest.Hang())
		track(t, client, "e0")
		start := time.Now()
		assert.ErrorIs(t, client.Close(), context.DeadlineExceeded)
		assert.GreaterOrEqual(t, time.Since(start), 10*time.Second)
		assert.LessOrEqual(t, time.Since(start), 10*time.Second+250*time.Millisecond)
		l.settle(t, client, "e0")
	})
}

// What was left untried because of an outage is reported with its cause.
func TestShutdownTellsOfTheOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t, altertable.WithMaxBatchSize(1), altertable.WithMaxInFlight(1))
		srv.Always(altertabletest.Status(503))
		track(t, client, numbered(20)...)
		err := client.Shutdown(within(t, time.Second))
		assert.EqualError(t, err, "altertable: 20 messages undelivered: context deadline exceeded: server answered 503")
		require.Len(t, l.errs, 20)
		for _, err := range append(l.errs, err) {
			var api *altertable.APIError
			require.ErrorAs(t, err, &api)
			assert.Equal(t, 503, api.StatusCode)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
		}
		l.settle(t, client, numbered(20)...)
	})
}

// stubborn is a RoundTripper that does not heed its context.
type stubborn struct{ release chan struct{} }

func (s stubborn) RoundTrip(*http.Request) (*http.Response, error) {
	<-s.release
	return nil, errors.New("released")
}

func TestShutdownDoesNotWaitForAStubbornTransport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		client, _, l := newClient(t, altertable.WithHTTPClient(&http.Client{Transport: stubborn{release}}))
		track(t, client, "e0")
		start := time.Now()
		require.Error(t, client.Shutdown(within(t, time.Second)))
		assert.LessOrEqual(t, time.Since(start), 1250*time.Millisecond)
		l.settle(t, client, "e0")
		close(release)
		synctest.Wait()
		l.settle(t, client, "e0")
	})
}

// What does not return costs Shutdown 250 ms in all, though it is two things.
func TestShutdownWaitsForNeitherTransportNorCallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		client, _, _ := newClient(t, altertable.WithHTTPClient(&http.Client{Transport: stubborn{release}}),
			altertable.WithOnDelivery(func(altertable.Delivery) { <-release }))
		track(t, client, "e0")
		start := time.Now()
		require.Error(t, client.Shutdown(within(t, time.Second)))
		assert.LessOrEqual(t, time.Since(start), 1250*time.Millisecond)
		close(release)
		synctest.Wait()
	})
}

// A Flush that comes while Shutdown waits for canceled requests is told of the loss.
func TestFlushWhileShutdownEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		client, _, l := newClient(t, altertable.WithHTTPClient(&http.Client{Transport: stubborn{release}}))
		track(t, client, "e0")
		down := make(chan error, 1)
		go func() { down <- client.Shutdown(within(t, time.Second)) }()
		pass(time.Second + time.Millisecond)
		require.Empty(t, down)
		require.ErrorIs(t, client.Flush(t.Context()), context.DeadlineExceeded)
		require.Error(t, <-down)
		l.settle(t, client, "e0")
	})
}

func TestShutdownMakesAnAttemptAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t)
		srv.Next(1, altertabletest.Status(503).RetryAfter(time.Minute))
		track(t, client, "e0")
		pass(10 * time.Second)
		assert.Len(t, srv.Requests(), 1)
		start := time.Now()
		require.NoError(t, client.Shutdown(t.Context()))
		assert.Zero(t, time.Since(start))
		l.settle(t, client, "e0")
	})
}

func TestShutdownMakesAnAttemptAtOnceForABatchThatFailsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t, altertable.WithMaxBatchSize(1))
		srv.Next(1, altertabletest.Status(503).MatchBody(contains("e0")))
		srv.Next(1, altertabletest.Status(503).RetryAfter(time.Minute).MatchBody(contains("e0")))
		track(t, client, "e0")
		synctest.Wait()
		track(t, client, "e1")
		pass(10 * time.Second)
		require.Equal(t, []string{"e1"}, stored(srv))
		start := time.Now()
		require.NoError(t, client.Shutdown(t.Context()))
		assert.Zero(t, time.Since(start))
		l.settle(t, client, "e0", "e1")
	})
}

func TestConcurrentShutdownsJoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t)
		rule := srv.Always(altertabletest.Hang())
		track(t, client, "e0")
		first, second := make(chan error, 1), make(chan error, 1)
		go func() { first <- client.Shutdown(t.Context()) }()
		synctest.Wait()
		err := client.Shutdown(within(t, time.Second))
		assert.ErrorIs(t, err, context.DeadlineExceeded, "bounded by its own context")
		go func() { second <- client.Close() }()
		synctest.Wait()
		rule.Release()
		assert.NoError(t, <-first)
		assert.NoError(t, <-second)
		assert.NoError(t, client.Shutdown(t.Context()))
		assert.NoError(t, client.Shutdown(t.Context()))
		l.settle(t, client, "e0")
	})
}

func TestConcurrentShutdownsReturnTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t)
		srv.Always(altertabletest.Hang())
		track(t, client, "e0")
		first := make(chan error, 1)
		go func() { first <- client.Shutdown(within(t, time.Second)) }()
		synctest.Wait()
		err := client.Shutdown(t.Context())
		var undelivered *altertable.UndeliveredError
		require.ErrorAs(t, err, &undelivered)
		assert.Equal(t, 1, undelivered.Count)
		assert.Equal(t, err, <-first)
		assert.NoError(t, client.Shutdown(t.Context()), "it is over")
		l.settle(t, client, "e0")
	})
}

// listError is an error that cannot be compared.
type listError []string

func (e listError) Error() string { return e[0] }

// A context of the user's own ends with an error that cannot be compared.
type strangeContext struct{ context.Context }

func (c strangeContext) Err() error {
	if c.Context.Err() == nil {
		return nil
	}
	return listError{"the user's own reason"}
}

func TestErrorsThatCannotBeCompared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t)
		srv.Always(altertabletest.Hang())
		track(t, client, "e0")
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 3)
		go func() { ended <- client.Shutdown(strangeContext{ctx}) }()
		synctest.Wait()
		go func() { ended <- client.Shutdown(strangeContext{ctx}) }()
		go func() { ended <- client.Flush(strangeContext{ctx}) }()
		synctest.Wait()
		cancel()
		for range 3 {
			var own listError
			err := <-ended
			require.ErrorAs(t, err, &own)
			assert.Contains(t, err.Error(), "the user's own reason")
		}
		assert.NoError(t, client.Shutdown(t.Context()), "no lock was left behind")
		l.settle(t, client, "e0")
	})
}

func TestFlushCoversWhatWasAcceptedBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t)
		rule := srv.Always(altertabletest.Hang())
		track(t, client, "e0", "e1")
		flushed := make(chan error, 1)
		go func() { flushed <- client.Flush(t.Context()) }()
		synctest.Wait()
		track(t, client, "e2")
		rule.Release()
		require.NoError(t, <-flushed)
		assert.EqualValues(t, 1, client.Stats().Queued, "a message accepted later does not hold it up")
		require.NoError(t, client.Flush(t.Context()))
		l.settle(t, client, numbered(3)...)
	})
}

func TestFlushEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t)
		srv.Next(1, altertabletest.Status(503))
		track(t, client, "e0", "e1")
		err := client.Flush(within(t, time.Millisecond))
		var undelivered *altertable.UndeliveredError
		require.ErrorAs(t, err, &undelivered)
		assert.EqualError(t, err, "altertable: 2 messages undelivered: context deadline exceeded: server answered 503")
		assert.Equal(t, 2, undelivered.Count)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		var api *altertable.APIError
		require.ErrorAs(t, err, &api)
		assert.Equal(t, 503, api.StatusCode)
		require.NoError(t, client.Flush(t.Context()), "they stayed in the queue")
		l.settle(t, client, numbered(2)...)
	})
}

func TestFlushNamesTheFirstCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t, altertable.WithMaxBatchSize(1))
		srv.Always(altertabletest.Status(404).Delay(time.Millisecond).MatchBody(contains("e0")))
		srv.Always(altertabletest.Status(401).Delay(time.Second).MatchBody(contains("e1")))
		track(t, client, numbered(2)...)
		var api *altertable.APIError
		require.ErrorAs(t, client.Flush(t.Context()), &api)
		assert.Equal(t, 404, api.StatusCode)
		l.settle(t, client, numbered(2)...)
	})
}

func TestFlushNamesWhyARetriedMessageWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t, altertable.WithMaxBatchSize(1))
		srv.Next(1, altertabletest.Status(503).MatchBody(contains("e0")))
		slow := srv.Always(altertabletest.Hang().MatchBody(contains("e0")))
		track(t, client, "e0")
		synctest.Wait()
		track(t, client, "e1") // its success ends the outage
		err := client.Flush(within(t, 2*time.Second))
		require.Len(t, srv.Requests(), 3)
		var api *altertable.APIError
		require.ErrorAs(t, err, &api)
		assert.Equal(t, 503, api.StatusCode)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		slow.Release()
		require.NoError(t, client.Flush(t.Context()))
		l.settle(t, client, numbered(2)...)
	})
}

func TestFlushTellsOfLosses(t *testing.T) {
	client, srv, l := newClient(t)
	srv.Always(altertabletest.Status(401))
	track(t, client, "e0", "e1")
	err := client.Flush(t.Context())
	var undelivered *altertable.UndeliveredError
	require.ErrorAs(t, err, &undelivered)
	assert.Equal(t, 2, undelivered.Count)
	assert.ErrorIs(t, err, altertable.ErrUnauthorized)
	assert.Len(t, srv.Requests(), 1)
	assert.Len(t, l.errs, 1, "the callbacks were told before Flush returned")
	require.NoError(t, client.Flush(t.Context()), "it was told once")
	l.settle(t, client, numbered(2)...)
}

func TestContextMayEndWhileCallbacksAreTold(t *testing.T) {
	for name, call := range map[string]func(*altertable.Client, context.Context) error{
		"Flush": (*altertable.Client).Flush, "Shutdown": (*altertable.Client).Shutdown,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, srv, _ := newClient(t, altertable.WithOnError(func(error) { <-time.After(200 * time.Millisecond) }))
				srv.Always(altertabletest.Status(404))
				track(t, client, "e0", "e1")
				var undelivered *altertable.UndeliveredError
				var answer *altertable.APIError
				err := call(client, within(t, 100*time.Millisecond))
				require.ErrorAs(t, err, &undelivered)
				assert.Equal(t, 2, undelivered.Count)
				assert.ErrorAs(t, err, &answer)
				assert.ErrorIs(t, err, context.DeadlineExceeded)
				pass(time.Second)
			})
		})
	}
}

func TestFlushIsNotStarvedByABusyProducer(t *testing.T) {
	client, srv, _ := newClient(t, altertable.WithMaxBatchSize(10), altertable.WithOverflow(altertable.Block), altertable.WithMaxQueueSize(100))
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				_ = client.Track(context.Background(), event("e"))
			}
		}
	}()
	require.NoError(t, srv.WaitEvents(t.Context(), 100))
	for range 10 {
		require.NoError(t, client.Flush(t.Context()))
	}
	close(stop)
	<-stopped
	require.NoError(t, client.Flush(t.Context()))
	assert.EqualValues(t, client.Stats().Accepted, len(srv.Events()))
}
