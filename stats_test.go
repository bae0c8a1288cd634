package altertable_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// assertAddsUp checks the sums that hold at any moment.
func assertAddsUp(t *testing.T, s altertable.Stats) {
	t.Helper()
	assert.Equal(t, s.Accepted, s.Delivered+s.Failed+s.Dropped+s.Queued, "%+v", s)
	assert.Equal(t, s.Rejected, s.RejectedFull+s.RejectedTooLarge+s.RejectedInvalid+s.RejectedClosed+s.RejectedSpool, "%+v", s)
	assert.Equal(t, s.FailedRequests, s.RequestsUnauthorized+s.RequestsNoEnvironment+s.RequestsLimited+
		s.RequestsRefused+s.RequestsErrored+s.RequestsUnanswered, "%+v", s)
}

// grim is a context's error whose methods are the user's code.
type grim struct{}

func (grim) Error() string   { return "over" }
func (grim) Is(error) bool   { panic("called") }
func (grim) Unwrap() []error { panic("called") }

// grimContext ends with an error of its own.
type grimContext struct{ context.Context }

func (c grimContext) Err() error {
	if c.Context.Err() != nil {
		return grim{}
	}
	return nil
}

func TestStatsSayWhyAMessageWasRefused(t *testing.T) {
	full := []altertable.Option{altertable.WithMaxQueueSize(1), altertable.WithMaxInFlight(1)}
	spool := func(t *testing.T, opts ...altertable.SpoolOption) altertable.Option {
		return altertable.WithSpool(filepath.Join(t.TempDir(), "spool"), opts...)
	}
	large := altertable.Track{Event: "e", DistinctID: "u", Properties: altertable.Properties{"p": strings.Repeat("x", 2<<20)}}
	again := func(c *altertable.Client) error { return c.Track(context.Background(), event("again")) }
	for name, test := range map[string]struct {
		options func(*testing.T) []altertable.Option
		refused func(*altertable.Client) error
		want    altertable.Stats
		is      error
	}{
		"full": {func(*testing.T) []altertable.Option { return full }, again, altertable.Stats{RejectedFull: 1}, altertable.ErrQueueFull},
		"full, all carried": {func(*testing.T) []altertable.Option {
			return append(full[:2:2], altertable.WithOverflow(altertable.DropOldest))
		}, again, altertable.Stats{RejectedFull: 1}, altertable.ErrQueueFull},
		"full, and the context ends": {func(*testing.T) []altertable.Option {
			return append(full[:2:2], altertable.WithOverflow(altertable.Block))
		}, func(c *altertable.Client) error {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			return c.Track(ctx, event("again"))
		}, altertable.Stats{RejectedFull: 1}, context.DeadlineExceeded},
		"full, and the context ends with an error of its own": {func(*testing.T) []altertable.Option {
			return append(full[:2:2], altertable.WithOverflow(altertable.Block))
		}, func(c *altertable.Client) error {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			return c.Track(grimContext{ctx}, event("again"))
		}, altertable.Stats{RejectedFull: 1}, altertable.ErrQueueFull},
		"full, and closed meanwhile": {func(*testing.T) []altertable.Option {
			return append(full[:2:2], altertable.WithOverflow(altertable.Block))
		}, func(c *altertable.Client) error {
			go func() {
				<-time.After(time.Second)
				_ = c.Close()
			}()
			return again(c)
		}, altertable.Stats{RejectedClosed: 1}, altertable.ErrClosed},
		"full disk": {func(t *testing.T) []altertable.Option {
			return []altertable.Option{spool(t, altertable.SpoolMaxBytes(1<<10))}
		}, func(c *altertable.Client) error {
			for {
				if err := again(c); err != nil {
					return err
				}
			}
		}, altertable.Stats{RejectedFull: 1}, altertable.ErrQueueFull},
		"full disk, and the context ends": {func(t *testing.T) []altertable.Option {
			return []altertable.Option{spool(t, altertable.SpoolMaxBytes(1<<10)), altertable.WithOverflow(altertable.Block)}
		}, func(c *altertable.Client) error {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			for {
				if err := c.Track(ctx, event("again")); err != nil {
					return err
				}
			}
		}, altertable.Stats{RejectedFull: 1}, context.DeadlineExceeded},
		"too large": {nil, func(c *altertable.Client) error { return c.Track(context.Background(), large) },
			altertable.Stats{RejectedTooLarge: 1}, altertable.ErrTooLarge},
		"invalid": {nil, func(c *altertable.Client) error { return c.Track(context.Background(), altertable.Track{}) },
			altertable.Stats{RejectedInvalid: 1}, nil},
		"not to be encoded": {nil, func(c *altertable.Client) error {
			return c.Track(context.Background(), altertable.Track{Event: "e", DistinctID: "u", Properties: altertable.Properties{"p": func() {}}})
		}, altertable.Stats{RejectedInvalid: 1}, nil},
		"closed": {nil, func(c *altertable.Client) error { _ = c.Close(); return again(c) },
			altertable.Stats{RejectedClosed: 1}, altertable.ErrClosed},
		"closed, with a spool": {func(t *testing.T) []altertable.Option { return []altertable.Option{spool(t)} },
			func(c *altertable.Client) error { _ = c.Close(); return again(c) }, altertable.Stats{RejectedClosed: 1}, altertable.ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var options []altertable.Option
				if test.options != nil {
					options = test.options(t)
				}
				client, srv, _ := newClient(t, options...)
				srv.Always(altertabletest.Hang())
				track(t, client, "e0")
				synctest.Wait()
				err := test.refused(client)
				require.Error(t, err)
				if test.is != nil {
					require.ErrorIs(t, err, test.is)
				}
				s := client.Stats()
				assertAddsUp(t, s)
				assert.Equal(t, test.want, altertable.Stats{
					RejectedFull: s.RejectedFull, RejectedTooLarge: s.RejectedTooLarge, RejectedInvalid: s.RejectedInvalid,
					RejectedClosed: s.RejectedClosed, RejectedSpool: s.RejectedSpool,
				})
			})
		})
	}
}

func TestStatsCountWhatTheDiskRefused(t *testing.T) {
	skipWhereOpenFilesStay(t)
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "spool")
		client, _, _ := newSpoolClient(t, dir)
		require.NoError(t, os.RemoveAll(dir))
		require.NoError(t, os.WriteFile(dir, nil, 0o600))
		pass(2 * time.Second)
		require.Error(t, client.Track(t.Context(), event("e0")))
		assert.Equal(t, altertable.Stats{Rejected: 1, RejectedSpool: 1}, client.Stats())
	})
}

// What a synchronous call refuses is no message of the queue. What it discards is counted.
func TestStatsLeaveOutSyncCalls(t *testing.T) {
	client, srv, _ := newClient(t, altertable.WithMaxBatchSize(1), altertable.WithBeforeSend(func(m altertable.Message) altertable.Message {
		if m.(altertable.Track).Event == "discard" {
			return nil
		}
		return m
	}))
	for _, refused := range [][]altertable.Track{{}, {{}}, {event("e"), event("e")}} {
		_, err := client.TrackSync(t.Context(), refused...)
		require.Error(t, err)
	}
	_, err := client.TrackSync(t.Context(), event("discard"))
	require.NoError(t, err)
	assert.Equal(t, altertable.Stats{Discarded: 1}, client.Stats())
	assert.Empty(t, srv.Requests())
}

// broken is a RoundTripper that ends its goroutine.
type broken struct{}

func (broken) RoundTrip(*http.Request) (*http.Response, error) { runtime.Goexit(); return nil, nil }

func TestStatsCountRequests(t *testing.T) {
	for name, test := range map[string]struct {
		fault   altertabletest.Fault
		options []altertable.Option
		failed  int64
	}{
		"success":            {altertabletest.Pass(), nil, 0},
		"cut off":            {altertabletest.Pass().Truncate(), nil, 0},
		"a success not JSON": {altertabletest.Status(200).AfterStoring().Body("fine"), nil, 0},
		"ok false":           {altertabletest.Status(200).ErrorCode("environment-not-found"), nil, 1},
		"redirect":           {altertabletest.Redirect(302, "http://localhost/"), nil, 1},
		"refusal":            {altertabletest.Status(422), nil, 1},
		"key":                {altertabletest.Status(401), nil, 1},
		"reset":              {altertabletest.Reset(), nil, 1},
		"panic":              {altertabletest.Pass(), []altertable.Option{altertable.WithHTTPClient(&http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) { panic("secret") })})}, 1},
		"Goexit":             {altertabletest.Pass(), []altertable.Option{altertable.WithHTTPClient(&http.Client{Transport: broken{}})}, 1},
	} {
		for kind, send := range map[string]func(context.Context, *altertable.Client){
			"batch": func(ctx context.Context, c *altertable.Client) {
				assert.NoError(t, c.Track(ctx, event("e0")))
				_ = c.Flush(ctx)
			},
			"sync": func(ctx context.Context, c *altertable.Client) { _, _ = c.TrackSync(ctx, event("e0")) },
		} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					client, srv, _ := newClient(t, test.options...)
					srv.Always(test.fault.Delay(10 * time.Millisecond))
					start := time.Now()
					go send(within(t, 100*time.Millisecond), client)
					synctest.Wait()
					if len(test.options) == 0 {
						s := client.Stats()
						assert.EqualValues(t, 1, s.InFlight)
						assert.Zero(t, s.FailedRequests, "it is not known yet")
						assert.Zero(t, s.LastSuccess)
					}
					pass(100 * time.Millisecond)
					s := client.Stats()
					assert.EqualValues(t, 1, s.Requests)
					assert.Zero(t, s.InFlight)
					assert.Equal(t, test.failed, s.FailedRequests)
					if test.failed == 0 {
						assert.Equal(t, start.Add(10*time.Millisecond), s.LastSuccess)
					} else {
						assert.Zero(t, s.LastSuccess)
					}
				})
			})
		}
	}
}

// A request of which nobody waits for the end is under way until it ends.
func TestInFlightCountsWhatShutdownLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		client, _, _ := newClient(t, altertable.WithHTTPClient(&http.Client{Transport: stubborn{release}}))
		track(t, client, "e0")
		require.Error(t, client.Shutdown(within(t, time.Second)))
		assert.EqualValues(t, 1, client.Stats().InFlight)
		assert.Zero(t, client.Stats().Oldest, "nobody works on it any more")
		close(release)
		synctest.Wait()
		s := client.Stats()
		assert.Zero(t, s.InFlight)
		assert.EqualValues(t, 1, s.FailedRequests)
		assertAddsUp(t, s)
	})
}

// A poller sees both sums hold, and counters that never fall, whatever happens.
func TestStatsAddUpAtAnyMoment(t *testing.T) {
	for name, options := range map[string]func(*testing.T) []altertable.Option{
		"DropNewest": func(*testing.T) []altertable.Option { return nil },
		"DropOldest": func(*testing.T) []altertable.Option {
			return []altertable.Option{altertable.WithOverflow(altertable.DropOldest)}
		},
		"Block": func(*testing.T) []altertable.Option {
			return []altertable.Option{altertable.WithOverflow(altertable.Block)}
		},
		"spool": func(t *testing.T) []altertable.Option {
			return []altertable.Option{altertable.WithSpool(filepath.Join(t.TempDir(), "spool"), altertable.SpoolMaxBytes(64<<10))}
		},
	} {
		t.Run(name, func(t *testing.T) {
			client, srv, _ := newClient(t, append(options(t),
				altertable.WithMaxQueueSize(50), altertable.WithMaxBatchSize(5),
				altertable.WithRetry(altertable.RetryPolicy{InitialInterval: time.Millisecond, MaxInterval: 2 * time.Millisecond}),
				altertable.WithBeforeSend(func(m altertable.Message) altertable.Message {
					if strings.HasSuffix(m.(altertable.Track).Event, "7") {
						return nil
					}
					return m
				}))...)
			srv.Always(altertabletest.Status(422).MatchBody(contains("e3")))
			srv.Next(50, altertabletest.Status(503))
			var over atomic.Bool
			var polls sync.WaitGroup
			for range 2 {
				polls.Go(func() {
					var last altertable.Stats
					for !over.Load() {
						s := client.Stats()
						assertAddsUp(t, s)
						assert.GreaterOrEqual(t, s.Requests-s.FailedRequests-s.InFlight, last.Requests-last.FailedRequests-last.InFlight, "successes")
						assert.GreaterOrEqual(t, s.FailedRequests, last.FailedRequests)
						assert.GreaterOrEqual(t, s.Discarded, last.Discarded)
						assert.GreaterOrEqual(t, s.InFlight, int64(0))
						assert.GreaterOrEqual(t, s.Oldest, time.Duration(0))
						assert.Equal(t, s.Delivered > 0, !s.LastSuccess.IsZero())
						last = s
						runtime.Gosched()
					}
				})
			}
			var calls sync.WaitGroup
			for range 4 {
				calls.Go(func() {
					for i := range 200 {
						ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
						_ = client.Track(ctx, event(fmt.Sprintf("e%d", i%20)))
						_ = client.Track(ctx, altertable.Track{})
						cancel()
					}
				})
			}
			calls.Wait()
			_ = client.Close()
			require.ErrorIs(t, client.Track(t.Context(), event("late")), altertable.ErrClosed)
			over.Store(true)
			polls.Wait()
			s := client.Stats()
			assert.EqualValues(t, 4*20, s.Discarded)
			assert.EqualValues(t, 4*200, s.RejectedInvalid)
			assert.EqualValues(t, 1, s.RejectedClosed)
			assert.Zero(t, s.InFlight)
			assert.Zero(t, s.Oldest)
		})
	}
}

func TestStatsSayWhyARequestFailed(t *testing.T) {
	page := func(status int, body string) altertabletest.Fault {
		return altertabletest.Status(status).Header("Content-Type", "text/html").Body(body)
	}
	for name, test := range map[string]struct {
		fault altertabletest.Fault
		want  altertable.Stats
	}{
		"401":                   {altertabletest.Status(401), altertable.Stats{RequestsUnauthorized: 1}},
		"403 of the API":        {altertabletest.Status(403).ErrorCode("forbidden"), altertable.Stats{RequestsUnauthorized: 1}},
		"403 of a firewall":     {altertabletest.Status(403).Body("no"), altertable.Stats{RequestsErrored: 1}},
		"no environment":        {altertabletest.Status(400).ErrorCode("environment-not-found"), altertable.Stats{RequestsNoEnvironment: 1}},
		"no environment, 200":   {altertabletest.Status(200).ErrorCode("environment_not_found"), altertable.Stats{RequestsNoEnvironment: 1}},
		"429":                   {altertabletest.Status(429), altertable.Stats{RequestsLimited: 1}},
		"422":                   {altertabletest.Status(422), altertable.Stats{RequestsRefused: 1}},
		"404":                   {altertabletest.Status(404), altertable.Stats{RequestsRefused: 1}},
		"redirect":              {altertabletest.Redirect(302, "http://localhost/"), altertable.Stats{RequestsRefused: 1}},
		"ok false":              {altertabletest.Status(200).ErrorCode("insert-failed"), altertable.Stats{RequestsRefused: 1}},
		"421":                   {altertabletest.Status(421), altertable.Stats{RequestsRefused: 1}},
		"500":                   {altertabletest.Status(500), altertable.Stats{RequestsErrored: 1}},
		"408":                   {altertabletest.Status(408), altertable.Stats{RequestsErrored: 1}},
		"portal":                {page(200, "<html>"), altertable.Stats{RequestsErrored: 1}},
		"reset":                 {altertabletest.Reset(), altertable.Stats{RequestsUnanswered: 1}},
		"nobody listens":        {altertabletest.Refuse(), altertable.Stats{RequestsUnanswered: 1}},
		"no answer in the time": {altertabletest.Hang(), altertable.Stats{RequestsUnanswered: 1}},
	} {
		for kind, send := range map[string]func(context.Context, *altertable.Client){
			"batch": func(ctx context.Context, c *altertable.Client) {
				assert.NoError(t, c.Track(ctx, event("e0")))
				_ = c.Flush(ctx)
			},
			"sync": func(ctx context.Context, c *altertable.Client) { _, _ = c.TrackSync(ctx, event("e0")) },
		} {
			t.Run(name+", "+kind, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					client, srv, _ := newClient(t)
					srv.Next(1, test.fault)
					send(t.Context(), client)
					s := client.Stats()
					assertAddsUp(t, s)
					assert.Equal(t, test.want, altertable.Stats{
						RequestsUnauthorized: s.RequestsUnauthorized, RequestsNoEnvironment: s.RequestsNoEnvironment,
						RequestsLimited: s.RequestsLimited, RequestsRefused: s.RequestsRefused,
						RequestsErrored: s.RequestsErrored, RequestsUnanswered: s.RequestsUnanswered,
					})
				})
			})
		}
	}
}

// Behind a spool a refused key costs nothing, so no other number tells of it.
func TestStatsTellOfARefusedKeyBehindASpool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, _ := newSpoolClient(t, t.TempDir())
		refusal := srv.Always(altertabletest.Status(401))
		track(t, client, "e0")
		pass(5 * time.Minute)
		s := client.Stats()
		assert.Zero(t, s.Failed)
		assert.Greater(t, s.RequestsUnauthorized, int64(5))
		assert.Equal(t, s.FailedRequests, s.RequestsUnauthorized)
		refusal.Release()
		require.NoError(t, client.Flush(t.Context()))
	})
}

func TestLimits(t *testing.T) {
	var none *altertable.Client
	assert.Equal(t, altertable.Limits{}, none.Limits())
	assert.Equal(t, altertable.Limits{}, new(altertable.Client).Limits())

	client, _, _ := newClient(t)
	assert.Equal(t, altertable.Limits{MaxQueueSize: 100_000, MaxQueueBytes: 64 << 20, MaxInFlight: 8}, client.Limits())
	require.NoError(t, client.Close())
	assert.Equal(t, altertable.Limits{}, client.Limits())

	client, _, _ = newSpoolClient(t, t.TempDir(), altertable.WithMaxQueueSize(7), altertable.WithMaxQueueBytes(4<<10), altertable.WithMaxInFlight(3))
	assert.Equal(t, altertable.Limits{MaxQueueSize: 7, MaxQueueBytes: 4 << 10, MaxInFlight: 3, SpoolMaxBytes: 1 << 30}, client.Limits())
}

// What a closed client left on disk is another client's, so its limits tell that
// its numbers must not be added to that one's.
func TestLimitsOfAClientThatLeftMessagesOnDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server, _ := newSpoolClient(t, t.TempDir())
		server.Down()
		track(t, client, "e0")
		ctx, cancel := context.WithCancel(t.Context())
		shut := make(chan error, 1)
		go func() { shut <- client.Shutdown(ctx) }()
		synctest.Wait()
		require.ErrorIs(t, client.Track(t.Context(), event("e1")), altertable.ErrClosed)
		assert.NotZero(t, client.Limits(), "Shutdown still tries")
		cancel()
		require.NoError(t, <-shut)
		assert.EqualValues(t, 1, client.Stats().Queued)
		assert.Equal(t, altertable.Limits{}, client.Limits())
		server.Up()
	})
}

// Whoever keeps a closed client for its Stats, as collectors do, does not keep the
// messages that it left on disk.
func TestClosedClientHoldsNoMessages(t *testing.T) {
	const messages, size = 3000, 1 << 10
	client, server, _ := newSpoolClient(t, t.TempDir())
	server.Down()
	before := heapAlloc()
	for i := range messages {
		e := event("e0")
		e.Properties = altertable.Properties{"p": strings.Repeat("x", size)}
		require.NoError(t, client.Track(t.Context(), e))
		require.NoError(t, client.Identify(t.Context(), altertable.Identify{DistinctID: fmt.Sprint("u_", i)}))
	}
	require.Greater(t, heapAlloc()-before, uint64(messages*size))
	require.NoError(t, client.Shutdown(within(t, 50*time.Millisecond)))
	require.EqualValues(t, 2*messages, client.Stats().Queued)
	assert.Less(t, heapAlloc(), before+messages*size/4)
	runtime.KeepAlive(client)
}
