package main

import (
	"runtime/debug"

	"github.com/altertable-ai/altertable-go"
)

// modules are those whose versions the build knows, by client.
var modules = map[string]string{
	zero:    "github.com/rs/zerolog",
	posthog: "github.com/posthog/posthog-go",
	segment: "github.com/segmentio/analytics-go/v3",
}

// versions returns the version of each client; for those without a module of
// their own, Go's.
func versions(info *debug.BuildInfo) map[string]string {
	v := map[string]string{sdk: "v" + altertable.Version}
	if info == nil {
		return v
	}
	v[marshal], v[naive] = info.GoVersion, info.GoVersion
	for _, module := range info.Deps {
		for client, path := range modules {
			if module.Path == path {
				v[client] = module.Version
			}
		}
	}
	return v
}
