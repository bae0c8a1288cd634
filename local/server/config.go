package server

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// DefaultPort is the port of the command altertable-local. A Config has none by
// default.
const DefaultPort = 15001

// A Config says what a server is like. The zero value is one on a free port of
// the loopback address, which keeps everything in memory.
type Config struct {
	// Host is the address to listen on, by default 127.0.0.1. Another one than the
	// loopback's can be reached from the network.
	Host string
	// Port is the port to listen on, 0 to 65535. 0 is one that is free.
	Port int
	// Keys are the API keys to accept. Without any, every key is accepted.
	Keys []string
	// Environments are those that exist, by default production alone.
	Environments []string
	// Origins are those whose pages may send events, as location.origin is in the
	// page: http://localhost:5173. By default there are none.
	Origins []string
	// Data is the DuckDB file that keeps events and identities, which is created if
	// it is not there. Without it they are in memory, and forgotten at the end.
	Data string
	// Fail is the status with which requests to the API fail, 300 to 599. With 0,
	// the default, none fails for no reason.
	Fail int
	// FailRate is the share of the requests that fail with Fail, 0 to 1. 0, the
	// default, stands for all of them.
	FailRate float64
	// Latency is by how much every answer of the API is late. It must not be
	// negative.
	Latency time.Duration
	// Log is told, in a sentence without events or queries in it, what happens to
	// the process that has the data. It may be called on several goroutines at
	// once. By default the sentences go to standard error.
	Log func(sentence string)
}

// Validate returns what Start would refuse about the values, and nil if they are
// right. It does not look at the port or the file.
func (c Config) Validate() error {
	switch {
	case c.Port < 0 || c.Port > 65535:
		return fmt.Errorf("port %d: want 0 to 65535", c.Port)
	case c.Fail != 0 && (c.Fail < 300 || c.Fail > 599):
		return fmt.Errorf("status %d for requests that fail: want 300 to 599", c.Fail)
	case !(c.FailRate >= 0 && c.FailRate <= 1):
		return fmt.Errorf("share %v of the requests that fail: want 0 to 1", c.FailRate)
	case c.Latency < 0:
		return fmt.Errorf("latency %v: must not be negative", c.Latency)
	case slices.Contains(c.Keys, ""):
		return errors.New("a key must not be empty")
	case slices.Contains(c.Environments, ""):
		return errors.New("an environment must not be empty")
	}
	for _, origin := range c.Origins {
		if err := checkOrigin(origin); err != nil {
			return fmt.Errorf("origin: %w", err)
		}
	}
	return nil
}

// withDefaults returns what the zero values stand for. The server's lists are
// its own.
func (c Config) withDefaults() Config {
	if c.Host == "" {
		c.Host = "127.0.0.1"
	}
	if c.FailRate == 0 {
		c.FailRate = 1
	}
	c.Keys, c.Environments, c.Origins = slices.Clone(c.Keys), slices.Clone(c.Environments), slices.Clone(c.Origins)
	if len(c.Environments) == 0 {
		c.Environments = []string{"production"}
	}
	if c.Log == nil {
		c.Log = logToStderr
	}
	return c
}
