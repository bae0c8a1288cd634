package altertable_test

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// outcomes are what dones were told, by the names of their messages.
type outcomes struct {
	mu   sync.Mutex
	told map[string][]error
}

func newOutcomes() *outcomes { return &outcomes{told: map[string][]error{}} }

// of returns the done of the message of that name.
func (o *outcomes) of(name string) func(error) {
	return func(err error) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.told[name] = append(o.told[name], err)
	}
}

// one returns what the message's done was told, once.
func (o *outcomes) one(t *testing.T, name string) error {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	require.Len(t, o.told[name], 1, name)
	return o.told[name][0]
}

func (o *outcomes) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.told)
}

// enqueue enqueues events of these names.
func (o *outcomes) enqueue(t *testing.T, client *altertable.Client, names ...string) {
	t.Helper()
	for _, name := range names {
		require.NoError(t, client.Enqueue(t.Context(), event(name), o.of(name)))
	}
}

// requireLost checks that err is of one message, and holds it.
func requireLost(t *testing.T, err error, name string) *altertable.DeliveryError {
	t.Helper()
	var lost *altertable.DeliveryError
	require.ErrorAs(t, err, &lost)
	assert.Equal(t, 1, lost.Count)
	assert.Equal(t, []string{name}, names(lost.Payloads()))
	return lost
}

// Whether other callbacks are there decides what is kept for them.
var withCallbacks = map[string][]altertable.Option{
	"dones alone": nil,
	"OnError":     {altertable.WithOnError(func(error) {})},
	"OnDelivery":  {altertable.WithOnDelivery(func(altertable.Delivery) {})},
}

func TestDoneIsToldOfDelivery(t *testing.T) {
	for name, opts := range withCallbacks {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, srv := altertabletest.New(t, opts...)
				o := newOutcomes()
				messages := []altertable.Message{
					event("a"), rawEvent("b"), altertable.Identify{DistinctID: "u_1"}, altertable.Alias{DistinctID: "u_1", NewUserID: "u_2"},
				}
				for _, m := range messages {
					require.NoError(t, client.Enqueue(t.Context(), m, o.of(string(must(client.Encode(t.Context(), m)).JSON))))
				}
				require.NoError(t, client.Enqueue(t.Context(), event("no done"), nil))
				require.NoError(t, client.Track(t.Context(), event("c")))
				require.NoError(t, client.Flush(t.Context()))
				require.Equal(t, len(messages), o.count())
				for name := range o.told {
					assert.NoError(t, o.one(t, name))
				}
				assert.Equal(t, []string{"a", "b", "no done", "c"}, stored(srv))
			})
		})
	}
}

func must[A any](a A, err error) A {
	if err != nil {
		panic(err)
	}
	return a
}

func TestDoneOfTheCulpritAloneIsToldOfItsLoss(t *testing.T) {
	for name, opts := range withCallbacks {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, srv := altertabletest.New(t, opts...)
				o := newOutcomes()
				o.enqueue(t, client, "a")
				bad := rawIn("track", `{"event":"bad","distinct_id":"u_1","properties":{"a":nope}}`)
				require.NoError(t, client.Enqueue(t.Context(), bad, o.of("bad")))
				o.enqueue(t, client, "b")
				require.Error(t, client.Flush(t.Context()))
				assert.NoError(t, o.one(t, "a"))
				assert.NoError(t, o.one(t, "b"))
				var lost *altertable.DeliveryError
				require.ErrorAs(t, o.one(t, "bad"), &lost)
				assert.Equal(t, 1, lost.Count)
				assert.Equal(t, "track", lost.Endpoint)
				assert.Equal(t, "production", lost.Environment)
				assert.Positive(t, lost.Attempts)
				require.Len(t, lost.Payloads(), 1)
				assert.Contains(t, string(lost.Payloads()[0]), "nope")
				assert.ElementsMatch(t, []string{"a", "b"}, stored(srv))
			})
		})
	}
}

// A batch that is given up whole is one report, and one error for each done.
func TestDonesOfAFailedBatchAreToldOneByOne(t *testing.T) {
	for name, opts := range withCallbacks {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, srv := altertabletest.New(t, opts...)
				srv.Next(1, altertabletest.Status(401))
				o := newOutcomes()
				o.enqueue(t, client, "a")
				track(t, client, "between")
				o.enqueue(t, client, "b")
				track(t, client, "behind")
				require.Error(t, client.Flush(t.Context()))
				for _, name := range []string{"a", "b"} {
					lost := requireLost(t, o.one(t, name), name)
					assert.ErrorIs(t, lost, altertable.ErrUnauthorized)
					assert.Equal(t, 1, lost.Attempts)
				}
				assert.EqualValues(t, 4, client.Stats().Failed)
			})
		})
	}
}

func TestDoneIsToldOfEviction(t *testing.T) {
	for name, opts := range withCallbacks {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, srv := altertabletest.New(t, append(opts, altertable.WithMaxQueueSize(3), altertable.WithOverflow(altertable.DropOldest))...)
				down := srv.Always(altertabletest.Status(503))
				o := newOutcomes()
				o.enqueue(t, client, "a", "b", "c")
				pass(100 * time.Millisecond)
				track(t, client, "d", "e")
				synctest.Wait()
				require.Equal(t, 2, o.count())
				for _, name := range []string{"a", "b"} {
					assert.ErrorIs(t, requireLost(t, o.one(t, name), name), altertable.ErrQueueFull)
				}
				down.Release()
				require.NoError(t, client.Shutdown(t.Context()))
				assert.NoError(t, o.one(t, "c"))
				assert.EqualValues(t, 2, client.Stats().Dropped)
			})
		})
	}
}

// The rest of its batch may wait for long.
func TestDoneIsNotKeptAfterEviction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, _ := newClient(t, altertable.WithMaxQueueSize(20), altertable.WithOverflow(altertable.DropOldest))
		srv.Always(altertabletest.Status(503))
		token := new([64]byte)
		kept := weak.Make(token)
		require.NoError(t, client.Enqueue(t.Context(), event("a"), func(error) { token[0]++ }))
		track(t, client, numbered(19)...)
		pass(time.Minute)
		track(t, client, "b")
		pass(time.Second)
		require.EqualValues(t, 1, client.Stats().Dropped)
		runtime.GC()
		assert.Nil(t, kept.Value())
		require.Error(t, client.Shutdown(within(t, time.Second)))
	})
}

func TestDoneIsToldOfShutdownsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv := altertabletest.New(t)
		srv.Always(altertabletest.Status(503))
		o := newOutcomes()
		o.enqueue(t, client, "a")
		require.Error(t, client.Shutdown(within(t, time.Second)))
		assert.ErrorIs(t, requireLost(t, o.one(t, "a"), "a"), context.DeadlineExceeded)
	})
}

func TestDoneIsToldThatMaxElapsedIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv := altertabletest.New(t, altertable.WithRetry(altertable.RetryPolicy{MaxElapsed: time.Minute}))
		srv.Always(altertabletest.Status(503))
		o := newOutcomes()
		o.enqueue(t, client, "a")
		pass(2 * time.Minute)
		requireLost(t, o.one(t, "a"), "a")
	})
}

func TestDoneIsNotCalledAfterAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv := altertabletest.New(t, altertable.WithMaxQueueSize(1))
		srv.Always(altertabletest.Hang())
		never := func(error) { t.Error("told") }
		track := event("a")
		for _, m := range []altertable.Message{
			nil, altertable.Track{}, &track, (*altertable.Track)(nil), &altertable.Raw{}, (*altertable.Raw)(nil), (*altertable.Identify)(nil), (*altertable.Alias)(nil), altertable.Raw{},
		} {
			var invalid *altertable.ValidationError
			require.ErrorAs(t, client.Enqueue(t.Context(), m, never), &invalid)
			require.ErrorAs(t, second(client.Encode(t.Context(), m)), &invalid)
		}
		require.NoError(t, client.Track(t.Context(), track))
		err := client.Enqueue(t.Context(), track, never)
		require.ErrorIs(t, err, altertable.ErrQueueFull)
		assert.Contains(t, err.Error(), "Enqueue")
		require.Error(t, client.Shutdown(within(t, time.Second)))
		require.ErrorIs(t, client.Enqueue(t.Context(), track, never), altertable.ErrClosed)
	})
}

func TestDoneOfADiscardedMessage(t *testing.T) {
	none := altertable.WithBeforeSend(func(altertable.Message) altertable.Message { return nil })
	for name, opts := range map[string][]altertable.Option{
		"BeforeSend": {none}, "disabled": {altertable.WithDisabled(true)}, "both": {none, altertable.WithDisabled(true)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, _ := altertabletest.New(t, opts...)
				o := newOutcomes()
				o.enqueue(t, client, "a")
				synctest.Wait()
				require.NoError(t, o.one(t, "a"))
				assert.Zero(t, client.Stats().Accepted)
				require.NoError(t, client.Close())
				err := client.Enqueue(t.Context(), event("b"), o.of("b"))
				synctest.Wait()
				if name == "disabled" {
					require.ErrorIs(t, err, altertable.ErrClosed)
					return
				}
				require.NoError(t, err, "it is discarded after Close, too")
				require.NoError(t, o.one(t, "b"))
				assert.EqualValues(t, 2, client.Stats().Discarded)
			})
		})
	}
}

func TestDoneMayDoWhatItLikes(t *testing.T) {
	for name, does := range map[string]func(*altertable.Client){
		"panic":     func(*altertable.Client) { panic("done") },
		"Goexit":    func(*altertable.Client) { runtime.Goexit() },
		"Flush":     func(c *altertable.Client) { _ = c.Flush(context.Background()) },
		"Close":     func(c *altertable.Client) { _ = c.Close() },
		"Enqueue":   func(c *altertable.Client) { _ = c.Enqueue(context.Background(), event("x"), func(error) {}) },
		"TrackSync": func(c *altertable.Client) { _, _ = c.TrackSync(context.Background(), event("y")) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, _ := altertabletest.New(t)
				o := newOutcomes()
				o.enqueue(t, client, "a")
				require.NoError(t, client.Enqueue(t.Context(), event("b"), func(err error) {
					o.of("b")(err)
					does(client)
				}))
				o.enqueue(t, client, "c")
				_ = client.Flush(t.Context())
				pass(time.Second)
				for _, name := range []string{"a", "b", "c"} {
					require.NoError(t, o.one(t, name))
				}
				require.NoError(t, client.Close())
			})
		})
	}
}

// Flush and Shutdown wait for a done 250 ms, and a stuck one fills the queue.
// Without other callbacks, only the messages with a done take room until it is told.
func TestRoomOfLostMessagesWithoutDones(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv := altertabletest.New(t, altertable.WithMaxQueueSize(10), altertable.WithMaxBatchSize(10))
		srv.Next(1, altertabletest.Status(404))
		stuck := make(chan struct{})
		require.NoError(t, client.Enqueue(t.Context(), event("a"), func(error) { <-stuck }))
		track(t, client, numbered(9)...)
		pass(time.Minute)
		require.EqualValues(t, 10, client.Stats().Failed)
		track(t, client, numbered(9)...)
		require.ErrorIs(t, client.Track(t.Context(), event("b")), altertable.ErrQueueFull)
		close(stuck)
	})
}

func TestStuckDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _ := altertabletest.New(t, altertable.WithMaxQueueSize(3), altertable.WithOverflow(altertable.Block))
		release := make(chan struct{})
		require.NoError(t, client.Enqueue(t.Context(), event("a"), func(error) { <-release }))
		o := newOutcomes()
		o.enqueue(t, client, "b", "c")
		begin := time.Now()
		require.NoError(t, client.Flush(t.Context()))
		assert.Equal(t, 250*time.Millisecond, time.Since(begin))
		assert.Zero(t, o.count())
		assert.ErrorIs(t, client.Enqueue(t.Context(), event("d"), o.of("d")), altertable.ErrQueueFull)
		close(release)
		synctest.Wait()
		require.NoError(t, o.one(t, "b"))
		o.enqueue(t, client, "d")
		require.NoError(t, client.Close())
		require.NoError(t, o.one(t, "d"))
	})
}

// Each of many dones of a batch has its 250 ms.
func TestSlowDonesAreWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _ := altertabletest.New(t)
		told := 0
		for range 10 {
			require.NoError(t, client.Enqueue(t.Context(), event("a"), func(error) {
				<-time.After(200 * time.Millisecond)
				told++
			}))
		}
		require.NoError(t, client.Flush(t.Context()))
		assert.Equal(t, 10, told)
	})
}

func TestDoneIsToldAfterTheCallbacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order []string
		note := func(name string) { order = append(order, name) }
		client, srv := altertabletest.New(t,
			altertable.WithOnError(func(error) { note("error 1"); panic("1") }), altertable.WithOnError(nil),
			altertable.WithOnDelivery(func(d altertable.Delivery) { note("delivery 1"); runtime.Goexit() }),
			altertable.WithOnError(func(err error) {
				note("error 2")
				var lost *altertable.DeliveryError
				require.ErrorAs(t, err, &lost)
				assert.Len(t, lost.Payloads(), 2)
				runtime.Goexit()
			}), altertable.WithOnDelivery(nil),
			altertable.WithOnDelivery(func(d altertable.Delivery) { note("delivery 2"); assert.Len(t, d.Payloads(), 2); panic("2") }))
		srv.Next(1, altertabletest.Status(401))
		for _, name := range []string{"a", "b"} {
			require.NoError(t, client.Enqueue(t.Context(), event(name), func(error) { note(name) }))
		}
		require.Error(t, client.Flush(t.Context()))
		assert.Equal(t, []string{"delivery 1", "delivery 2", "error 1", "error 2", "a", "b"}, order)
	})
}

func TestBlockedEnqueueKeepsItsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv := altertabletest.New(t, altertable.WithMaxQueueSize(1), altertable.WithOverflow(altertable.Block))
		down := srv.Always(altertabletest.Status(503))
		o := newOutcomes()
		o.enqueue(t, client, "a")
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		err := client.Enqueue(ended, event("b"), func(error) { t.Error("told") })
		require.ErrorIs(t, err, altertable.ErrQueueFull)
		require.ErrorIs(t, err, context.Canceled)
		time.AfterFunc(10*time.Second, down.Release)
		o.enqueue(t, client, "c")
		require.NoError(t, client.Close())
		require.NoError(t, o.one(t, "a"))
		require.NoError(t, o.one(t, "c"))
	})
}

func TestEnqueueInAnotherBubble(t *testing.T) {
	client := newDisabled(t)
	synctest.Test(t, func(t *testing.T) {
		require.ErrorIs(t, client.Enqueue(t.Context(), event("a"), func(error) { t.Error("told") }), altertable.ErrClosed)
	})
}

// What does not use done allocates nothing for it.
func TestEnqueueDoesNotAllocate(t *testing.T) {
	client := newBenchClient(t, hung{}, altertable.WithFlushInterval(1<<40))
	raw := rawEvent("checkout_completed")
	done := func(error) {}
	for name, enqueue := range map[string]func() error{
		"Track":    func() error { return client.Enqueue(t.Context(), checkout, nil) },
		"Identify": func() error { return client.Enqueue(t.Context(), profile, nil) },
		"Raw":      func() error { return client.Enqueue(t.Context(), raw, nil) },
		"done":     func() error { return client.Enqueue(t.Context(), checkout, done) },
	} {
		t.Run(name, func(t *testing.T) {
			allocates(t, 0, func() {
				if err := enqueue(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}
