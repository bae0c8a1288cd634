module github.com/altertable-ai/altertable-go/benchmarks

go 1.25

replace github.com/altertable-ai/altertable-go => ../

require (
	github.com/altertable-ai/altertable-go v0.0.0
	github.com/posthog/posthog-go v1.5.2
	gopkg.in/segmentio/analytics-go.v3 v3.1.0
)

require (
	github.com/cenkalti/backoff/v4 v4.3.0 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/segmentio/backo-go v1.1.0 // indirect
	github.com/xtgo/uuid v0.0.0-20140804021211-a0b114877d4c // indirect
)
