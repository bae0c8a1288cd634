package otel

import (
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/altertable-ai/altertable-go"
)

// scopeName is the module's import path.
const scopeName = "github.com/altertable-ai/altertable-go/telemetry/otel"

// A Collector reports the numbers of one or more clients to a MeterProvider. Make
// it with NewCollector, give its Option to the clients and Observe them. Its
// methods are safe for concurrent use.
type Collector struct {
	series     []series   // immutable after NewCollector
	ages       []age      // immutable after NewCollector
	histograms histograms // immutable after NewCollector

	// mu guards clients and is held for nothing else. No method of a client is
	// called under it: a client has a lock of its own.
	mu      sync.Mutex
	clients []observed // only ever appended to, so a collection reads it without a copy
}

// observed is a client, and when it was observed first.
type observed struct {
	client *altertable.Client
	since  time.Time // of Observe
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
// of several Collectors apart. By default, and with "", there is none. The name
// should be a constant of the program, such as "checkout": each name is a set of
// time series of its own. Invalid UTF-8 in it becomes U+FFFD.
func WithClientName(name string) Option {
	name = valid(name)
	return func(s *settings) { s.client = name }
}

// WithEnvironments adds the attribute environment to the histograms: one of
// names, or "other", as a message's environment may come from a user's input. By
// default, and without names, there is none. names are copied, and those that are
// empty are ignored. Invalid UTF-8 becomes U+FFFD, in names as in what the client
// sends. The SDK bounds the time series of an instrument, by default at 2,000, which
// more than 332 names may exceed: the rest then goes under the one attribute
// otel.metric.overflow.
func WithEnvironments(names ...string) Option {
	var all []string
	for _, name := range names {
		if name != "" {
			all = append(all, valid(name))
		}
	}
	return func(s *settings) { s.environments = all }
}

// valid returns text as OTLP's exporters take it: each byte of invalid UTF-8 becomes
// U+FFFD, as in what the client sends.
func valid(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	return string([]rune(text))
}

// NewCollector returns a Collector that observes no client yet. It makes the
// instruments, and one callback for all of them. It does not block, and starts no
// goroutine.
//
// As in OpenTelemetry's own instrumentation, errors of the MeterProvider go to
// otel.Handle. Where it makes no instrument, that one metric is absent and the
// others are there. The global MeterProvider may be set before or after; once
// it is set, another one that replaces it is not followed.
//
// A Collector reports for as long as its MeterProvider collects, and cannot be
// taken off it. So make one per provider when the program starts, and have it
// Observe the clients that come later.
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

// Option returns an option for altertable.New that feeds the histograms
// delivery.duration and batch.messages; without it they are absent. It is one more
// altertable.WithOnDelivery, so the user's own are called as well, in the order
// in which they are given. It may be given to several clients, once to each: a
// client that is given it twice counts each batch twice.
//
// A client calls all its callbacks one after the other. So one of the user's that
// does not return stops the histograms of that client, though not the counters.
// With this option, as with any WithOnDelivery, a delivered message keeps its room in
// the queue until the callbacks were told. So a WithOnError that does not return
// fills the queue even while everything is delivered: give it a time limit.
//
// The advised upper bounds of delivery.duration are 5, 10, 25, 50, 100, 250 and
// 500 ms, 1, 2.5, 5, 10, 30 and 60 s, 5 and 30 min, and 1 h: a duration holds the
// waits between attempts, so in an outage it is long. Those of batch.messages are
// 1, 2, 5, 10 and so on up to 10,000, which is the most that WithMaxBatchSize
// allows. A view of the MeterProvider overrides them. Synchronous calls are in
// neither.
func (c *Collector) Option() altertable.Option {
	return altertable.WithOnDelivery(c.histograms.record)
}

// Observe adds client to those whose numbers c reports: from the next collection
// on, all metrics of it are there, with 0 where nothing happened yet. Before the
// first Observe there are the histograms alone, so one that was forgotten shows as
// metrics that are absent. It does not block.
//
// Of several clients the sums are reported, as the documentation of the package
// says. The same client counts once, however often it is observed. A nil client is
// fine, and so is a disabled one: they add nothing to the counters.
//
// c keeps client for good, also after its Close, since its counts stay in the
// sums. A closed client holds about 10 KiB, some hundred bytes for each batch that it
// left in its spool and each environment that it had at a time, and what the
// functions refer to that it was made with.
func (c *Collector) Observe(client *altertable.Client) {
	next := observed{client, time.Now()}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.ContainsFunc(c.clients, func(o observed) bool { return o.client == client }) {
		c.clients = append(c.clients, next)
	}
}

func (c *Collector) observed() []observed {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.clients
}
