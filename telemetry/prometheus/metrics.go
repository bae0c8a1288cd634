package prometheus

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/altertable-ai/altertable-go"
)

// prefix begins the names of all metrics.
const prefix = "altertable_client_"

// A snapshot is the numbers of one client at one scrape.
type snapshot struct {
	altertable.Stats
	altertable.Limits
	lastSuccessAge time.Duration
}

// A family is the metrics of one name.
type family struct {
	name, help string
	of         kind
	parts      []part
}

// A kind says how the numbers of several clients become one.
type kind int

const (
	counter  kind = iota // the sum over all clients, so that it never goes back
	gauge                // the sum over the clients that are not closed
	largest              // a gauge: the largest over the clients that are not closed
	smallest             // a gauge: the smallest over all clients
)

// A part is one time series of a family.
type part struct {
	reason string // the label's value; "" if the family has no label
	number func(*snapshot) float64
}

// families are all metrics that are made from Stats and Limits.
var families = []family{
	{"messages_accepted_total", "Messages taken into the queue or the spool.", counter,
		count(func(s *snapshot) int64 { return s.Accepted })},
	{"messages_delivered_total", "Messages that the server took.", counter,
		count(func(s *snapshot) int64 { return s.Delivered })},
	{"messages_failed_total", "Messages given up after a final answer of the server, or after too long a time.", counter,
		count(func(s *snapshot) int64 { return s.Failed })},
	{"messages_dropped_total", "Messages evicted from a full queue, left in memory at shutdown, or lost on disk.", counter,
		count(func(s *snapshot) int64 { return s.Dropped })},
	{"messages_discarded_total", "Messages discarded by BeforeSend or for want of consent.", counter,
		count(func(s *snapshot) int64 { return s.Discarded })},
	{"messages_rejected_total", "Messages refused at the call, by reason.", counter, []part{
		{"full", func(s *snapshot) float64 { return float64(s.RejectedFull) }},
		{"too_large", func(s *snapshot) float64 { return float64(s.RejectedTooLarge) }},
		{"invalid", func(s *snapshot) float64 { return float64(s.RejectedInvalid) }},
		{"closed", func(s *snapshot) float64 { return float64(s.RejectedClosed) }},
		{"spool", func(s *snapshot) float64 { return float64(s.RejectedSpool) }},
	}},
	{"requests_total", "Requests begun.", counter,
		count(func(s *snapshot) int64 { return s.Requests })},
	{"requests_failed_total", "Requests that ended without a success, by reason.", counter, []part{
		{"unauthorized", func(s *snapshot) float64 { return float64(s.RequestsUnauthorized) }},
		{"no_environment", func(s *snapshot) float64 { return float64(s.RequestsNoEnvironment) }},
		{"limited", func(s *snapshot) float64 { return float64(s.RequestsLimited) }},
		{"refused", func(s *snapshot) float64 { return float64(s.RequestsRefused) }},
		{"errored", func(s *snapshot) float64 { return float64(s.RequestsErrored) }},
		{"unanswered", func(s *snapshot) float64 { return float64(s.RequestsUnanswered) }},
	}},
	{"requests_retried_total", "Requests that repeat a failed one.", counter,
		count(func(s *snapshot) int64 { return s.Retries })},

	{"queue_messages", "Messages accepted that have no outcome yet, in memory or on disk.", gauge,
		count(func(s *snapshot) int64 { return s.Queued })},
	{"queue_messages_limit", "Most messages that the queue may hold in memory.", gauge,
		count(func(s *snapshot) int64 { return s.MaxQueueSize })},
	{"queue_size_bytes", "Size of the messages that have no outcome yet, in bytes of JSON, in memory or on disk.", gauge,
		count(func(s *snapshot) int64 { return s.QueuedBytes })},
	{"queue_size_limit_bytes", "Most bytes of messages that the queue may hold in memory.", gauge,
		count(func(s *snapshot) int64 { return s.MaxQueueBytes })},
	{"queue_oldest_age_seconds", "Age in seconds of the oldest message that has no outcome yet, 0 if there is none.", largest,
		age(func(s *snapshot) time.Duration { return s.Oldest })},
	{"requests_in_flight", "Requests under way.", gauge,
		count(func(s *snapshot) int64 { return s.InFlight })},
	{"requests_in_flight_limit", "Most requests that may be under way, synchronous calls not counted.", gauge,
		count(func(s *snapshot) int64 { return s.MaxInFlight })},
	{"spool_size_bytes", "Size of the spool's files in bytes, 0 without a spool.", gauge,
		count(func(s *snapshot) int64 { return s.SpoolBytes })},
	{"spool_size_limit_bytes", "Most bytes that the spool's files may have, 0 without a spool.", gauge,
		count(func(s *snapshot) int64 { return s.SpoolMaxBytes })},
	{"last_success_age_seconds", "Seconds since the last request that delivered, or, before the first one, since Observe.", smallest,
		age(func(s *snapshot) time.Duration { return s.lastSuccessAge })},
}

// count and age return the one part of a family without a label.
func count(of func(*snapshot) int64) []part {
	return []part{{number: func(s *snapshot) float64 { return float64(of(s)) }}}
}

func age(of func(*snapshot) time.Duration) []part {
	return []part{{number: func(s *snapshot) float64 { return of(s).Seconds() }}}
}

// constLabels are the labels of all metrics of a Collector.
func (cfg *config) constLabels() prometheus.Labels {
	if cfg.client == "" {
		return nil
	}
	return prometheus.Labels{"client": cfg.client}
}

// newDescs returns the descriptors of families, in their order.
func newDescs(cfg config) []*prometheus.Desc {
	descs := make([]*prometheus.Desc, len(families))
	for i, f := range families {
		var labels []string
		if f.parts[0].reason != "" {
			labels = []string{"reason"}
		}
		descs[i] = prometheus.NewDesc(prefix+f.name, f.help, labels, cfg.constLabels())
	}
	return descs
}

// collect sends the metrics of f.
func (f *family) collect(desc *prometheus.Desc, clients []snapshot, metrics chan<- prometheus.Metric) {
	valueType := prometheus.GaugeValue
	if f.of == counter {
		valueType = prometheus.CounterValue
	}
	for _, p := range f.parts {
		var labels []string
		if p.reason != "" {
			labels = []string{p.reason}
		}
		metrics <- prometheus.MustNewConstMetric(desc, valueType, f.of.join(p.number, clients), labels...)
	}
}

// join returns one number for all clients.
func (k kind) join(number func(*snapshot) float64, clients []snapshot) float64 {
	var joined float64
	for i := range clients {
		s := &clients[i]
		switch n := number(s); {
		case k == smallest:
			if i == 0 || n < joined {
				joined = n
			}
		case s.Closed && k != counter:
		case k == largest:
			joined = max(joined, n)
		default:
			joined += n
		}
	}
	return joined
}
