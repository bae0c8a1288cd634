package altertable_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/altertable-ai/altertable-go"
)

func TestNilAndZeroClientsDoNothing(t *testing.T) {
	for name, client := range map[string]*altertable.Client{"nil": nil, "zero": {}} {
		t.Run(name, func(t *testing.T) {
			assert.NoError(t, client.Track(t.Context(), altertable.Track{}))
			assert.NoError(t, client.Identify(t.Context(), altertable.Identify{}))
			assert.NoError(t, client.Alias(t.Context(), altertable.Alias{}))
			response, err := client.TrackSync(t.Context())
			assert.NoError(t, err)
			assert.Equal(t, &altertable.Response{}, response)
			response, err = client.IdentifySync(t.Context())
			assert.NoError(t, err)
			assert.Equal(t, &altertable.Response{}, response)
			response, err = client.AliasSync(t.Context())
			assert.NoError(t, err)
			assert.Equal(t, &altertable.Response{}, response)
			assert.NoError(t, client.Flush(t.Context()))
			assert.NoError(t, client.Shutdown(t.Context()))
			assert.NoError(t, client.Close())
			assert.Equal(t, altertable.Stats{}, client.Stats())
			assert.NotEmpty(t, client.String())
			assert.NotEmpty(t, fmt.Sprintf("%v %+v %#v", client, client, client))
		})
	}
}

func TestDisabledClientValidatesOnly(t *testing.T) {
	calls := 0
	client, srv, _ := newClient(t, altertable.WithDisabled(true), altertable.WithBeforeSend(func(m altertable.Message) altertable.Message {
		calls++
		return m
	}))
	track(t, client, "e")
	var invalid *altertable.ValidationError
	require.ErrorAs(t, client.Track(t.Context(), altertable.Track{}), &invalid)
	response, err := client.TrackSync(t.Context(), event("e"))
	require.NoError(t, err)
	assert.Equal(t, &altertable.Response{OK: true}, response)
	require.NoError(t, client.Flush(t.Context()))
	require.NoError(t, client.Close())
	require.ErrorIs(t, client.Track(t.Context(), event("late")), altertable.ErrClosed)
	assert.Equal(t, 4, calls)
	assert.Empty(t, srv.Requests())
	assert.Zero(t, client.Stats().Accepted)
	assert.EqualValues(t, 2, client.Stats().Rejected)
}

func TestNoVerbPrintsTheKey(t *testing.T) {
	const key = "key_shall_not_show"
	client, err := altertable.New(key, altertable.WithEnvironment("staging"), altertable.WithBaseURL("https://example.com/prefix"))
	require.NoError(t, err)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, value := range []any{client, *client, []any{client}, struct{ C *altertable.Client }{client}} {
			assert.NotContains(t, fmt.Sprintf(verb, value), key, verb)
		}
	}
	assert.Equal(t, "altertable.Client(staging at example.com)", client.String())
	require.NoError(t, client.Close())
}

func TestBatchLeavesWhenItIsFullOrOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t, altertable.WithMaxBatchSize(3), altertable.WithFlushInterval(2*time.Second))
		track(t, client, "e0", "e1")
		pass(2*time.Second - 1)
		assert.Empty(t, srv.Requests())
		pass(time.Nanosecond)
		assert.Len(t, srv.Requests(), 1)
		track(t, client, "e2", "e3", "e4", "e5")
		synctest.Wait()
		assert.Len(t, srv.Requests(), 2)
		assert.Equal(t, 3, srv.Requests()[1].Count)
		require.NoError(t, client.Flush(t.Context()))
		assert.Equal(t, numbered(6), stored(srv))
		l.settle(t, client, numbered(6)...)
	})
}

// A message's age counts from its acceptance, not from the call.
func TestMessageOfASlowCallWaitsForCompany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t, altertable.WithFlushInterval(2*time.Second), altertable.WithBeforeSend(func(m altertable.Message) altertable.Message {
			<-time.After(time.Minute)
			return m
		}))
		track(t, client, "e0")
		pass(2*time.Second - 1)
		assert.Empty(t, srv.Requests())
		pass(time.Nanosecond)
		assert.Equal(t, numbered(1), stored(srv))
		l.settle(t, client, numbered(1)...)
	})
}

func TestTrackAndCloseMayRace(t *testing.T) {
	client, srv, l := newClient(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var accepted []string
	for i := range 16 {
		wg.Go(func() {
			for j := range 200 {
				name := fmt.Sprintf("e%d-%d", i, j)
				err := client.Track(context.Background(), event(name))
				if err == nil {
					mu.Lock()
					accepted = append(accepted, name)
					mu.Unlock()
				} else if !errors.Is(err, altertable.ErrClosed) {
					t.Error(err)
				}
				if j == 100 && i < 4 {
					if err := client.Close(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	assert.Len(t, srv.Events(), len(accepted))
	l.settle(t, client, accepted...)
}

func TestIdleClientHasNoGoroutine(t *testing.T) {
	before := goleak.IgnoreCurrent()
	client := newBenchClient(t, discard{})
	goleak.VerifyNone(t, before)
	track(t, client, "e0")
	require.NoError(t, client.Flush(t.Context()))
	goleak.VerifyNone(t, before)
}
