// Package drain brings what is on a tenant's stream to the API.
package drain

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/altertable-ai/altertable-go/relay/internal/deadletter"
	"github.com/altertable-ai/altertable-go/relay/internal/metrics"
)

// Options of a Drain.
type Options struct {
	Tenant      string
	APIKey      string
	BaseURL     string
	Transport   http.RoundTripper // nil: a pool of its own
	Rate        float64           // requests a second; 0: as many as the API takes
	MaxInFlight int
	BatchSize   int
	PinnedTTL   time.Duration
	AckWait     time.Duration
	JetStream   jetstream.JetStream
	Dead        *deadletter.Store
	Metrics     *metrics.Metrics
	Logger      *slog.Logger
}

// A Drain delivers what is on one tenant's stream while it leads.
type Drain struct{}

// New returns a Drain that has not begun. The error is a *altertable.ConfigError.
func New(o Options) (*Drain, error) { return nil, nil }

// Run drains until Shutdown.
func (d *Drain) Run() {}

// Shutdown stops pulling, delivers what is held until ctx ends, acknowledges it
// and gives up the lead, so that another relay takes over at once.
func (d *Drain) Shutdown(ctx context.Context) error { return nil }

// Status is what a Drain does now.
type Status struct {
	Leads  []string          `json:"leads"`            // consumers that this relay drains
	Paused map[string]string `json:"paused,omitempty"` // "tenant" or an environment, and why
	Held   int               `json:"held"`             // messages outside the stream
	Last   time.Time         `json:"last_delivery,omitzero"`
}

// Status may be called by any goroutine.
func (d *Drain) Status() Status { return Status{} }
