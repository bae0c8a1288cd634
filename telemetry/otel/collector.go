package otel

import (
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/altertable-ai/altertable-go"
)

// scopeName is the module's import path.
const scopeName = "github.com/altertable-ai/altertable-go/telemetry/otel"

// A Collector reports the numbers of one or more clients to a MeterProvider,
// for as long as that one collects. Make it with NewCollector. Its methods are
// safe for concurrent use.
type Collector struct {
	series     []series   // immutable after NewCollector
	ages       []age      // immutable after NewCollector
	histograms histograms // immutable after NewCollector

	mu      sync.Mutex
	clients []observed // guarded by mu; entries are only ever added
}

// observed is a client whose numbers are reported.
type observed struct {
	client *altertable.Client
	limits altertable.Limits
	since  time.Time
}

// settings are what NewCollector was told.
type settings struct {
	provider     metric.MeterProvider // nil: the global one
	client       string               // "" without
	environments []string             // nil without
}

// An Option configures a Collector. A nil Option keeps the default. If an option
// is given several times, the last one counts.
type Option func(*settings)

// WithMeterProvider sets the provider of the instruments, overriding the
// default, which is OpenTelemetry's global one; nil keeps the default.
func WithMeterProvider(provider metric.MeterProvider) Option {
	return func(s *settings) { s.provider = provider }
}

// WithClientName adds the attribute client to all metrics, to tell the clients
// of several Collectors apart. By default, and with "", there is none. It is meant
// for a name that stands in the code, and must be valid UTF-8.
func WithClientName(name string) Option {
	return func(s *settings) { s.client = name }
}

// WithEnvironments adds the attribute environment to the histograms: one of
// names, or "other", as a message's environment may come from a user's input. By
// default, and without names, there is none.
func WithEnvironments(names ...string) Option {
	names = slices.Clone(names)
	return func(s *settings) { s.environments = names }
}

// NewCollector makes the instruments, and returns a Collector that observes no
// client yet. It does not block. As in OpenTelemetry's own instrumentation, an
// error of the MeterProvider goes to otel.Handle, and only the instrument that
// it is about does nothing. The global MeterProvider may be set before or
// after. A Collector cannot be taken off its provider: make one for each
// provider, and let it observe the clients that come and go.
func NewCollector(opts ...Option) *Collector {
	var s settings
	for _, option := range opts {
		if option != nil {
			option(&s)
		}
	}
	if s.provider == nil {
		s.provider = otel.GetMeterProvider()
	}
	b := builder{meter: s.provider.Meter(scopeName, metric.WithInstrumentationVersion(altertable.Version))}
	if s.client != "" {
		b.common = []attribute.KeyValue{attribute.String("client", s.client)}
	}
	c := &Collector{
		series:     b.series(),
		ages:       b.ages(),
		histograms: b.histograms(s.environments),
	}
	b.register(c.collect)
	return c
}

// Option returns an option for altertable.New that feeds the histograms. It is
// one more altertable.WithOnDelivery beside the user's own, and may be given to
// several clients, to each once. Without it, the histograms are empty.
func (c *Collector) Option() altertable.Option {
	return altertable.WithOnDelivery(c.histograms.record)
}

// Observe adds a client to those whose numbers c reports. Before the first call,
// c reports none, so that a forgotten Observe shows as metrics that are absent. It
// does not block, and keeps the client for as long as c exists, also after its
// Close: the counts of a client that was replaced stay in the sums, and so
// counters never go back. Its limits stay in the sums as well. The same client is
// counted once. A nil or a disabled client is fine: it adds nothing to the
// counters.
func (c *Collector) Observe(client *altertable.Client) {
	next := observed{client, client.Limits(), time.Now()}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.ContainsFunc(c.clients, func(o observed) bool { return o.client == client }) {
		c.clients = append(c.clients, next)
	}
}

// observed returns the clients to report. What is added later does not change
// the slice.
func (c *Collector) observed() []observed {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.clients
}
