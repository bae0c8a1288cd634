package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/nats-io/nuid"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/relay/internal/deadletter"
	"github.com/altertable-ai/altertable-go/relay/internal/drain"
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
		altertable.WithOnError(r.keepRefused),
	)
	if err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.spool = client
	return nil
}

// keepRefused makes dead letters of what the intake refuses, which a spool gives up.
func (r *relay) keepRefused(err error) {
	var refused *altertable.DeliveryError
	if !errors.As(err, &refused) {
		r.log.Warn("spool", "error", err)
		return
	}
	store, wrong := r.letters()
	if wrong != nil {
		return // the intake has refused nothing yet
	}
	tenant := r.config.Tenants[0].Name
	code := drain.CodeOf(refused.Err)
	for _, message := range refused.Payloads() {
		if r.keep(store, deadletter.Letter{Tenant: tenant, Endpoint: refused.Endpoint, Code: code, Reason: refused.Err.Error(), Message: message}) {
			r.metrics.Dead(tenant, code, 1)
		}
	}
}

// keep tries until the letter is stored, or the relay ends.
func (r *relay) keep(store *deadletter.Store, l deadletter.Letter) bool {
	id := "spool." + nuid.Next()
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		err := store.Put(ctx, l, id)
		cancel()
		if err == nil {
			return true
		}
		if r.stopping.Load() {
			r.log.Error("a dead letter of the spool is lost", "error", err)
			return false
		}
		time.Sleep(time.Second)
	}
}
