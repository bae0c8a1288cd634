package altertable_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// During a minute of outage with steady traffic nothing is lost, a few requests
// probe, one at a time, and the rest follows within one interval of the end.
func TestOutage(t *testing.T) {
	for name, fault := range map[string]altertabletest.Fault{
		"503": altertabletest.Status(503), "refused": altertabletest.Refuse(), "hang": altertabletest.Hang(),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, srv, l := newClient(t)
				track(t, client, "first")
				require.NoError(t, client.Flush(t.Context()))
				all := []string{"first"}
				down := srv.Always(fault)
				for i := range 600 {
					name := fmt.Sprintf("e%d", i)
					track(t, client, name)
					all = append(all, name)
					pass(100 * time.Millisecond)
				}
				assert.LessOrEqual(t, down.Hits(), 12)
				down.Release()
				pass(45 * time.Second) // 30 s x 1.5, the longest delay
				assert.Zero(t, client.Stats().Queued)
				require.NoError(t, client.Flush(t.Context()))
				assert.Len(t, srv.Events(), 601)
				l.settle(t, client, all...)
			})
		})
	}
}

func TestOutageProbesOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t)
		down := srv.Always(altertabletest.Status(503).Delay(time.Second))
		track(t, client, numbered(2000)...) // 20 batches, 8 of which fly at once
		pass(time.Minute)
		requests := srv.Requests()
		for i := 9; i < len(requests); i++ {
			assert.GreaterOrEqual(t, requests[i].Start.Sub(requests[i-1].Start), time.Second, "request %d", i)
		}
		assert.Greater(t, len(requests), 10)
		down.Release()
		require.NoError(t, client.Flush(t.Context()))
		l.settle(t, client, numbered(2000)...)
	})
}

func TestConstantFailureIsNoHotLoop(t *testing.T) {
	for _, status := range []int{429, 500} {
		synctest.Test(t, func(t *testing.T) {
			client, srv, _ := newClient(t)
			srv.Always(altertabletest.Status(status))
			track(t, client, numbered(1000)...)
			identify(t, client, "u_1", "u_2")
			require.Error(t, client.Flush(within(t, 10*time.Minute)), "Flush does not shorten the wait")
			assert.Less(t, len(srv.Requests()), 60)
			require.Error(t, client.Shutdown(within(t, time.Second)))
		})
	}
}

// A batch that always fails waits alone, and the others pass it.
func TestPoisonBatchDoesNotHoldUpOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t, altertable.WithMaxBatchSize(1), altertable.WithRetry(altertable.RetryPolicy{MaxElapsed: time.Minute}))
		srv.Always(altertabletest.Status(500).MatchBody(contains("poison")))
		track(t, client, "poison")
		synctest.Wait()
		all := []string{"poison"}
		for i := range 100 {
			name := fmt.Sprintf("e%d", i)
			all = append(all, name)
			track(t, client, name)
			pass(100 * time.Millisecond)
		}
		pass(3 * time.Second)
		assert.Len(t, srv.Events(), 100)
		assert.EqualValues(t, 1, client.Stats().Queued)
		pass(time.Minute)
		assert.Equal(t, []string{"poison"}, l.lostSoFar())
		l.settle(t, client, all...)
	})
}

// An identify that fails, however often, holds up nobody else.
func TestPoisonIdentifyHoldsUpItsPersonOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t, altertable.WithMaxBatchSize(1), altertable.WithRetry(altertable.RetryPolicy{MaxElapsed: time.Minute}))
		srv.Always(altertabletest.Status(500).MatchBody(contains("u_poison")))
		identifyLinked(t, client, "u_poison")
		synctest.Wait()
		identify(t, client, "u_1", "u_2")
		all := []string{"u_poison", "u_after", "u_1", "u_2"}
		for i := range 300 {
			name := fmt.Sprintf("e%d", i)
			all = append(all, name)
			track(t, client, name)
			pass(100 * time.Millisecond)
			if i == 20 {
				identifyLinked(t, client, "u_after")
				assert.ElementsMatch(t, []string{"u_1", "u_2"}, identities(srv))
			}
		}
		assert.Len(t, srv.Identities(), 2)
		pass(2 * time.Minute)
		assert.Equal(t, []string{"u_poison"}, l.lostSoFar())
		assert.Len(t, srv.Identities(), 3, "its person goes on when it is given up")
		l.settle(t, client, all...)
	})
}

// A synchronous call goes after the person's identifies accepted before it, those that fail alone included.
func TestFailingIdentifyGoesBeforeASynchronousOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t, altertable.WithMaxBatchSize(1), altertable.WithRequestTimeout(time.Hour))
		poison := srv.Always(altertabletest.Status(500).MatchBody(contains("u_poison")))
		identifyLinked(t, client, "u_poison")
		for poison.Hits() < 4 {
			track(t, client, "e0")
			pass(100 * time.Millisecond)
		}
		done := make(chan error, 1)
		go func() {
			_, err := client.IdentifySync(t.Context(), linked("sync"))
			done <- err
		}()
		synctest.Wait()
		identifyLinked(t, client, "u_after")
		poison.Release()
		require.NoError(t, <-done)
		require.NoError(t, client.Flush(t.Context()))
		assert.Equal(t, []string{"u_poison", "sync", "u_after"}, identities(srv))
		l.settle(t, client, append(slices.Repeat([]string{"e0"}, len(srv.Events())), "u_poison", "u_after")...)
	})
}

// Between messages that are far apart a batch that always fails shows nothing
// of the server's state: they leave as soon as ever.
func TestPoisonBatchDoesNotDelaySparseMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t)
		srv.Always(altertabletest.Status(500).MatchBody(contains("poison")))
		track(t, client, "poison")
		pass(time.Minute)
		track(t, client, "e0")
		pass(time.Minute)
		for i := 1; i < 60; i++ {
			track(t, client, numberedFrom(i, 1)...)
			pass(time.Second) // the flush interval
			require.Equal(t, numbered(i+1), stored(srv))
			pass(time.Minute)
		}
		assert.Less(t, client.Stats().Requests, int64(60+61*60/15), "it waits on its own schedule")
		require.Error(t, client.Shutdown(within(t, time.Second)))
		l.settle(t, client, append(numbered(60), "poison")...)
	})
}

// Of the batches that wait, those that have not failed are tried first, and of
// these the newest: the others may all be as bad as the first ones were.
func TestManyPoisonBatchesDoNotHoldUpOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t, altertable.WithMaxBatchSize(10))
		srv.Always(altertabletest.Status(500).Delay(time.Second).MatchBody(contains("poison"))) // 8 are in flight
		var poison []string
		for i := range 30 { // as many batches
			poison = append(append(poison, "poison"), numberedFrom(800+9*i, 9)...)
		}
		track(t, client, poison...)
		track(t, client, numbered(200)...)
		for i := range 60 {
			track(t, client, numberedFrom(200+10*i, 10)...)
			pass(time.Second)
		}
		assert.Subset(t, stored(srv), numbered(800))
		assert.Less(t, client.Stats().Requests, int64(80+30*30))
		require.Error(t, client.Shutdown(within(t, time.Second)))
		l.settle(t, client, append(poison, numbered(800)...)...)
	})
}

// Batches that each failed alone back off together when the server goes down,
// although none of them would start an outage by itself.
func TestOutageIsNoticedByManySuspects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t, altertable.WithMaxBatchSize(1))
		poison := srv.Always(altertabletest.Status(500).MatchBody(func(body []byte) bool { return !contains("good")(body) }))
		all := numbered(100)
		for _, name := range all {
			track(t, client, name, "good")
			pass(time.Second)
		}
		for range 100 { // all have failed alone by then: none begins an outage by itself
			track(t, client, "good")
			pass(time.Second)
		}
		require.Len(t, srv.Events(), 200)
		down := srv.Always(altertabletest.Status(503))
		before := client.Stats().Requests
		pass(10 * time.Minute)
		assert.Less(t, client.Stats().Requests-before, int64(100+70), "each once, and then as one client")
		down.Release()
		poison.Release()
		require.NoError(t, client.Flush(t.Context()))
		l.settle(t, client, slices.Concat(all, slices.Repeat([]string{"good"}, 200))...)
	})
}

func TestProbeIsAnotherBatchThanTheOneThatFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t, altertable.WithMaxBatchSize(1), altertable.WithMaxInFlight(1))
		srv.Always(altertabletest.Status(500).MatchBody(contains("e0")))
		track(t, client, numbered(3)...)
		synctest.Wait()
		pass(750 * time.Millisecond)
		assert.ElementsMatch(t, []string{"e1", "e2"}, stored(srv))
		srv.ClearFaults()
		require.NoError(t, client.Flush(t.Context()))
		l.settle(t, client, numbered(3)...)
	})
}

// Where all have failed, the probe is not the one that failed last, though it is first in line.
func TestProbeIsNotTheBatchThatFailedLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t, altertable.WithMaxBatchSize(1))
		// Both are under way when the first of them fails.
		srv.Next(1, altertabletest.Status(503).RetryAfter(10*time.Second).Delay(time.Second).MatchBody(contains("e0")))
		srv.Next(1, altertabletest.Status(503).Delay(2*time.Second).MatchBody(contains("e1")))
		rest := srv.Always(altertabletest.Status(503).MatchBody(contains("e0")))
		track(t, client, numbered(2)...)
		pass(11 * time.Second)
		assert.Equal(t, []string{"e1"}, stored(srv))
		rest.Release()
		require.NoError(t, client.Flush(t.Context()))
		assert.Equal(t, 11*time.Second, starts(srv, "/track")[2])
		assert.Contains(t, string(srv.Requests()[2].Body), `"e1"`)
		l.settle(t, client, numbered(2)...)
	})
}

// Requests that began before an outage tell nothing about it: their success
// does not end it, their failure does not prolong it or start the next one.
func TestAnswersToEarlierRequestsChangeNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t, altertable.WithMaxBatchSize(1), altertable.WithRequestTimeout(time.Minute))
		srv.Next(1, altertabletest.Delay(2*time.Second).MatchBody(contains("e0")))
		srv.Next(1, altertabletest.Status(503).Delay(20*time.Second).MatchBody(contains("e1")))
		srv.Next(1, altertabletest.Status(503).RetryAfter(10*time.Second).MatchBody(contains("e2")))
		track(t, client, numbered(3)...)
		synctest.Wait()
		track(t, client, "e3")
		pass(9 * time.Second)
		assert.Equal(t, []string{"e0"}, stored(srv), "the success of e0 did not end the outage")
		pass(time.Second)
		assert.ElementsMatch(t, []string{"e0", "e2", "e3"}, stored(srv))
		pass(10 * time.Second)
		track(t, client, "e4")
		synctest.Wait()
		assert.Contains(t, stored(srv), "e4", "the failure of e1 started no outage")
		require.NoError(t, client.Flush(t.Context()))
		l.settle(t, client, numbered(5)...)
	})
}

func TestAnyAnswerOfTheServerItselfEndsAnOutage(t *testing.T) {
	for _, status := range []int{200, 302, 401, 422} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, srv, l := newClient(t, altertable.WithMaxBatchSize(1), altertable.WithMaxInFlight(1))
				srv.Next(3, altertabletest.Status(503))
				srv.Next(1, altertabletest.Status(status))
				track(t, client, numbered(20)...)
				for len(srv.Requests()) < 4 {
					pass(100 * time.Millisecond)
				}
				assert.Len(t, srv.Requests(), 20+3)
				_ = client.Flush(t.Context())
				l.settle(t, client, numbered(20)...)
			})
		})
	}
}

func TestFlushDoesNotShortenTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t, altertable.WithMaxBatchSize(1))
		srv.Next(1, altertabletest.Status(503).RetryAfter(time.Minute))
		track(t, client, "e0")
		for range 50 {
			require.Error(t, client.Flush(within(t, time.Second)))
		}
		track(t, client, "e1")
		require.NoError(t, client.Flush(t.Context()))
		assert.Equal(t, []time.Duration{0, time.Minute, time.Minute}, starts(srv, "/track"))
		l.settle(t, client, "e0", "e1")
	})
}

// Where one endpoint fails and others deliver, it backs off by itself.
func TestEndpointInAnOutageOfItsOwn(t *testing.T) {
	t.Parallel()
	for _, down := range []string{"/identify", "/track"} {
		for name, fault := range map[string]altertabletest.Fault{"503": altertabletest.Status(503), "hang": altertabletest.Hang()} {
			t.Run(down+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					client, srv, l := newClient(t)
					failing := srv.Always(fault.On(down))
					var all []string
					for i := range 1000 {
						id, name := fmt.Sprintf("u_%d", i), fmt.Sprintf("e%d", i)
						all = append(all, id, name)
						identify(t, client, id)
						track(t, client, name)
						pass(100 * time.Millisecond)
						if i < 100 || i%20 != 0 {
							continue // the first requests hang together
						}
						fared := len(srv.Events())
						if down == "/track" {
							fared = len(srv.Identities())
						}
						require.GreaterOrEqual(t, fared, i-10, "the other endpoint does not wait")
					}
					assert.Less(t, failing.Hits(), 30)
					failing.Release()
					require.NoError(t, client.Flush(t.Context()))
					l.settle(t, client, all...)
				})
			})
		}
	}
}

// When the server is back, the endpoints that failed find out as soon as one does.
func TestEndOfAnOutageIsForAllEndpoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t)
		down := srv.Always(altertabletest.Status(503))
		var all []string
		for i := range 600 {
			id, name := fmt.Sprintf("u_%d", i), fmt.Sprintf("e%d", i)
			all = append(all, id, name)
			identify(t, client, id)
			track(t, client, name)
			pass(time.Second)
		}
		down.Release()
		for len(srv.Events())+len(srv.Identities()) == 0 {
			pass(100 * time.Millisecond)
		}
		pass(time.Second)
		assert.Less(t, client.Stats().Queued, int64(10))
		require.NoError(t, client.Flush(t.Context()))
		l.settle(t, client, all...)
	})
}

// However many batches fail alone and are due, the others get their turn.
func TestSuspectsDoNotTakeAllRequests(t *testing.T) {
	for _, maxInFlight := range []int{1, 2, 8} {
		synctest.Test(t, func(t *testing.T) {
			client, srv, _ := newClient(t, altertable.WithMaxBatchSize(1), altertable.WithMaxInFlight(maxInFlight), altertable.WithFlushInterval(time.Millisecond),
				altertable.WithRetry(altertable.RetryPolicy{InitialInterval: time.Second, MaxInterval: time.Second}))
			srv.Always(altertabletest.Status(500).Delay(time.Second).MatchBody(contains("poison")))
			track(t, client, slices.Repeat([]string{"poison"}, 50)...)
			for i := range 400 {
				track(t, client, numberedFrom(i, 1)...)
				pass(3 * time.Second)
				if i > 200 { // all have failed several times
					require.GreaterOrEqual(t, len(srv.Events()), i-1, "%d in flight", maxInFlight)
				}
			}
			_ = client.Shutdown(within(t, time.Second))
		})
	}
}
