package altertable_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

func TestRefusedBatchIsSplitDownToTheCulprit(t *testing.T) {
	for _, status := range []int{400, 413, 422} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, srv, l := newClient(t)
				srv.Always(altertabletest.Status(status).MatchBody(contains("e13", "e77")))
				track(t, client, numbered(100)...)
				_ = client.Flush(t.Context())
				assert.ElementsMatch(t, []string{"e13", "e77"}, l.lost)
				assert.Len(t, srv.Events(), 98)
				total := 0
				for _, d := range l.deliveries {
					total += d.Count
				}
				assert.Equal(t, 100, total)
				assert.LessOrEqual(t, len(srv.Requests()), 30)
				l.settle(t, client, numbered(100)...)
			})
		})
	}
}

func TestServerThatRefusesAllDoesNotSeeARequestPerMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t)
		srv.Always(altertabletest.Status(422))
		track(t, client, numbered(10_000)...)
		_ = client.Flush(t.Context())
		assert.Less(t, len(srv.Requests()), 1000)
		l.settle(t, client, numbered(10_000)...)
	})
}

// The search ends after 30 refusals in a row, but not while some messages are taken in between.
func TestSearchEndsAfterRefusalsInARow(t *testing.T) {
	for name, test := range map[string]struct {
		refused []string
		lost    int
		fewest  int // requests
		most    int
	}{
		"all":         {numbered(100), 100, 30, 30},
		"one of five": {[]string{"e0", "e5", "e10", "e15", "e20", "e25", "e30", "e35", "e40", "e45", "e50"}, 11, 50, 100},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, srv, l := newClient(t)
				srv.Always(altertabletest.Status(422).MatchBody(contains(test.refused...)))
				track(t, client, numbered(100)...)
				_ = client.Flush(t.Context()) // a full batch may have its outcome by now
				assert.Len(t, l.lostSoFar(), test.lost)
				assert.GreaterOrEqual(t, len(srv.Requests()), test.fewest)
				assert.LessOrEqual(t, len(srv.Requests()), test.most)
				l.settle(t, client, numbered(100)...)
			})
		})
	}
}

// The halves go one after the other, left first, and each piece that is final
// is one Delivery with the number of requests that carried it.
func TestPiecesOfARefusedBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t)
		srv.Always(altertabletest.Status(422).ErrorCode("bad-event").MatchBody(contains("e5")))
		track(t, client, numbered(8)...)
		err := client.Flush(t.Context())
		var undelivered *altertable.UndeliveredError
		require.ErrorAs(t, err, &undelivered)
		assert.Equal(t, 1, undelivered.Count)
		var carried []int
		for _, r := range srv.Requests() {
			carried = append(carried, strings.Count(string(r.Body), `"event"`))
		}
		assert.Equal(t, []int{8, 4, 4, 2, 1, 1, 2}, carried)
		type piece struct{ count, attempts int }
		var pieces []piece
		for _, d := range l.deliveries {
			pieces = append(pieces, piece{d.Count, d.Attempts})
		}
		assert.Equal(t, []piece{{4, 2}, {1, 4}, {1, 4}, {2, 3}}, pieces)
		assert.Equal(t, numbered(8), slices.Concat(l.delivered[:5], l.lost, l.delivered[5:]))
		var lost *altertable.DeliveryError
		require.ErrorAs(t, l.errs[0], &lost)
		assert.Equal(t, 4, lost.Attempts)
		assert.Zero(t, client.Stats().Retries, "a piece is no repetition")
		l.settle(t, client, numbered(8)...)
	})
}

func TestBatchesOverTheServersLimitArriveInPieces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t)
		srv.Always(altertabletest.Status(413).HTML("<html>").MatchBody(func(body []byte) bool { return len(body) > 4000 }))
		track(t, client, numbered(100)...)
		require.NoError(t, client.Flush(t.Context()))
		assert.Equal(t, numbered(100), stored(srv))
		l.settle(t, client, numbered(100)...)
	})
}

// A piece that meets an outage is sent again, and nothing of its batch twice.
func TestPiecesAreRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t)
		srv.Next(2, altertabletest.Status(422))
		srv.Next(2, altertabletest.Status(503))
		srv.Next(2, altertabletest.Pass())
		srv.Next(1, altertabletest.Reset())
		track(t, client, numbered(8)...)
		require.NoError(t, client.Flush(t.Context()))
		assert.Equal(t, numbered(8), stored(srv))
		assert.EqualValues(t, 3, client.Stats().Retries)
		l.settle(t, client, numbered(8)...)
	})
}

func TestRefusedIdentifiesKeepTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t, altertable.WithMaxBatchSize(8))
		srv.Always(altertabletest.Status(400).MatchBody(contains("u_2", "u_11")))
		srv.Next(1, altertabletest.Status(503).MatchBody(contains("u_5")))
		var all, good []string
		for i := range 16 {
			all = append(all, fmt.Sprintf("u_%d", i))
			if i != 2 && i != 11 {
				good = append(good, all[i])
			}
		}
		identifyLinked(t, client, all...)
		_ = client.Flush(t.Context())
		assert.Equal(t, good, identities(srv))
		assert.Equal(t, []string{"u_2", "u_11"}, l.lost)
		l.settle(t, client, all...)
	})
}

// When the server takes messages again, the search for culprits is as thorough
// as before.
func TestSearchStartsAfreshOnceMessagesAreTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t)
		all := srv.Always(altertabletest.Status(422))
		track(t, client, numbered(400)...)
		_ = client.Flush(t.Context())
		all.Release()
		track(t, client, "good")
		require.NoError(t, client.Flush(t.Context()))
		srv.Always(altertabletest.Status(422).MatchBody(contains("bad")))
		more := append([]string{"bad", "bad"}, numberedFrom(400, 98)...)
		track(t, client, more...)
		_ = client.Flush(t.Context())
		assert.Len(t, srv.Events(), 99)
		l.settle(t, client, append(append(numbered(400), "good"), more...)...)
	})
}

// While request 30 carries one of the pieces, the next piece is evicted. It has
// had its outcome when the search ends with that request.
func TestEvictionDuringTheSearch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t, altertable.WithMaxBatchSize(64), altertable.WithMaxQueueSize(64),
			altertable.WithOverflow(altertable.DropOldest), altertable.WithMaxInFlight(1))
		srv.Always(altertabletest.Status(422).Delay(time.Second))
		all := numbered(64)
		track(t, client, all...)
		pass(29*time.Second + time.Second/2)
		require.Len(t, srv.Requests(), 30)
		room := 64 - int(client.Stats().Queued)
		more := numberedFrom(64, room+2)
		track(t, client, more...)
		require.EqualValues(t, 2, client.Stats().Dropped)
		require.Error(t, client.Flush(t.Context()))
		for _, d := range l.deliveries {
			assert.Positive(t, d.Count)
		}
		l.settle(t, client, append(all, more...)...)
	})
}

func TestSearchEndsWithShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t)
		srv.Always(altertabletest.Status(422).Delay(time.Second))
		track(t, client, numbered(300)...)
		identify(t, client, "u_1", "u_2")
		pass(7500 * time.Millisecond)
		require.Error(t, client.Shutdown(within(t, time.Second)))
		l.settle(t, client, append(numbered(300), "u_1", "u_2")...)
	})
}

func TestMessagesOfARefusedBatchGrowTooOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t, altertable.WithRetry(altertable.RetryPolicy{MaxElapsed: time.Minute}))
		srv.Next(1, altertabletest.Status(422))
		srv.Always(altertabletest.Status(503))
		track(t, client, numbered(8)...)
		err := client.Flush(t.Context())
		var api *altertable.APIError
		require.ErrorAs(t, err, &api)
		l.settle(t, client, numbered(8)...)
	})
}

// The pieces of a person's batch wait for each other. Giving them up costs no
// more requests than those of different people.
func TestRefusalOfEverythingOfOnePerson(t *testing.T) {
	for name, id := range map[string]func(i int) string{
		"one person":       func(int) string { return "u" },
		"different people": func(i int) string { return fmt.Sprint("u", i) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, srv, _ := newClient(t, altertable.WithMaxBatchSize(10_000))
				srv.Always(altertabletest.Status(400))
				for i := range 4096 {
					identify(t, client, id(i))
				}
				require.Error(t, client.Flush(t.Context()))
				assert.Len(t, srv.Requests(), 30)
			})
		})
	}
}

// While as many batches are split as may be, a message that is refused alone is
// given up at once all the same: there is nothing to split.
func TestRefusalOfASingleMessageBesideManySplits(t *testing.T) {
	holds := func(n int) func([]byte) bool {
		return func(body []byte) bool { return bytes.Count(body, []byte(`"event"`)) == n }
	}
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t, altertable.WithMaxBatchSize(4), altertable.WithMaxInFlight(32))
		srv.Always(altertabletest.Status(400).MatchBody(holds(4)))
		srv.Always(altertabletest.Pass().Delay(4 * time.Second).MatchBody(holds(2)))
		srv.Always(altertabletest.Status(400).MatchBody(contains("bad")))
		track(t, client, numbered(8*4)...)
		synctest.Wait()
		track(t, client, "bad")
		pass(1100 * time.Millisecond)
		assert.Equal(t, []string{"bad"}, l.lostSoFar())
		require.NoError(t, client.Flush(t.Context()))
		assert.Equal(t, []string{"bad"}, l.lostSoFar())
	})
}
