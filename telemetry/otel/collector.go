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

// A Collector reports the numbers of one or more clients to a MeterProvider. Make
// it with NewCollector, give its Option to the clients and Observe them. Its
// methods are safe for concurrent use.
type Collector struct {
	series     []series   // of families; immutable
	histograms histograms // immutable

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
	cfg := newConfig(opts)
	if cfg.provider == nil {
		cfg.provider = otel.GetMeterProvider()
	}
	b := builder{meter: cfg.provider.Meter(scopeName, metric.WithInstrumentationVersion(altertable.Version))}
	if cfg.client != "" {
		b.common = []attribute.KeyValue{attribute.String("client", cfg.client)}
	}
	c := &Collector{series: b.series(), histograms: b.histograms(cfg.environments)}
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
	next := observed{client: client, since: time.Now()}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.ContainsFunc(c.clients, func(o observed) bool { return o.client == client }) {
		c.clients = append(c.clients, next)
	}
}

// snapshots returns the numbers of all clients.
func (c *Collector) snapshots() []snapshot {
	clients := c.observed()
	all := make([]snapshot, len(clients))
	for i := range clients {
		all[i] = clients[i].snapshot()
	}
	return all
}

func (c *Collector) observed() []observed {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.clients
}

func (o *observed) snapshot() snapshot {
	stats := o.client.Stats()
	last := stats.LastSuccess
	if last.IsZero() {
		last = o.since
	}
	return snapshot{Stats: stats, Limits: o.client.Limits(), lastSuccessAge: max(0, time.Since(last))}
}
