package deliver

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEveryRowArrivesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newImporter(t, tracks(10_500))
		result, err := i.run(t.Context())
		require.NoError(t, err)
		assert.True(t, result.Finished)
		assert.EqualValues(t, 10_500, result.Delivered)
		assert.Zero(t, result.Duplicates)
		assert.Len(t, i.arrived(), 10_500)
		assert.Len(t, i.srv.Events(), 10_500)
		assert.EqualValues(t, 10_500, i.counters.Done.Load())
		assert.Positive(t, result.Bytes)

		again, err := i.run(t.Context())
		require.NoError(t, err)
		assert.EqualValues(t, 10_500, again.Earlier)
		again.Earlier = 0
		assert.Equal(t, result, again, "a finished import tells the same sums")
		assert.Len(t, i.srv.Events(), 10_500, "and sends nothing")
	})
}
