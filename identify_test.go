package altertable_test

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
)

func TestOwnStampsStrictlyIncrease(t *testing.T) {
	client, srv, _ := newClient(t, altertable.WithMaxQueueSize(1_000_000))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 500 {
				if err := client.Identify(context.Background(), altertable.Identify{DistinctID: "u_1"}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	require.NoError(t, client.Flush(t.Context()))
	last := ""
	for _, r := range srv.Requests() {
		var messages []struct{ Timestamp time.Time }
		require.NoError(t, json.Unmarshal(r.Body, &messages))
		for _, m := range messages {
			at := m.Timestamp.Format("2006-01-02T15:04:05.000000")
			require.Greater(t, at, last, "in the order of acceptance")
			last = at
		}
	}
}

// A broken front end sends "undefined" for every visitor. It must not cost the
// event, nor merge the visitors.
func TestPlaceholdersOfVisitorsAreLeftOut(t *testing.T) {
	for _, id := range []string{"undefined", "null", " null\n", "anonymous", "0", "<nil>", "[object Object]", "%!s(MISSING)", "%!v(\xff)", "\u200b"} {
		m := wireOfTrack(t, altertable.Track{Event: "e", DistinctID: "u_1", AnonymousID: id, DeviceID: id})
		assert.NotContains(t, m, "anonymous_id", id)
		assert.NotContains(t, m, "device_id", id)
		m = wire(t, func(c *altertable.Client) error {
			return c.Identify(t.Context(), altertable.Identify{DistinctID: "u_1", AnonymousID: id, DeviceID: id})
		})
		assert.NotContains(t, m, "anonymous_id", id)
		assert.NotContains(t, m, "device_id", id)
	}
	client, srv, _ := newClient(t)
	linked := altertable.ContextWithVisitor(altertable.ContextWithUser(t.Context(), "u_1"), altertable.Visitor{AnonymousID: "anonymous-1"})
	require.NoError(t, client.Identify(linked, altertable.Identify{AnonymousID: "", DeviceID: "undefined"}))
	require.NoError(t, client.Flush(t.Context()))
	assert.Empty(t, srv.Identities()[0].AnonymousIDs, "it may be another browser")
	var invalid *altertable.ValidationError
	require.ErrorAs(t, client.Track(linked, altertable.Track{Event: "e", AnonymousID: "undefined"}), &invalid, "alone it is refused, too")
}

func TestIDsThatSayNothingAreLeftOut(t *testing.T) {
	m := wireOfTrack(t, altertable.Track{Event: "e", DistinctID: "anonymous-1", AnonymousID: "anonymous-1", DeviceID: " "})
	assert.NotContains(t, m, "anonymous_id")
	assert.NotContains(t, m, "device_id")
	m = wire(t, func(c *altertable.Client) error {
		return c.Identify(t.Context(), altertable.Identify{DistinctID: " u_1 ", DeviceID: "device-1", Traits: altertable.Traits{}})
	})
	assert.Equal(t, " u_1 ", m["distinct_id"], "verbatim")
	assert.Equal(t, "device-1", m["device_id"])
	assert.NotContains(t, m, "traits")
}
