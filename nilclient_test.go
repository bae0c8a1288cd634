package altertable_test

import (
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
)

func TestDoneOfANilClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var client *altertable.Client
		o := newOutcomes()
		o.enqueue(t, client, "a")
		require.NoError(t, o.one(t, "a"), "told when Enqueue returns")
		require.NoError(t, client.Enqueue(t.Context(), nil, nil))

		release := make(chan struct{}) // by the caller, who would wait in vain
		require.NoError(t, client.Enqueue(t.Context(), event("b"), func(err error) {
			<-release
			o.of("b")(err)
		}))
		require.NoError(t, client.Enqueue(t.Context(), event("c"), o.of("c")))
		assert.Equal(t, 1, o.count(), "one at a time")
		close(release)
		synctest.Wait()
		require.NoError(t, o.one(t, "b"))
		require.NoError(t, o.one(t, "c"))

		require.NoError(t, client.Enqueue(t.Context(), event("d"), func(error) { panic("d") }))
		require.NoError(t, client.Enqueue(t.Context(), event("e"), func(error) { runtime.Goexit() }))
		o.enqueue(t, client, "f")
		require.NoError(t, o.one(t, "f"))
		raw, err := client.Encode(t.Context(), event("g"))
		require.NoError(t, err)
		assert.Zero(t, raw)
	})
}
