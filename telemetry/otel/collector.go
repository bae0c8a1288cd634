// Package otel exports the numbers of an altertable.Client as OpenTelemetry metrics, and puts the ids of spans on events.
package otel

import (
	"context"

	"go.opentelemetry.io/otel/metric"

	"github.com/altertable-ai/altertable-go"
)

// A Collector observes the Stats of one or more clients.
type Collector struct{}

// An Option configures a Collector.
type Option func(*Collector)

// WithMeterProvider names the provider, overriding the global one.
func WithMeterProvider(provider metric.MeterProvider) Option { return func(*Collector) {} }

// WithClientName adds the attribute client to all metrics.
func WithClientName(name string) Option { return func(*Collector) {} }

// WithEnvironments adds the attribute environment to the histograms.
func WithEnvironments(names ...string) Option { return func(*Collector) {} }

// NewCollector returns a Collector.
func NewCollector(opts ...Option) *Collector { return &Collector{} }

// Option feeds the histograms.
func (c *Collector) Option() altertable.Option { return nil }

// Observe adds client to what c observes.
func (c *Collector) Observe(client *altertable.Client) {}

// TraceContext returns a function for altertable.WithPropertiesFunc.
func TraceContext() func(context.Context) altertable.Properties { return nil }
