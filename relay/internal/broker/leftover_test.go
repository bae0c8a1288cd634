package broker

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What was acknowledged goes at once; tidying removes nothing that is not settled.
func TestTidyLeavesWhatIsNotSettled(t *testing.T) {
	log := new(record)
	b := open(t, Options{Data: t.TempDir(), Logger: log.logger()})
	for range 10 {
		publish(t, b, "acme", "[]")
	}
	_, err := b.JetStream().Publish(t.Context(), Subject("acme", "identify"), []byte("[]"))
	require.NoError(t, err)
	b.tidyAtStart()
	require.Equal(t, 5, newPuller(t, b).deliver(5))
	b.tidyAtStart()
	assert.EqualValues(t, 6, messages(t, b, "acme"))
	assert.Zero(t, log.count("level=ERROR"), log.String())
}

func TestForgottenTenant(t *testing.T) {
	log := new(record)
	o := Options{Data: t.TempDir(), Logger: log.logger()}
	b := open(t, o, small("acme", "old", "empty")...)
	publish(t, b, "old", "[]")
	b.Close()
	require.Zero(t, log.count("not configured stay stored"))
	b = open(t, o, small("acme")...)
	assert.Equal(t, 1, log.count("not configured stay stored"))
	assert.Equal(t, 1, log.count("stream=ALTERTABLE_old"))
	b.Close()
	open(t, o, small("acme", "old")...)
	assert.Equal(t, 1, log.count("not configured stay stored"))
}
