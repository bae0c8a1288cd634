package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The SDK's JSON may have three digits more in the timestamp.
func TestSamplesHaveTheirSizes(t *testing.T) {
	c := newZerologClient("", 1)
	defer func() { assert.NoError(t, c.close()) }()
	for size, s := range map[int]sample{200: short, 340: usual, 512: longer, 1024: longest} {
		p := c.newProducer()
		require.NoError(t, p.track(s.event, s.user, s.properties()))
		assert.InDelta(t, size, len(p.batch.json)-len("["), 6, "%d", size)
	}
}

func TestSamplesMakeAMapForEachEvent(t *testing.T) {
	for _, s := range []sample{short, usual, longer, longest} {
		first := s.properties()
		first["plan"] = "changed"
		assert.Equal(t, "pro", s.properties()["plan"])
	}
}
