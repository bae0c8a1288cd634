//go:build !linux

package server

// limitMemory leaves the limit to DuckDB: other systems do not enforce one of
// a process.
func limitMemory() error { return nil }
