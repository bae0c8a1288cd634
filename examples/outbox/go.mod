module github.com/altertable-ai/altertable-go/examples/outbox

go 1.25.0

replace github.com/altertable-ai/altertable-go => ../..

require (
	github.com/altertable-ai/altertable-go v0.2.0
	github.com/stretchr/testify v1.12.1
	modernc.org/sqlite v1.59.0 // the last one for Go 1.25
)

require (
	github.com/cenkalti/backoff/v4 v4.3.0 // indirect
	github.com/dustin/go-humanize v1.0.1 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/mattn/go-isatty v0.0.24 // indirect
	github.com/ncruces/go-strftime v1.0.0 // indirect
	github.com/remyoudompheng/bigfft v0.0.0-20230129092748-24d4a6f8daec // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/sys v0.47.0 // indirect
	modernc.org/libc v1.75.7 // indirect
	modernc.org/mathutil v1.7.1 // indirect
	modernc.org/memory v1.12.1 // indirect
)
