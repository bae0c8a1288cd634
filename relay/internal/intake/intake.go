// Package intake is the relay's front: the API's endpoints, which answer 200 once
// the events are stored.
package intake

import (
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/altertable-ai/altertable-go/relay/internal/metrics"
)

// A Token is what a producer sends in place of the API's key.
type Token struct {
	SHA256  [32]byte
	Browser bool // its events get the client's address as $ip
}

// A Tenant is who events belong to.
type Tenant struct {
	Name         string
	Tokens       []Token
	AnyToken     bool     // takes any token; of one tenant alone, on loopback
	Environments []string // those it may use; empty: all
	Origins      []string // of browsers that may send
}

// Options of an Intake.
type Options struct {
	Tenants        []Tenant
	TrustedProxies []netip.Prefix
	SyncTimeout    time.Duration
	JetStream      func() jetstream.JetStream // nil until the broker has recovered
	Metrics        *metrics.Metrics
	Logger         *slog.Logger
}

// An Intake is the http.Handler of /track, /identify and /alias.
type Intake struct{}

// New returns an Intake.
func New(o Options) *Intake { return nil }

func (i *Intake) ServeHTTP(w http.ResponseWriter, r *http.Request) {}

// Transport reaches the intake without a socket and without a token, as the tenant: what a spool holds goes this way.
func (i *Intake) Transport(tenant string) http.RoundTripper { return nil }

// Close makes every later request a 503, and waits for those that are there.
func (i *Intake) Close() {}
