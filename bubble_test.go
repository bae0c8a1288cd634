package altertable_test

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
)

// A shared client is one that a package keeps in a variable: it is made where it
// is first needed, and used by tests inside and outside of bubbles.
func newSharedClient(t *testing.T, opts ...altertable.Option) *altertable.Client {
	t.Helper()
	client, err := altertable.New("key", append([]altertable.Option{
		altertable.WithHTTPClient(&http.Client{Transport: discard{}}),
		altertable.WithLogger(slog.New(&journal{level: slog.LevelDebug})), // debug lines have a goroutine of their own
	}, opts...)...)
	require.NoError(t, err)
	return client
}

// useAbroad makes every call that could touch what belongs to another bubble.
func useAbroad(t *testing.T, client *altertable.Client, sentence string) {
	t.Helper()
	before := client.Stats()
	ctx := within(t, time.Minute)
	_, trackSync := client.TrackSync(ctx, event("e"))
	_, identifySync := client.IdentifySync(ctx, altertable.Identify{DistinctID: "u"})
	for name, err := range map[string]error{
		"Track":        client.Track(ctx, event("e")),
		"Identify":     client.Identify(ctx, altertable.Identify{DistinctID: "u"}),
		"Alias":        client.Alias(ctx, altertable.Alias{DistinctID: "u", NewUserID: "v"}),
		"TrackSync":    trackSync,
		"IdentifySync": identifySync,
		"Flush":        client.Flush(ctx),
		"Shutdown":     client.Shutdown(ctx),
		"Close":        client.Close(),
	} {
		require.ErrorIs(t, err, altertable.ErrClosed, name)
		assert.ErrorContains(t, err, sentence, name)
	}
	var invalid *altertable.ValidationError
	require.ErrorAs(t, client.Track(ctx, altertable.Track{}), &invalid)
	s := client.Stats()
	assertAddsUp(t, s)
	assert.Equal(t, before.RejectedClosed+3, s.RejectedClosed)
	assert.Zero(t, s.Oldest, "its clock is another")
}

const (
	madeOutside   = "it was made outside this testing/synctest bubble; make one inside"
	madeElsewhere = "it was made in a testing/synctest bubble, and works there alone; make one here"
)

// use has a message delivered, and waits for that.
func use(t *testing.T, client *altertable.Client) {
	t.Helper()
	before := client.Stats().Delivered
	require.NoError(t, client.Track(t.Context(), event("e")))
	require.NoError(t, client.Flush(t.Context()))
	assert.Greater(t, client.Stats().Delivered, before)
	assert.Zero(t, client.Stats().Queued)
}

func TestClientMadeOutsideIsUsedInBubbles(t *testing.T) {
	for name, options := range map[string][]altertable.Option{
		"memory": nil,
		"spool":  {altertable.WithSpool(t.TempDir())},
	} {
		t.Run(name, func(t *testing.T) {
			client := newSharedClient(t, options...)
			for range 2 {
				synctest.Test(t, func(t *testing.T) { useAbroad(t, client, madeOutside) })
			}
			use(t, client)
			require.NoError(t, client.Track(t.Context(), event("open"))) // its timer runs
			synctest.Test(t, func(t *testing.T) { useAbroad(t, client, madeOutside) })
			use(t, client)
			require.NoError(t, client.Close())
		})
	}
}

func TestClientMadeInABubbleIsUsedElsewhere(t *testing.T) {
	for name, options := range map[string]func(*testing.T) []altertable.Option{
		"memory": func(*testing.T) []altertable.Option { return nil },
		"spool":  func(t *testing.T) []altertable.Option { return []altertable.Option{altertable.WithSpool(t.TempDir())} },
	} {
		t.Run(name, func(t *testing.T) {
			if name == "spool" {
				skipWhereOpenFilesStay(t) // the directory goes with its bubble, and the client stays open
			}
			var client *altertable.Client
			synctest.Test(t, func(t *testing.T) {
				client = newSharedClient(t, options(t)...)
				use(t, client)
				require.NoError(t, client.Track(t.Context(), event("open"))) // its timer runs
				synctest.Wait()
			})
			useAbroad(t, client, madeElsewhere)
			synctest.Test(t, func(t *testing.T) { useAbroad(t, client, madeElsewhere) })
			assert.EqualValues(t, 1, client.Stats().Queued)
		})
	}
}

// Tests in bubbles and outside may use one client at the same time.
func TestClientIsUsedInsideAndOutsideAtOnce(t *testing.T) {
	client := newSharedClient(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				assert.NoError(t, client.Track(context.Background(), event("e")))
				assert.NoError(t, client.Flush(context.Background()))
			}
		})
	}
	for range 50 {
		synctest.Test(t, func(t *testing.T) {
			useAbroad(t, client, madeOutside)
			pass(time.Hour)
		})
	}
	wg.Wait()
	assert.EqualValues(t, 200, client.Stats().Delivered)
	require.NoError(t, client.Close())
}

// A disabled client has nothing that belongs to a bubble.
func TestDisabledClientWorksInAnyBubble(t *testing.T) {
	calls := func(t *testing.T, client *altertable.Client) {
		track(t, client, "e")
		response, err := client.TrackSync(t.Context(), event("e"))
		require.NoError(t, err)
		assert.True(t, response.OK)
	}
	var client *altertable.Client
	synctest.Test(t, func(t *testing.T) {
		client = newSharedClient(t, altertable.WithDisabled(true))
		calls(t, client)
		synctest.Wait()
	})
	calls(t, client)
	synctest.Test(t, func(t *testing.T) { calls(t, client) })
}
