package main

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
)

func TestVersions(t *testing.T) {
	info := &debug.BuildInfo{GoVersion: "go1.99", Deps: []*debug.Module{
		{Path: "github.com/altertable-ai/altertable-go", Version: "v0.0.0"},
		{Path: "github.com/posthog/posthog-go", Version: "v1.2.3"},
		{Path: "github.com/rs/zerolog", Version: "v4.5.6"},
		{Path: "github.com/segmentio/analytics-go/v3", Version: "v3.7.8"},
		{Path: "github.com/segmentio/backo-go", Version: "v9.9.9"},
	}}
	assert.Equal(t, map[string]string{
		sdk: "v" + altertable.Version, posthog: "v1.2.3", zero: "v4.5.6", segment: "v3.7.8",
		marshal: "go1.99", naive: "go1.99",
	}, versions(info))
}

func TestVersionsOfABuildThatKnowsNone(t *testing.T) {
	assert.Equal(t, map[string]string{sdk: "v" + altertable.Version}, versions(nil))
}

// The table prints the versions of the modules that this build uses.
func TestModulesAreThoseOfTheBuild(t *testing.T) {
	info, ok := debug.ReadBuildInfo()
	require.True(t, ok)
	for client := range modules {
		assert.NotEmpty(t, versions(info)[client], client)
	}
}
