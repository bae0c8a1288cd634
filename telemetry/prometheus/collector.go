package prometheus

import (
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/altertable-ai/altertable-go"
)

// A Collector is a prometheus.Collector of the numbers of one or more clients.
// Make it with NewCollector, register it once, give its Option to the clients and
// Observe them. Its methods are safe for concurrent use.
type Collector struct {
	descs      []*prometheus.Desc // of families; immutable
	histograms histograms         // immutable; what it points to has its own locks

	// mu guards clients and is held for nothing else. No method of a client is
	// called under it: a client has a lock of its own.
	mu      sync.Mutex
	clients []observed // only ever appended to, so a scrape reads it without a copy
}

// observed is a client, and when it was observed first.
type observed struct {
	client *altertable.Client
	since  time.Time // of Observe
}

var _ prometheus.Collector = (*Collector)(nil)

// NewCollector returns a Collector that observes no client yet. It registers
// nothing, does not block, and starts no goroutine. All time series of the
// histograms are there at once, with 0.
func NewCollector(opts ...Option) *Collector {
	cfg := newConfig(opts)
	return &Collector{descs: newDescs(cfg), histograms: newHistograms(cfg)}
}

// Option returns an option for altertable.New that feeds the histograms
// delivery_duration_seconds and batch_messages. It is one more
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
// The upper bounds of delivery_duration_seconds are 5, 10, 25, 50, 100, 250 and
// 500 ms, 1, 2.5, 5, 10, 30 and 60 s, 5 and 30 min, and 1 h: a duration holds the
// waits between attempts, so in an outage it is long. Those of batch_messages are
// 1, 2, 5, 10 and so on up to 10,000, which is the most that WithMaxBatchSize
// allows. Synchronous calls are in neither.
func (c *Collector) Option() altertable.Option {
	return altertable.WithOnDelivery(c.histograms.record)
}

// Observe adds client to those whose numbers c exports: from the next scrape on,
// all metrics of it are there, with 0 where nothing happened yet. Before the first
// Observe there are the histograms alone, so one that was forgotten shows as
// metrics that are absent. It does not block.
//
// Of several clients the sums are exported, as the documentation of the package
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

// Describe sends the descriptors of all metrics, also of those that are there only
// after Observe. It implements prometheus.Collector.
func (c *Collector) Describe(descs chan<- *prometheus.Desc) {
	for _, desc := range c.descs {
		descs <- desc
	}
	c.histograms.describe(descs)
}

// Collect sends the metrics, of which those of Stats and Limits are made now. It
// does no I/O, and scrapes may run at the same time. It implements
// prometheus.Collector.
func (c *Collector) Collect(metrics chan<- prometheus.Metric) {
	if clients := c.snapshots(); len(clients) > 0 {
		for i := range families {
			families[i].collect(c.descs[i], clients, metrics)
		}
	}
	c.histograms.collect(metrics)
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
