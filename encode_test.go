package altertable_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

func TestEncodedMessageIsSentAsItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv := altertabletest.New(t, altertable.WithEventIDs(), altertable.WithDefaultProperties(altertable.Properties{"b": 2}),
			altertable.WithBeforeSend(func(m altertable.Message) altertable.Message {
				if track, ok := m.(altertable.Track); ok {
					track.Properties["hook"] = true
					return track
				}
				return m
			}))
		for i, m := range []altertable.Message{event("a"), linked("u_1"), altertable.Alias{DistinctID: "u_1", NewUserID: "u_2"}} {
			raw, err := client.Encode(t.Context(), m)
			require.NoError(t, err)
			pass(time.Minute)
			require.EqualValues(t, i, client.Stats().Accepted, "Encode queues nothing")
			want := "[" + string(raw.JSON) + "]"
			require.NoError(t, client.Enqueue(t.Context(), raw, nil))
			require.NoError(t, client.Flush(t.Context()))
			requests := srv.Requests()
			last := requests[len(requests)-1]
			assert.Equal(t, "/"+raw.Endpoint, last.Path)
			assert.Equal(t, want, string(last.Body))
			if raw.Endpoint == "track" {
				assert.Contains(t, want, `"$event_id"`)
				assert.Contains(t, want, `"hook":true`)
			}
		}
	})
}

func TestEncodeNeedsNoQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _ := altertabletest.New(t)
		require.NoError(t, client.Close())
		raw, err := client.Encode(t.Context(), event("a"))
		require.NoError(t, err)
		assert.Equal(t, "track", raw.Endpoint)
		for _, opts := range [][]altertable.Option{{altertable.WithBeforeSend(func(altertable.Message) altertable.Message { return nil })}} {
			client := newDisabled(t, opts...)
			raw, err := client.Encode(t.Context(), event("a"))
			require.NoError(t, err)
			assert.Zero(t, raw)
			assert.EqualValues(t, 1, client.Stats().Discarded)
		}
	})
}
