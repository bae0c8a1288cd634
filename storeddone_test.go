package altertable_test

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// Most messages are on disk alone: memory has room for a few.
func TestDonesOfTheBacklogAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, _ := newSpoolClient(t, t.TempDir(), altertable.WithMaxQueueBytes(1<<10), altertable.WithMaxQueueSize(100))
		down := srv.Always(altertabletest.Status(503))
		o := newOutcomes()
		o.enqueue(t, client, numbered(100)...)
		require.Less(t, len(srv.Requests()), 10)
		err := client.Enqueue(t.Context(), event("x"), func(error) { t.Error("told") })
		require.ErrorIs(t, err, altertable.ErrQueueFull, "as many dones are due as the queue may hold messages")
		track(t, client, numberedFrom(100, 100)...)
		down.Release()
		require.NoError(t, client.Flush(t.Context()))
		for _, name := range numbered(100) {
			require.NoError(t, o.one(t, name))
		}
		assert.Len(t, stored(srv), 200)
	})
}

func TestDropOldestRefusesADoneTooManyWithASpool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, _ := newSpoolClient(t, t.TempDir(), altertable.WithMaxQueueSize(2), altertable.WithOverflow(altertable.DropOldest))
		srv.Always(altertabletest.Status(503))
		o := newOutcomes()
		o.enqueue(t, client, "a", "b")
		require.ErrorIs(t, client.Enqueue(t.Context(), event("c"), o.of("c")), altertable.ErrQueueFull)
		track(t, client, "d")
		require.NoError(t, client.Shutdown(within(t, time.Second)))
		assert.Equal(t, altertable.ErrClosed, o.one(t, "a"))
		assert.Equal(t, altertable.ErrClosed, o.one(t, "b"))
		assert.Equal(t, 2, o.count())
	})
}

func TestBlockWaitsForADoneWithASpool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, _ := newSpoolClient(t, t.TempDir(), altertable.WithMaxQueueSize(2), altertable.WithOverflow(altertable.Block))
		down := srv.Always(altertabletest.Status(503))
		o := newOutcomes()
		o.enqueue(t, client, "a", "b")
		err := client.Enqueue(within(t, time.Second), event("c"), func(error) { t.Error("told") })
		require.ErrorIs(t, err, altertable.ErrQueueFull)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		time.AfterFunc(time.Second, down.Release)
		o.enqueue(t, client, "d")
		time.AfterFunc(time.Second, func() { assert.NoError(t, client.Close()) })
		for i := range 3 {
			if err = client.Enqueue(t.Context(), event("e"), o.of("e"+strconv.Itoa(i))); err != nil {
				break
			}
		}
		pass(time.Minute)
		require.NoError(t, client.Flush(t.Context()))
		require.NoError(t, o.one(t, "d"))
	})
}

// A done that calls Enqueue would wait for its own room.
func TestBlockDoesNotWaitForAStuckDoneWithASpool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _, _ := newSpoolClient(t, t.TempDir(), altertable.WithMaxQueueSize(1), altertable.WithOverflow(altertable.Block))
		var err error
		require.NoError(t, client.Enqueue(t.Context(), event("a"), func(error) {
			err = client.Enqueue(t.Context(), event("b"), func(error) { t.Error("told") })
		}))
		pass(time.Minute)
		require.ErrorIs(t, err, altertable.ErrQueueFull)
		require.NotErrorIs(t, err, context.DeadlineExceeded)
		o := newOutcomes()
		o.enqueue(t, client, "c")
		require.NoError(t, client.Flush(t.Context()))
		require.NoError(t, o.one(t, "c"))
	})
}

// A refused call takes no room.
func TestDoneThatAFullDiskRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, _ := newClient(t, altertable.WithBaseURL("http://localhost"), altertable.WithMaxQueueSize(2),
			altertable.WithSpool(t.TempDir(), altertable.SpoolMaxBytes(2<<10)))
		down := srv.Always(altertabletest.Status(503))
		for client.Track(t.Context(), event("a")) == nil {
		}
		for range 5 {
			require.ErrorIs(t, client.Enqueue(t.Context(), event("b"), func(error) { t.Error("told") }), altertable.ErrQueueFull)
		}
		down.Release()
		require.NoError(t, client.Flush(t.Context()))
		o := newOutcomes()
		o.enqueue(t, client, "c", "d")
		require.NoError(t, client.Flush(t.Context()))
		require.NoError(t, o.one(t, "d"))
	})
}

func TestDoneIsToldThatTheSpoolKeepsItsMessage(t *testing.T) {
	for name, opts := range map[string][]altertable.Option{
		"in memory": nil, "on disk alone": {altertable.WithMaxQueueBytes(1 << 10)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				client, srv, _ := newSpoolClient(t, dir, opts...)
				srv.Always(altertabletest.Status(503))
				o := newOutcomes()
				o.enqueue(t, client, numbered(30)...)
				require.NoError(t, client.Shutdown(within(t, time.Second)))
				for _, name := range numbered(30) {
					require.Equal(t, altertable.ErrClosed, o.one(t, name))
				}
				next, srv, _ := newSpoolClient(t, dir)
				require.NoError(t, next.Flush(t.Context()))
				assert.ElementsMatch(t, numbered(30), stored(srv))
			})
		})
	}
}

func TestDoneOfAClientThatOnlyWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, err := altertable.New("key", altertable.WithSpool(t.TempDir(), altertable.SpoolWriteOnly()), altertable.WithMaxQueueSize(1),
			altertable.WithOverflow(altertable.Block))
		require.NoError(t, err)
		o := newOutcomes()
		o.enqueue(t, client, "a")
		require.ErrorIs(t, client.Enqueue(t.Context(), event("b"), o.of("b")), altertable.ErrQueueFull)
		require.NoError(t, client.Flush(t.Context()))
		assert.Zero(t, o.count())
		require.NoError(t, client.Close())
		assert.Equal(t, altertable.ErrClosed, o.one(t, "a"))
		assert.Equal(t, 1, o.count())
	})
}

func TestDonesOfALostFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		client, srv, _ := newSpoolClient(t, dir, altertable.WithMaxQueueBytes(1<<10), altertable.WithMaxQueueSize(1000))
		down := srv.Always(altertabletest.Status(503))
		o := newOutcomes()
		o.enqueue(t, client, numbered(50)...)
		for _, file := range segments(t, dir) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			for i := len(text) / 2; i < len(text); i++ {
				if text[i] == 'm' && text[i-1] == '\n' {
					text[i+3] ^= 1 // of the checksum
				}
			}
			require.NoError(t, os.WriteFile(file, text, 0o600))
		}
		down.Release()
		require.Error(t, client.Flush(t.Context()))
		lost := 0
		for _, name := range numbered(50) {
			err := o.one(t, name)
			if err == nil {
				continue
			}
			lost++
			var delivery *altertable.DeliveryError
			require.ErrorAs(t, err, &delivery)
			assert.Equal(t, 1, delivery.Count)
			assert.Equal(t, "track", delivery.Endpoint)
			assert.Empty(t, delivery.Payloads())
			var files *altertable.SpoolError
			assert.ErrorAs(t, err, &files)
		}
		assert.Positive(t, lost)
		assert.EqualValues(t, lost, client.Stats().Dropped)
	})
}

// What is on disk alone when the client ends, and of whose loss nobody was told, is
// the next client's to lose.
func TestShutdownWhileLossesAreUntold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		client, srv, l := newSpoolClient(t, dir, altertable.WithMaxQueueSize(8), altertable.WithMaxBatchSize(1))
		srv.Always(altertabletest.Status(422))
		stuck := make(chan struct{})
		release := sync.OnceFunc(func() { close(stuck) })
		defer release()
		l.then = func() { <-stuck }
		o := newOutcomes()
		track(t, client, numbered(8)...)
		o.enqueue(t, client, numberedFrom(8, 8)...)
		pass(time.Minute)
		require.EqualValues(t, 16, client.Stats().Failed)
		require.NoError(t, client.Close(), "nothing was outstanding")
		s := client.Stats()
		assert.Equal(t, s.Accepted, s.Failed+s.Queued)
		release()
		pass(time.Minute)
		for _, name := range numberedFrom(8, 8) {
			assert.Equal(t, altertable.ErrClosed, o.one(t, name))
		}
		assert.Len(t, l.lost, int(s.Failed), "each with its payload")
		next, srv, _ := newSpoolClient(t, dir)
		require.NoError(t, next.Flush(t.Context()))
		assert.Subset(t, stored(srv), numberedFrom(8, 8))
	})
}

// Of what was delivered, the messages whose dones were not told stay, as after a crash.
func TestShutdownWhileDonesAreUntold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		client, _, l := newSpoolClient(t, dir, altertable.WithMaxQueueSize(8), altertable.WithMaxBatchSize(1))
		stuck := make(chan struct{})
		release := sync.OnceFunc(func() { close(stuck) })
		defer release()
		l.then = func() { <-stuck }
		o := newOutcomes()
		track(t, client, numbered(8)...)
		o.enqueue(t, client, numberedFrom(8, 8)...)
		pass(time.Minute)
		require.EqualValues(t, 16, client.Stats().Delivered)
		require.NoError(t, client.Close())
		next, srv, _ := newSpoolClient(t, dir)
		require.NoError(t, next.Flush(t.Context()))
		assert.ElementsMatch(t, numberedFrom(8, 8), stored(srv))
		release()
		pass(time.Minute)
		for _, name := range numberedFrom(8, 8) {
			assert.NoError(t, o.one(t, name))
		}
	})
}

// A crash between done and its note on disk repeats the message.
func TestOutcomeIsNotedAfterDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		client, _, _ := newSpoolClient(t, dir)
		release := make(chan struct{})
		require.NoError(t, client.Enqueue(t.Context(), event("a"), func(error) { <-release }))
		pass(time.Minute)
		require.EqualValues(t, 1, client.Stats().Delivered)
		assert.NotZero(t, client.Stats().SpoolBytes)
		close(release)
		pass(time.Minute)
		assert.Zero(t, client.Stats().SpoolBytes)
	})
}

func TestRawInTheSpool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		client, srv, _ := newSpoolClient(t, dir)
		srv.Always(altertabletest.Status(503))
		raw := "{\"event\":\"a\",\r\n\"ENVIRONMENT\":\"no\",\n\"properties\":{\n},\"environment\":\"staging\",\"distinct_id\":\"u_1\",\"Environment\":\"no\"}"
		require.NoError(t, client.Enqueue(t.Context(), rawIn("track", raw), nil))
		require.NoError(t, client.Shutdown(within(t, time.Second)))
		next, srv, l := newSpoolClient(t, dir)
		require.NoError(t, next.Flush(t.Context()))
		require.Len(t, l.deliveries, 1)
		assert.Equal(t, "staging", l.deliveries[0].Environment)
		assert.Contains(t, string(srv.Requests()[0].Body), "{\"event\":\"a\",  \"ENVIRONMENT\":\"no\", \"properties\":{ },")
	})
}

// The environment of a Raw is its own when it is read from disk, also where other
// members look like it, or its JSON is broken further inside.
func TestEnvironmentOfARawInTheSpool(t *testing.T) {
	for name, begin := range map[string]string{
		"escaped":              `{"environment":"st\u0061ging"`,
		"escaped, and another": `{"environment":"st\u0061ging","Environment":"no"`,
		"escaped, and broken":  `{"environment":"st\u0061ging","x":nope`,
		"later":                `{"x":"}","environment":"staging"`,
		"nested":               `{"x":{"environment":"no"},"environment":"staging"`,
		"white space":          `{ "environment" : "staging"`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				client, srv, _ := newSpoolClient(t, dir)
				srv.Always(altertabletest.Status(503))
				require.NoError(t, client.Enqueue(t.Context(), rawIn("identify", begin+`,"distinct_id":"u_1"}`), nil))
				require.NoError(t, client.Shutdown(within(t, time.Second)))
				next, _, l := newSpoolClient(t, dir)
				_ = next.Flush(t.Context())
				require.Len(t, l.deliveries, 1)
				assert.Equal(t, "staging", l.deliveries[0].Environment)
			})
		})
	}
}

// Whatever happens, each done is called once, and their outcomes are those that
// Stats counts.
func TestDonesAtRandom(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { runDones(t, rand.New(rand.NewPCG(seed, 1))) })
		})
	}
}

func runDones(t *testing.T, r *rand.Rand) {
	spooled := r.IntN(2) == 0
	opts := []altertable.Option{
		altertable.WithMaxQueueSize(1 + r.IntN(40)), altertable.WithMaxBatchSize(1 + r.IntN(10)), altertable.WithOverflow(altertable.Overflow(r.IntN(3))),
		altertable.WithRetry(altertable.RetryPolicy{MaxElapsed: time.Minute}),
	}
	if spooled {
		opts = append(opts, altertable.WithBaseURL("http://localhost"), altertable.WithSpool(t.TempDir()))
	}
	if r.IntN(2) == 0 {
		opts = append(opts, altertable.WithOnDelivery(func(altertable.Delivery) {}))
	}
	client, srv := altertabletest.New(t, opts...)
	o := newOutcomes()
	var all []string
	for i := range 150 {
		name := "e" + strconv.Itoa(i)
		var m altertable.Message = event(name)
		switch r.IntN(6) {
		case 0:
			m = linked(name)
		case 1:
			m = rawIn("track", `{"event":"bad","distinct_id":"u_1","properties":{"a":nope}}`)
		}
		slow := r.IntN(20) == 0
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		if err := client.Enqueue(ctx, m, func(err error) {
			o.of(name)(err)
			if slow {
				<-time.After(time.Second)
			}
		}); err == nil {
			all = append(all, name)
		}
		cancel()
		switch r.IntN(12) {
		case 0:
			srv.Next(1+r.IntN(4), altertabletest.Status([]int{503, 401, 429, 400}[r.IntN(4)]))
		case 1:
			pass(time.Duration(r.IntN(3000)) * time.Millisecond)
		}
	}
	if r.IntN(2) == 0 {
		srv.Always(altertabletest.Status(503))
	}
	_ = client.Shutdown(within(t, time.Duration(r.IntN(30))*time.Second))
	pass(10 * time.Minute)
	var delivered, lost, kept int64
	for _, name := range all {
		switch err := o.one(t, name); err {
		case nil:
			delivered++
		case altertable.ErrClosed:
			kept++
		default:
			var one *altertable.DeliveryError
			require.ErrorAs(t, err, &one)
			require.Equal(t, 1, one.Count)
			lost++
		}
	}
	require.Equal(t, len(all), o.count())
	s := client.Stats()
	assert.EqualValues(t, len(all), s.Accepted)
	assert.Equal(t, delivered, s.Delivered)
	assert.Equal(t, lost, s.Failed+s.Dropped)
	assert.Equal(t, kept, s.Queued)
}
