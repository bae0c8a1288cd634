package altertable_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTrackedEventArrives(t *testing.T) {
	client, srv := altertabletest.New(t)
	require.NoError(t, client.Track(t.Context(), altertable.Track{Event: "Signed Up", DistinctID: "u_1"}))
	require.NoError(t, client.Flush(t.Context()))
	require.Len(t, srv.Events(), 1)
}
