package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/altertable-ai/altertable-go"
)

func versionCommand(_ context.Context, _ []string, t terminal) int {
	fmt.Fprintf(t.out, "altertable-relay %s, %s, nats-server %s\n", altertable.Version, runtime.Version(), natsVersion())
	return exitOK
}

// natsVersion returns the version of the embedded broker.
func natsVersion() string {
	const path = "github.com/nats-io/nats-server/v2"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == path {
				return m.Version
			}
		}
	}
	return "unknown"
}
