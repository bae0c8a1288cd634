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

// A test of a failing server does not wait for it when it ends.
func TestNewEndsFaultsWithTheTest(t *testing.T) {
	for name, fail := range map[string]func(*altertabletest.Server){
		"failing": func(srv *altertabletest.Server) { srv.Always(altertabletest.Status(503)) },
		"hanging": func(srv *altertabletest.Server) { srv.Always(altertabletest.Hang()) },
		"slow":    func(srv *altertabletest.Server) { srv.Always(altertabletest.Delay(time.Hour)) },
		"down":    (*altertabletest.Server).Down,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var srv *altertabletest.Server
				start := time.Now()
				t.Cleanup(func() {
					assert.Zero(t, time.Since(start))
					assert.Len(t, srv.Events(), 1)
				})
				var client *altertable.Client
				client, srv = altertabletest.New(t, altertable.WithMaxBatchSize(1))
				fail(srv)
				require.NoError(t, client.Track(t.Context(), altertable.Track{Event: "e", DistinctID: "u_1"}))
				synctest.Wait()
			})
		})
	}
}
