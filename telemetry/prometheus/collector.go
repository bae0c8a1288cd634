// Package prometheus exports the numbers of an altertable.Client as Prometheus metrics.
package prometheus

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/altertable-ai/altertable-go"
)

// A Collector is a prometheus.Collector over the Stats of one or more clients.
type Collector struct{}

// An Option configures a Collector.
type Option func(*Collector)

// WithClientName adds the label client to all metrics.
func WithClientName(name string) Option { return func(*Collector) {} }

// WithEnvironments adds the label environment to the histograms.
func WithEnvironments(names ...string) Option { return func(*Collector) {} }

// NewCollector returns a Collector.
func NewCollector(opts ...Option) *Collector { return &Collector{} }

// Option feeds the histograms.
func (c *Collector) Option() altertable.Option { return nil }

// Observe adds client to what c collects.
func (c *Collector) Observe(client *altertable.Client) {}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(descs chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(metrics chan<- prometheus.Metric) {}
