package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFlagsStandAnywhere(t *testing.T) {
	c, err := parseFlags([]string{"a.csv", "-dry-run", "b.csv", "-rate", "50", "-", "--", "-c.csv", "-force"})
	require.NoError(t, err)
	assert.Equal(t, []string{"a.csv", "b.csv", "-", "-c.csv", "-force"}, c.paths)
	assert.True(t, c.dryRun)
	assert.False(t, c.force)
	assert.Equal(t, 50.0, c.rate)
}
