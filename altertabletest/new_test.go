package altertabletest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

func TestNewWiresAClient(t *testing.T) {
	client, srv := altertabletest.New(t, altertable.WithEnvironment("staging"))
	require.NoError(t, client.Track(t.Context(), altertable.Track{Event: "e", DistinctID: "u_1"}))
	require.NoError(t, client.Flush(t.Context()))
	require.Len(t, srv.Events(), 1)
	assert.Equal(t, "staging", srv.Events()[0].Environment)
}

func TestNewInVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, srv := altertabletest.New(t)
		srv.Always(altertabletest.Delay(3 * time.Second))
		require.NoError(t, client.Track(t.Context(), altertable.Track{Event: "e", DistinctID: "u_1"}))
		start := time.Now()
		require.NoError(t, client.Flush(t.Context()))
		assert.Equal(t, 3*time.Second, time.Since(start))
		assert.Len(t, srv.Events(), 1)
	})
}
