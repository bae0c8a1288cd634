// Command metrics is a service whose analytics are watched like the rest of it.
package main

import (
	_ "github.com/altertable-ai/altertable-go/telemetry/prometheus"
)

func main() {}
