// Package natsqueue sends a client's batches to NATS JetStream in place of HTTP.
package natsqueue

import (
	"errors"
	"net/http"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// An Option changes a queue.
type Option func(*queue)

type queue struct{}

func (q *queue) RoundTrip(r *http.Request) (*http.Response, error) {
	return nil, errors.New("not built")
}

// New returns what altertable.WithHTTPClient takes as Transport.
func New(js jetstream.JetStream, tenant string, opts ...Option) http.RoundTripper { return &queue{} }

// ConnectOptions returns what a connection needs to outlive any outage of the broker.
func ConnectOptions() []nats.Option { return nil }
