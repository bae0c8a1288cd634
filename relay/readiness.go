package main

import (
	"context"
	"sync"
	"time"
)

// A readiness asks at most once a second, whoever probes.
type readiness struct {
	ask func(context.Context) error

	mu    sync.Mutex // guards what follows, and is held while the broker is asked
	at    time.Time
	error error
}

const (
	readyEvery   = time.Second
	readyTimeout = 3 * time.Second
)

func newReadiness(ask func(context.Context) error) *readiness { return &readiness{ask: ask} }

// get returns nil, or why the relay is not ready.
func (r *readiness) get() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := time.Now(); r.at.IsZero() || now.Sub(r.at) >= readyEvery {
		ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
		defer cancel()
		r.error, r.at = r.ask(ctx), now
	}
	return r.error
}
