// Package metrics counts what the relay does, as Prometheus metrics.
package metrics

import (
	"net/http"
	"time"
)

// A Metrics has the counters of all tenants. The methods may be called by any
// goroutine; those of a nil Metrics do nothing.
type Metrics struct{}

// New returns a Metrics that knows the tenants, so that every series is there from the start.
func New(tenants []string) *Metrics { return nil }

// Handler serves the metrics as text.
func (m *Metrics) Handler() http.Handler { return nil }

func (m *Metrics) Answered(tenant, endpoint string, status int, took time.Duration) {} // a request at intake
func (m *Metrics) Accepted(tenant, endpoint string, events int)                     {} // events of requests answered 200
func (m *Metrics) Stored(tenant, endpoint string, events, bytes int)                {} // on the stream; a copy that the broker knew is in Duplicates
func (m *Metrics) Duplicates(tenant string, events int)                             {} // suppressed, at intake or at the drain
func (m *Metrics) Delivered(tenant, endpoint string, events int)                    {}
func (m *Metrics) Dead(tenant, code string, events int)                             {}
func (m *Metrics) Takeover(tenant, consumer string)                                 {}
func (m *Metrics) Request(tenant string, status int, took time.Duration)            {} // to the API; 0: no answer
func (m *Metrics) Paused(tenant, reason string, paused bool)                        {} // reason: "unauthorized", "environment-not-found", "refused"
func (m *Metrics) Leads(tenant, consumer string, leads bool)                        {} // this relay drains it

// Backlog is what a tenant's stream held when it was last asked.
type Backlog struct {
	Messages, Bytes, Events int64 // Events: estimated
	Oldest                  time.Duration
	Dead                    int64
}

func (m *Metrics) Backlog(tenant string, b Backlog) {}

// Disk is asked at each scrape.
func (m *Metrics) Disk(ask func() (free, total uint64, ok bool)) {}
