package main

import (
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/altertable-ai/altertable-go"
)

// startSpool delivers what write-only clients leave in --spool. It goes the way of
// all events, so it is stored, ordered and paced with the others.
func (r *relay) startSpool() error {
	if r.config.SpoolDir == "" {
		return nil
	}
	client, err := altertable.New("relay", // the intake asks its own transport for no token
		altertable.WithBaseURL("http://localhost"),
		altertable.WithHTTPClient(&http.Client{Transport: r.intake.Transport(r.config.Tenants[0].Name)}),
		altertable.WithSpool(r.config.SpoolDir, altertable.SpoolName(r.config.SpoolName)),
		altertable.WithRequestTimeout(30*time.Second),
		altertable.WithRetry(altertable.RetryPolicy{MaxInterval: 5 * time.Second, MaxElapsed: math.MaxInt64}),
		altertable.WithLogger(r.log),
	)
	if err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.spool = client
	return nil
}
