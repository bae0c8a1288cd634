package altertable_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

// An outcome of one message, as its done was told: told is how often.
type outcomes struct {
	told map[string]int
	errs map[string]error
}

func newOutcomes() *outcomes { return &outcomes{map[string]int{}, map[string]error{}} }

// of returns the done of the message of that name. Dones run one at a time, so that
// they write without a lock, which the race detector sees to.
func (o *outcomes) of(name string) func(error) {
	return func(err error) {
		o.told[name]++
		o.errs[name] = err
	}
}

func TestDoneIsToldOfDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv := altertabletest.New(t)
		o := newOutcomes()
		require.NoError(t, client.Enqueue(t.Context(), event("a"), o.of("a")))
		require.NoError(t, client.Enqueue(t.Context(), altertable.Raw{Endpoint: "track", JSON: []byte(`{"event":"b","distinct_id":"u_1","properties":{}}`)}, o.of("b")))
		require.NoError(t, client.Track(t.Context(), event("c")))
		require.NoError(t, client.Flush(t.Context()))
		assert.Equal(t, map[string]int{"a": 1, "b": 1}, o.told)
		assert.Equal(t, map[string]error{"a": nil, "b": nil}, o.errs)
		assert.Equal(t, []string{"a", "b", "c"}, stored(srv))
	})
}

func TestCulpritAloneIsToldOfItsLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv, l := newClient(t)
		o := newOutcomes()
		bad := altertable.Raw{Endpoint: "track", JSON: []byte(`{"event":"bad","distinct_id":"u_1","properties":{"a":nope}}`)}
		require.NoError(t, client.Enqueue(t.Context(), event("a"), o.of("a")))
		require.NoError(t, client.Enqueue(t.Context(), bad, func(err error) {
			var lost *altertable.DeliveryError
			if assert.ErrorAs(t, err, &lost) {
				assert.Equal(t, 1, lost.Count)
				assert.Len(t, lost.Payloads(), 1)
			}
			o.of("bad")(err)
		}))
		require.NoError(t, client.Enqueue(t.Context(), event("b"), o.of("b")))
		l.then = nil
		_ = errors.Join(client.Flush(context.Background()))
		assert.Equal(t, map[string]int{"a": 1, "bad": 1, "b": 1}, o.told)
		assert.ElementsMatch(t, []string{"a", "b"}, stored(srv))
	})
}
