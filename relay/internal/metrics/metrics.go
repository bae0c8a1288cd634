// Package metrics counts what the relay does, as Prometheus metrics.
package metrics

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// A Metrics has the counters of all tenants. The methods may be called by any
// goroutine; those of a nil Metrics do nothing. None of them blocks.
//
// A value that a label cannot have counts under "other", a tenant that is not known
// under "" where a request may have an unknown token, and nowhere else. So whatever
// producers send, the number of time series stays.
type Metrics struct {
	registry *prometheus.Registry
	tenants  map[string]*tenant // immutable
	unknown  front              // requests whose token is not known
	disk     atomic.Pointer[func() (free, total uint64, ok bool)]
	ready    atomic.Pointer[func() bool]
}

// New returns a Metrics that knows the tenants, so that every series is there from the start.
func New(tenants []string) *Metrics {
	f := newFamilies()
	m := &Metrics{registry: prometheus.NewRegistry(), tenants: make(map[string]*tenant, len(tenants)), unknown: f.front("")}
	for _, name := range tenants {
		m.tenants[name] = f.tenant(name)
	}
	m.registry.MustRegister(f.all()...)
	m.registry.MustRegister(&asked{m}, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Handler serves the metrics as text. A collector that fails, such as that of a
// process whose limits cannot be read, leaves its own out and no others. The handler
// of a nil Metrics answers 404.
func (m *Metrics) Handler() http.Handler {
	if m == nil {
		return http.NotFoundHandler()
	}
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
}

// tenant returns the series of a tenant, or nil.
func (m *Metrics) tenant(name string) *tenant {
	if m == nil {
		return nil
	}
	return m.tenants[name]
}

// Answered counts a request at intake. The tenant is "" if its token is not known.
func (m *Metrics) Answered(tenant, endpoint string, status int, took time.Duration) {
	if m == nil {
		return
	}
	f := &m.unknown
	if t := m.tenants[tenant]; t != nil {
		f = &t.front
	}
	e := endpoints.index(endpoint)
	f.requests[e][frontStatuses.index(status)].Inc()
	f.durations[e].Observe(seconds(took))
}

// Accepted counts the events of requests that are answered 200.
func (m *Metrics) Accepted(tenant, endpoint string, events int) {
	if t := m.tenant(tenant); t != nil {
		add(t.accepted[endpoints.index(endpoint)], events)
	}
}

// Stored counts what a PubAck says is on the stream. A copy that the broker knew is in Duplicates.
func (m *Metrics) Stored(tenant, endpoint string, events, bytes int) {
	if t := m.tenant(tenant); t != nil {
		e := endpoints.index(endpoint)
		add(t.storedEvents[e], events)
		add(t.storedBytes[e], bytes)
	}
}

// Duplicates counts events that are suppressed, at intake or at the drain.
func (m *Metrics) Duplicates(tenant string, events int) {
	if t := m.tenant(tenant); t != nil {
		add(t.duplicates, events)
	}
}

// Delivered counts events that the API took.
func (m *Metrics) Delivered(tenant, endpoint string, events int) {
	if t := m.tenant(tenant); t != nil {
		add(t.delivered[endpoints.index(endpoint)], events)
	}
}

// Dead counts events that became dead letters.
func (m *Metrics) Dead(tenant, code string, events int) {
	if t := m.tenant(tenant); t != nil {
		add(t.dead[deadCodes.index(code)], events)
	}
}

// Takeover counts that the relay began to drain a consumer.
func (m *Metrics) Takeover(tenant, consumer string) {
	if t := m.tenant(tenant); t != nil {
		t.takeovers[consumers.index(consumer)].Inc()
	}
}

// Request counts a request to the API; status 0 is no answer.
func (m *Metrics) Request(tenant string, status int, took time.Duration) {
	if t := m.tenant(tenant); t != nil {
		t.apiRequests[apiStatuses.index(status)].Inc()
		t.apiDuration.Observe(seconds(took))
	}
}

// Paused says whether the tenant, or an environment of it, is paused for the
// reason: "unauthorized", "environment-not-found" or "refused".
func (m *Metrics) Paused(tenant, reason string, paused bool) {
	if t := m.tenant(tenant); t != nil {
		t.paused[reasons.index(reason)].Set(oneIf(paused))
	}
}

// Leads says whether this relay drains the consumer.
func (m *Metrics) Leads(tenant, consumer string, leads bool) {
	if t := m.tenant(tenant); t != nil {
		t.leads[consumers.index(consumer)].Set(oneIf(leads))
	}
}

// Backlog is what a tenant's stream held when it was last asked.
type Backlog struct {
	Messages, Bytes, Events int64 // Events: estimated
	Oldest                  time.Duration
	Dead                    int64
}

// Backlog sets what a tenant's streams hold.
func (m *Metrics) Backlog(tenant string, b Backlog) {
	if t := m.tenant(tenant); t != nil {
		t.backlogMessages.Set(float64(b.Messages))
		t.backlogBytes.Set(float64(b.Bytes))
		t.backlogEvents.Set(float64(b.Events))
		t.backlogAge.Set(seconds(b.Oldest))
		t.deadLetters.Set(float64(b.Dead))
	}
}

// Disk makes ask the source of the disk's numbers. It is called at each scrape, by
// several at the same time, and must not block for long. Without a Disk, and while
// ok is false, the metrics of the disk are absent.
func (m *Metrics) Disk(ask func() (free, total uint64, ok bool)) {
	if m != nil && ask != nil {
		m.disk.Store(&ask)
	}
}

// Ready makes ask the source of whether the relay is ready. It is called at each
// scrape, by several at the same time, and must not block for long. Without a Ready,
// the relay is not ready.
func (m *Metrics) Ready(ask func() bool) {
	if m != nil && ask != nil {
		m.ready.Store(&ask)
	}
}

// add leaves out a negative number, with which Add panics.
func add(c prometheus.Counter, n int) {
	if n > 0 {
		c.Add(float64(n))
	}
}

// seconds is 0 for a time before, which a clock that was set back makes.
func seconds(d time.Duration) float64 { return max(0, d.Seconds()) }

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
