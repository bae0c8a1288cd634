package altertable_test

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// atClock runs f where it is 2000, the virtual time's beginning, or today.
func atClock(t *testing.T, in2000 bool, f func(t *testing.T)) {
	if in2000 {
		synctest.Test(t, f)
		return
	}
	f(t)
}

// Three clients come one after the other, and the clock is set back or forward
// between them. The order of identifies is that of their acceptance: an older
// one that came later would not count, nor would its traits.
func TestClockIsSetBetweenClients(t *testing.T) {
	for name, in2000 := range map[string][3]bool{
		"back and forward again": {false, true, false},
		"forward and back again": {true, false, true},
		"back for good":          {false, true, true},
		"forward for good":       {true, false, false},
		"back later":             {false, false, true},
		"no further":             {true, true, true},
	} {
		for _, size := range []int{1, 5} {
			t.Run(fmt.Sprint(name, ", ", size, " each"), func(t *testing.T) {
				dir := t.TempDir()
				for generation, in2000 := range in2000 {
					atClock(t, in2000, func(t *testing.T) {
						srv := altertabletest.NewServer()
						defer srv.Close()
						last := generation == 2
						if !last { // from the start: a client sends what it adopts at once
							srv.Always(altertabletest.Status(503))
						}
						client, _, _ := newSpoolClient(t, dir, altertable.WithHTTPClient(srv.HTTPClient()), altertable.WithMaxQueueSize(2), altertable.WithMaxBatchSize(2),
							altertable.WithRetry(altertable.RetryPolicy{MaxElapsed: 50 * 365 * 24 * time.Hour}))
						for i := range size {
							n := generation*size + i
							require.NoError(t, client.Identify(t.Context(), altertable.Identify{
								DistinctID: "u_1", Traits: altertable.Traits{"last": n, fmt.Sprint("trait_", n): true}}))
						}
						if !last {
							require.NoError(t, client.Shutdown(within(t, time.Millisecond)))
							return
						}
						require.NoError(t, client.Flush(t.Context()))
						identity, ok := srv.Identity("production", "u_1")
						require.True(t, ok)
						assert.Len(t, identity.Traits, 1+3*size, "nobody's are lost")
						assert.EqualValues(t, 3*size-1, identity.Traits["last"])
						require.NoError(t, client.Close())
						assert.Empty(t, files(t, dir))
					})
				}
			})
		}
	}
}

// untried returns the names of the messages that were given up without a request.
func (l *ledger) untried() (all []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, err := range l.errs {
		var lost *altertable.DeliveryError
		if errors.As(err, &lost) && lost.Attempts == 0 {
			all = append(all, fmt.Sprint(lost.Count, " messages"))
		}
	}
	return all
}

// A device without a battery dates its first messages 2000. The next client,
// which knows better, tries them although they seem decades old.
func TestDeadClientsClockWasWrong(t *testing.T) {
	for _, failures := range []int{0, 1} {
		t.Run(fmt.Sprint(failures, " failures"), func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) { stranded(t, dir, numbered(20)...) })
			l := new(ledger)
			srv := altertabletest.NewServer()
			defer srv.Close()
			srv.Next(failures, altertabletest.Status(503))
			client, err := altertable.New("altertabletest-key", append(l.options(), altertable.WithBaseURL("http://localhost"),
				altertable.WithHTTPClient(srv.HTTPClient()), altertable.WithSpool(dir), altertable.WithMaxBatchSize(1), altertable.WithMaxInFlight(1),
				altertable.WithRetry(altertable.RetryPolicy{InitialInterval: time.Millisecond, MaxInterval: time.Millisecond}))...)
			require.NoError(t, err)
			_ = client.Flush(within(t, time.Minute)) // what failed may have been given up
			require.NoError(t, client.Close())
			assert.GreaterOrEqual(t, len(srv.Events()), 20-failures)
			assert.Empty(t, l.untried())
			l.settle(t, client, numbered(20)...)
		})
	}
}

// Adopted messages that are too old have one request each, also in an outage,
// where few requests are made.
func TestOldMessagesAreTriedInAnOutage(t *testing.T) {
	for name, outage := range map[string]time.Duration{"an hour": time.Hour, "a minute": time.Minute, "for good": 240 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				stranded(t, dir, numbered(20)...)
				pass(48 * time.Hour)
				var mu sync.Mutex
				tried := map[string]bool{}
				srv := altertabletest.NewServer()
				defer srv.Close()
				down := srv.Always(altertabletest.Status(503).MatchBody(func(body []byte) bool {
					mu.Lock()
					defer mu.Unlock()
					for _, name := range numbered(20) {
						if contains(name)(body) {
							tried[name] = true
						}
					}
					return true
				}))
				client, _, l := newSpoolClient(t, dir, altertable.WithHTTPClient(srv.HTTPClient()), altertable.WithMaxBatchSize(1), altertable.WithMaxQueueSize(5))
				pass(outage)
				down.Release()
				pass(48 * time.Hour)
				assert.Empty(t, l.untried())
				l.settle(t, client, numbered(20)...)
				mu.Lock()
				defer mu.Unlock()
				for _, name := range l.lostSoFar() {
					assert.True(t, tried[name], name)
				}
				if outage == time.Minute {
					assert.NotEmpty(t, srv.Events(), "most had no request before")
				}
				require.NoError(t, client.Close())
			})
		})
	}
}

// The age of what a living client has accepted is its own clock's.
func TestAdoptedAndOwnMessagesInOneOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		stranded(t, dir, "old")
		pass(48 * time.Hour)
		srv := altertabletest.NewServer()
		defer srv.Close()
		down := srv.Always(altertabletest.Status(http.StatusServiceUnavailable))
		client, _, l := newSpoolClient(t, dir, altertable.WithHTTPClient(srv.HTTPClient()))
		track(t, client, "new")
		pass(23 * time.Hour)
		assert.NotContains(t, l.lostSoFar(), "new")
		down.Release()
		pass(time.Hour)
		assert.Contains(t, stored(srv), "new")
		l.settle(t, client, "old", "new")
		require.NoError(t, client.Close())
	})
}
