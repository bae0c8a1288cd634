package altertable_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// chaos is a client that meets random faults, and the books that are kept of it.
type chaos struct {
	*rand.Rand
	client *altertable.Client
	srv    *altertabletest.Server
	alone  bool // no callback sends messages

	mu       sync.Mutex
	sent     int
	accepted []string
}

var (
	chaosEnvironments = []string{"production", "staging", "preview"}
	chaosVisitors     = []string{"anonymous-a", "anonymous-b", "anonymous-c", "anonymous-d"}
)

// fault returns any that keeps to the rules: no answer of success for what was not stored.
func (c *chaos) fault() altertabletest.Fault {
	status := func(all ...int) altertabletest.Fault { return altertabletest.Status(all[c.IntN(len(all))]) }
	f := []altertabletest.Fault{
		status(408, 425, 429, 500, 502, 503),
		status(429, 503).RetryAfter(time.Duration(c.IntN(60)) * time.Second),
		status(400, 413, 422),
		status(301, 401, 403, 404).HTML("<html>"),
		altertabletest.Reset(),
		altertabletest.Reset().AfterStoring(),
		altertabletest.Refuse(),
		altertabletest.Hang(),
		altertabletest.Pass().Truncate(),
		altertabletest.Pass().Trickle(time.Second),
		status(200).Endless().AfterStoring(),
		status(500).Endless(),
		altertabletest.Pass(),
	}[c.IntN(13)]
	if c.IntN(2) == 0 {
		f = f.Delay(time.Duration(c.IntN(8000)) * time.Millisecond)
	}
	return f
}

// act does one thing that an application or the network may do.
func (c *chaos) act(t *testing.T) {
	environment := chaosEnvironments[c.IntN(len(chaosEnvironments))]
	switch c.IntN(12) {
	default:
		c.send(t, c.Rand, func(name string) error {
			return c.client.Track(t.Context(), altertable.Track{Event: name, DistinctID: "u", Environment: environment})
		})
	case 0, 1, 2:
		c.send(t, c.Rand, func(name string) error {
			return c.client.Identify(t.Context(), altertable.Identify{DistinctID: name, AnonymousID: chaosVisitors[c.IntN(len(chaosVisitors))], Environment: environment})
		})
	case 3:
		c.send(t, c.Rand, func(name string) error {
			return c.client.Alias(t.Context(), altertable.Alias{DistinctID: name, NewUserID: "v", Environment: environment})
		})
	case 4, 5:
		pass(time.Duration(c.IntN(3000)) * time.Millisecond)
	case 6:
		c.srv.Next(1+c.IntN(5), c.fault())
	case 7:
		if c.alone && c.IntN(2) == 0 {
			c.flush(t)
			return
		}
		go func() { _ = c.client.Flush(t.Context()) }()
	case 8:
		ctx := within(t, time.Duration(1+c.IntN(9000))*time.Millisecond)
		go func() {
			_, _ = c.client.IdentifySync(ctx, altertable.Identify{DistinctID: "sync", Environment: environment})
		}()
	}
}

// flush checks what Flush returns while nobody else sends messages.
func (c *chaos) flush(t *testing.T) {
	lost := func(s altertable.Stats) int64 { return s.Failed + s.Dropped }
	synctest.Wait() // nothing happens between the two calls
	before := c.client.Stats()
	err := c.client.Flush(within(t, time.Duration(c.IntN(20_000))*time.Millisecond))
	after := c.client.Stats()
	if err == nil {
		assert.Equal(t, lost(before), lost(after))
		assert.Zero(t, after.Queued)
		return
	}
	var undelivered *altertable.UndeliveredError
	if assert.ErrorAs(t, err, &undelivered) {
		assert.GreaterOrEqual(t, int64(undelivered.Count), lost(after)-lost(before)+after.Queued)
		assert.LessOrEqual(t, int64(undelivered.Count), lost(after)-lost(before)+before.Queued)
	}
}

// send gives the message that call sends a name, and keeps the books.
func (c *chaos) send(t *testing.T, r *rand.Rand, call func(name string) error) {
	c.mu.Lock()
	name := []string{"n", "n", "n", "n", "n", "n", "n", "n", "bad", "poison"}[r.IntN(10)] + fmt.Sprint(c.sent)
	c.sent++
	c.mu.Unlock()
	switch err := call(name); {
	case err == nil:
		c.mu.Lock()
		c.accepted = append(c.accepted, name)
		c.mu.Unlock()
	case !errors.Is(err, altertable.ErrQueueFull) && !errors.Is(err, altertable.ErrClosed):
		t.Error(err)
	}
}

// misbehave is what a callback may do.
func (c *chaos) misbehave(t *testing.T, r *rand.Rand) {
	switch r.IntN(200) {
	case 0:
		_ = c.client.Close()
	case 1, 2, 3, 4:
		ctx := within(t, time.Duration(r.IntN(2000))*time.Millisecond)
		_ = c.client.Flush(ctx)
	case 5, 6, 7, 8:
		_, _ = c.client.TrackSync(within(t, time.Second), event("sync"))
	case 9, 10, 11, 12:
		c.send(t, r, func(name string) error { return c.client.Track(context.Background(), event(name)) })
	case 13, 14, 15, 16:
		<-time.After(time.Duration(r.IntN(600)) * time.Millisecond)
	case 17, 18, 19, 20:
		runtime.Goexit()
	case 21, 22, 23, 24:
		panic("secret")
	}
}

func TestChaos(t *testing.T) {
	t.Parallel()
	seeds := uint64(40)
	if altertable.RaceEnabled {
		seeds = 16
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &chaos{Rand: rand.New(rand.NewPCG(seed, 0))}
				maxInFlight, maxQueueSize, maxQueueBytes := 1+c.IntN(4), 20+c.IntN(200), 4<<10+c.IntN(40<<10)
				var l *ledger
				c.client, c.srv, l = newClient(t, altertable.WithMaxInFlight(maxInFlight),
					altertable.WithMaxBatchSize(1+c.IntN(20)), altertable.WithMaxQueueSize(maxQueueSize),
					altertable.WithMaxBatchBytes(1024+c.IntN(8<<10)), altertable.WithMaxQueueBytes(maxQueueBytes),
					altertable.WithOverflow(altertable.Overflow(c.IntN(3))),
					altertable.WithRetry(altertable.RetryPolicy{MaxElapsed: time.Duration(1+c.IntN(10)) * time.Minute}))
				c.srv.Always(altertabletest.Status(422).MatchBody(func(body []byte) bool { return bytes.Contains(body, []byte(`"bad`)) }))
				c.srv.Always(altertabletest.Status(500).MatchBody(func(body []byte) bool { return bytes.Contains(body, []byte(`"poison`)) }))
				c.alone = seed%2 == 0
				if callbacks := rand.New(rand.NewPCG(seed, 1)); !c.alone {
					l.then = func() { c.misbehave(t, callbacks) }
				}
				for range 800 {
					c.act(t)
					s := c.client.Stats()
					require.Equal(t, s.Accepted, s.Delivered+s.Failed+s.Dropped+s.Queued, "conservation: %+v", s)
					require.LessOrEqual(t, s.Queued, int64(maxQueueSize))
					require.LessOrEqual(t, s.QueuedBytes, int64(maxQueueBytes))
				}
				if c.IntN(2) == 0 {
					c.srv.ClearFaults()
				}
				limit, start := time.Duration(c.IntN(600))*time.Second, time.Now()
				_ = c.client.Shutdown(within(t, limit))
				assert.LessOrEqual(t, time.Since(start), limit+250*time.Millisecond)
				pass(time.Hour) // for callbacks that take their time
				l.settle(t, c.client, c.accepted...)
				for _, d := range l.deliveries {
					require.Positive(t, d.Count)
				}
				assertStored(t, c.srv, l)
				requests := c.srv.Requests()
				assert.LessOrEqual(t, overlapping(requests, func(r altertabletest.Request) bool { return !r.Sync }), maxInFlight)
				for _, environment := range chaosEnvironments {
					for _, visitor := range chaosVisitors {
						assert.LessOrEqual(t, overlapping(requests, func(r altertabletest.Request) bool {
							return r.Path == "/identify" && contains(environment)(r.Body) && contains(visitor)(r.Body)
						}), 1, "identifies of a person go one at a time")
					}
				}
			})
		})
	}
}

// Clients follow each other on one spool: each message has one outcome, whoever
// brings it about.
func TestChaosWithASpool(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &chaos{Rand: rand.New(rand.NewPCG(seed, 1))}
				dir := t.TempDir()
				var outcomes []string
				for generation := range 6 {
					client, srv, l := newSpoolClient(t, dir, altertable.WithSpool(dir, altertable.SpoolMaxBytes(int64(4+c.IntN(60))<<10)),
						altertable.WithMaxInFlight(1+c.IntN(4)), altertable.WithMaxBatchSize(1+c.IntN(20)),
						altertable.WithMaxQueueSize(1+c.IntN(100)), altertable.WithMaxQueueBytes(1024+c.IntN(20<<10)),
						altertable.WithOverflow(altertable.Overflow(c.IntN(3))),
						altertable.WithRetry(altertable.RetryPolicy{MaxElapsed: time.Duration(1+c.IntN(60)) * time.Minute}))
					c.client, c.srv = client, srv
					srv.Always(altertabletest.Status(422).MatchBody(func(body []byte) bool { return bytes.Contains(body, []byte(`"bad`)) }))
					for range 200 {
						c.act(t)
						s := client.Stats()
						require.Equal(t, s.Accepted, s.Delivered+s.Failed+s.Dropped+s.Queued, "%+v", s)
					}
					timeout := time.Duration(c.IntN(20)) * time.Second
					if generation == 5 {
						srv.ClearFaults()
						timeout = 2 * time.Hour
					}
					_ = client.Shutdown(within(t, timeout))
					pass(time.Second)
					assertStored(t, srv, l)
					outcomes = append(append(outcomes, l.delivered...), l.lost...)
					s := client.Stats()
					require.Equal(t, s.Accepted, s.Delivered+s.Failed+s.Dropped+s.Queued, "%+v", s)
					require.Len(t, outcomes, len(c.accepted)-int(s.Queued))
				}
				assert.ElementsMatch(t, c.accepted, outcomes)
				assert.Empty(t, files(t, dir))
			})
		})
	}
}

// assertStored checks that the server has what counts as delivered.
func assertStored(t *testing.T, srv *altertabletest.Server, l *ledger) {
	t.Helper()
	there := append(stored(srv), identities(srv)...)
	for _, i := range srv.Identities() {
		there = append(there, i.Aliases...)
	}
	assert.Subset(t, there, l.delivered)
}
