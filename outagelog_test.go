package altertable_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

func TestOutageIsLoggedFromBeginToEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := new(journal)
		client, srv := newLoggedClient(t, j)
		srv.Always(altertabletest.Status(503))
		track(t, client, numbered(250)...)
		pass(5 * time.Second)
		begins := j.about("cannot be delivered at the moment")
		require.Len(t, begins, 1)
		assert.Equal(t, map[string]any{"error": "altertable: server answered 503"}, begins[0].attrs)
		start := time.Now().Add(-5 * time.Second)

		pass(25 * time.Minute)
		track(t, client, "late")
		pass(time.Minute)
		reminders := j.about("still cannot be delivered")
		require.Len(t, reminders, 2)
		for i, reminder := range reminders {
			assert.InDelta(t, time.Duration(i+1)*10*time.Minute, reminder.attrs["age"], float64(time.Second))
			assert.EqualValues(t, 250, reminder.attrs["queued"])
			assert.Equal(t, "altertable: server answered 503", reminder.attrs["error"])
		}

		srv.ClearFaults()
		require.NoError(t, client.Flush(t.Context()))
		took := time.Since(start)
		synctest.Wait()
		ends := j.about("the outage is over")
		require.Len(t, ends, 1)
		assert.InDelta(t, took, ends[0].attrs["duration"], float64(2*time.Second))
		assert.EqualValues(t, 251, ends[0].attrs["waited"])
		pass(time.Hour)
		assert.Len(t, j.about(""), 4)
	})
}

// An outage that comes and goes every second is a few lines, and none is missing.
func TestFlappingServerDoesNotFillTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := new(journal)
		client, srv := newLoggedClient(t, j)
		for range 600 {
			srv.Next(1, altertabletest.Status(503))
			track(t, client, "e")
			require.NoError(t, client.Flush(t.Context()))
			pass(time.Second)
		}
		took := time.Since(bubblesBegin)
		require.NoError(t, client.Close())
		begins, sums := len(j.about("cannot be delivered at the moment")), len(j.about("short outages"))
		assert.Positive(t, begins)
		assert.LessOrEqual(t, begins+sums, int(took/time.Minute)+2)
		assert.Len(t, j.about("the outage is over"), begins)
		assert.Len(t, j.about(""), 2*begins+sums)
		assert.EqualValues(t, 600, int64(begins)+j.sum("", "short_outages"))
		assert.EqualValues(t, 600, j.sum("", "waited"))
	})
}

// bubblesBegin is when a bubble of testing/synctest begins.
var bubblesBegin = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// The log does not end with an outage that nobody will ever hear of again.
func TestShutdownDuringAnOutageIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := new(journal)
		client, srv := newLoggedClient(t, j)
		srv.Always(altertabletest.Reset())
		track(t, client, "e0")
		pass(time.Minute)
		require.Error(t, client.Shutdown(within(t, time.Second)))
		assert.Len(t, j.about("cannot be delivered at the moment"), 1)
		assert.Empty(t, j.about("the outage is over"))
		left := j.about("was shut down while messages could not be delivered")
		require.Len(t, left, 1)
		assert.InDelta(t, time.Minute, left[0].attrs["duration"], float64(3*time.Second))
	})
}

// The client does not know that an outage goes on while it sends nothing.
func TestOutageIsNotRememberedOfNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := new(journal)
		client, srv := newLoggedClient(t, j)
		srv.Always(altertabletest.Status(503))
		track(t, client, "e0")
		pass(24*time.Hour + time.Minute)
		assert.Zero(t, client.Stats().Queued)
		reminders := len(j.about("still cannot be delivered"))
		pass(24 * time.Hour)
		assert.Len(t, j.about("still cannot be delivered"), reminders)
	})
}
