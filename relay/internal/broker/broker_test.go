package broker

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWhatIsStoredIsThereAfterRestart(t *testing.T) {
	o := Options{Data: t.TempDir(), Compress: true}
	b := open(t, o)
	require.NoError(t, b.Ready(t.Context()))
	publish(t, b, "acme", `[{"event":"signed_up"}]`)
	b.Close()
	log := new(record)
	o.Logger = log.logger()
	b = open(t, o)
	assert.EqualValues(t, 1, messages(t, b, "acme"))
	assert.Zero(t, log.count("is changed"), log.String())
	require.NoError(t, b.Ready(t.Context()))
}
