package altertable_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// writeOnly is a spool of a client that only writes.
func writeOnly(dir string, opts ...altertable.SpoolOption) altertable.Option {
	return altertable.WithSpool(dir, append(opts, altertable.SpoolWriteOnly())...)
}

// A client that only writes has done its work when the disk has the messages.
func TestWriteOnlyClient(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, client *altertable.Client) error{
		"Shutdown": func(t *testing.T, client *altertable.Client) error { return client.Shutdown(t.Context()) },
		"Close":    func(_ *testing.T, client *altertable.Client) error { return client.Close() },
		"Shutdown without time": func(t *testing.T, client *altertable.Client) error {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			return client.Shutdown(ctx)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir, start := t.TempDir(), time.Now()
				client, srv, l := newSpoolClient(t, dir, writeOnly(dir), altertable.WithMaxQueueSize(10))
				track(t, client, numbered(100)...)
				identify(t, client, "u_1")
				require.NoError(t, client.Alias(t.Context(), altertable.Alias{DistinctID: "u_1", NewUserID: "u_2"}))
				require.NoError(t, client.Flush(t.Context()))
				assert.Zero(t, time.Since(start), "Flush does not wait")
				s := client.Stats()
				assert.EqualValues(t, 102, s.Accepted)
				assert.EqualValues(t, 102, s.Queued)
				assert.Positive(t, s.QueuedBytes)
				assert.Positive(t, s.SpoolBytes)
				pass(time.Hour)
				track(t, client, "last")
				start = time.Now()
				require.NoError(t, end(t, client))
				assert.Zero(t, time.Since(start), "nor does it")
				require.ErrorIs(t, client.Track(t.Context(), event("late")), altertable.ErrClosed)
				assert.NoError(t, client.Flush(t.Context()), "after Close")
				assert.NoError(t, client.Close(), "again")
				s = client.Stats()
				assert.EqualValues(t, 103, s.Queued)
				assert.Zero(t, s.Requests)
				assert.Equal(t, s.Accepted, s.Delivered+s.Failed+s.Dropped+s.Queued)
				assert.EqualValues(t, 1, s.RejectedClosed)
				assert.Empty(t, srv.Requests())
				assert.Empty(t, l.errs)
				assert.Empty(t, l.deliveries)
				next, srv, _ := newSpoolClient(t, dir)
				require.NoError(t, next.Close())
				assert.ElementsMatch(t, append(numbered(100), "last"), stored(srv))
				assert.Len(t, srv.Identities(), 1)
				assert.Empty(t, files(t, dir))
			})
		})
	}
}

// Synchronous calls need the network.
func TestSyncCallsOfAWriteOnlyClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		client, srv, _ := newSpoolClient(t, dir, writeOnly(dir))
		_, err := client.TrackSync(t.Context(), event("e"))
		require.ErrorIs(t, err, altertable.ErrClosed)
		_, err = client.IdentifySync(t.Context(), altertable.Identify{DistinctID: "u_1"})
		require.ErrorIs(t, err, altertable.ErrClosed)
		_, err = client.AliasSync(t.Context(), altertable.Alias{DistinctID: "u_1", NewUserID: "u_2"})
		require.ErrorIs(t, err, altertable.ErrClosed)
		track(t, client, "e")
		require.NoError(t, client.Close())
		assert.Empty(t, srv.Requests())
	})
}

// It adopts nothing, neither at its beginning nor later.
func TestWriteOnlyClientAdoptsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		stranded(t, dir, numbered(5)...)
		client, _, l := newSpoolClient(t, dir, writeOnly(dir))
		track(t, client, "own")
		pass(10 * time.Minute)
		assert.EqualValues(t, 1, client.Stats().Accepted)
		assert.EqualValues(t, 1, client.Stats().Queued)
		next, srv, _ := newSpoolClient(t, dir)
		pass(10 * time.Minute)
		assert.Subset(t, append(numbered(5), "own"), stored(srv))
		assert.NotContains(t, stored(srv), "own", "it lives")
		require.NoError(t, client.Close())
		pass(adoptionDelay)
		assert.ElementsMatch(t, append(numbered(5), "own"), stored(srv))
		require.NoError(t, next.Close())
		assert.Empty(t, l.errs)
		assert.Empty(t, files(t, dir))
	})
}

// The bound is that of all clients of the name, since none of them delivers.
func TestWriteOnlyClientsShareTheBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const bound = 64 << 10
		dir := t.TempDir()
		name := altertable.SpoolName("tool")
		var accepted []string
		full := false
		for i := range 50 {
			client, _, _ := newSpoolClient(t, dir, writeOnly(dir, name, altertable.SpoolMaxBytes(bound)))
			for j := range 10 {
				text := fmt.Sprint(i, "-", j, strings.Repeat("x", 300))
				if err := client.Track(t.Context(), event(text)); err != nil {
					require.ErrorIs(t, err, altertable.ErrQueueFull)
					full = true
					continue
				}
				accepted = append(accepted, text)
			}
			require.NoError(t, client.Close())
			require.LessOrEqual(t, totalSize(t, dir), int64(bound))
		}
		assert.True(t, full)
		assert.Greater(t, totalSize(t, dir), int64(bound/2))
		other, _, _ := newSpoolClient(t, dir, writeOnly(dir, altertable.SpoolName("other"), altertable.SpoolMaxBytes(bound)))
		track(t, other, "e")
		require.NoError(t, other.Close())
		client, srv, _ := newSpoolClient(t, dir, altertable.WithSpool(dir, name))
		require.NoError(t, client.Close())
		assert.ElementsMatch(t, accepted, stored(srv))
	})
}

// Nobody makes room: a call does not wait for it, and evicts nothing.
func TestFullWriteOnlyClient(t *testing.T) {
	for overflow, name := range map[altertable.Overflow]string{altertable.DropNewest: "DropNewest", altertable.DropOldest: "DropOldest", altertable.Block: "Block"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				client, _, l := newSpoolClient(t, dir, writeOnly(dir, altertable.SpoolMaxBytes(1024)), altertable.WithOverflow(overflow))
				large, start := strings.Repeat("x", 500), time.Now()
				track(t, client, large)
				for range 2 {
					require.ErrorIs(t, client.Track(t.Context(), event(large)), altertable.ErrQueueFull)
				}
				assert.Zero(t, time.Since(start))
				assert.EqualValues(t, 1, client.Stats().Queued)
				require.NoError(t, client.Close())
				assert.Empty(t, l.errs)
			})
		})
	}
}

// Processes that live milliseconds leave messages, and the next normal one
// delivers each once. They do not leave a directory each, either.
func TestManyShortLives(t *testing.T) {
	for name, together := range map[string]int{"one after the other": 1, "eight at a time": 8} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			srv := altertabletest.NewServer()
			defer srv.Close()
			const lives = 200
			next := make(chan int, lives)
			for i := range lives {
				next <- i
			}
			close(next)
			var wg sync.WaitGroup
			for range together {
				wg.Go(func() {
					for i := range next {
						client, err := altertable.New("key", altertable.WithBaseURL(spoolURL), altertable.WithHTTPClient(srv.HTTPClient()), writeOnly(dir))
						if assert.NoError(t, err) {
							assert.NoError(t, client.Track(t.Context(), event(fmt.Sprint("e", i))))
							assert.NoError(t, client.Close())
						}
					}
				})
			}
			wg.Wait()
			assert.Empty(t, srv.Requests())
			if together == 1 { // of those that run at once, any number may meet the same directory
				assert.LessOrEqual(t, len(instances(t, dir)), 10)
			}
			client, l := newKeyClient(t, "key", spoolURL, srv.HTTPClient().Transport, altertable.WithSpool(dir))
			assert.EqualValues(t, lives, client.Stats().Accepted)
			require.NoError(t, client.Close())
			assert.ElementsMatch(t, numbered(lives), stored(srv))
			assert.Empty(t, l.errs)
			assert.Empty(t, files(t, dir))
		})
	}
}

// What a write-only client finds torn it does not spoil further.
func TestWriteOnlyClientAfterATornLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		first, _, _ := newSpoolClient(t, dir, writeOnly(dir))
		track(t, first, numbered(3)...)
		require.NoError(t, first.Close())
		tear(t, dir)
		second, _, _ := newSpoolClient(t, dir, writeOnly(dir))
		track(t, second, "e3", "e4")
		require.NoError(t, second.Close())
		client, srv, _ := newSpoolClient(t, dir)
		require.NoError(t, client.Close())
		assert.ElementsMatch(t, []string{"e0", "e1", "e3", "e4"}, stored(srv))
	})
}
