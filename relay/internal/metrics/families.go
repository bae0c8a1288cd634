package metrics

import "github.com/prometheus/client_golang/prometheus"

// prefix begins the names of the relay's metrics.
const prefix = "altertable_relay_"

// The upper bounds of the buckets. An intake waits for a disk, or with sync=true for
// an outcome; a request to the API for 5 s at most.
var (
	frontBuckets = []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30}
	apiBuckets   = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}
)

// families are the metrics of all tenants.
type families struct {
	requests                                        *prometheus.CounterVec
	durations                                       *prometheus.HistogramVec
	accepted, storedEvents, storedBytes, duplicates *prometheus.CounterVec
	delivered, dead, takeovers, apiRequests         *prometheus.CounterVec
	apiDuration                                     *prometheus.HistogramVec
	paused, leads                                   *prometheus.GaugeVec
	backlogMessages, backlogBytes, backlogEvents    *prometheus.GaugeVec
	backlogAge, deadLetters                         *prometheus.GaugeVec
}

func newFamilies() *families {
	return &families{
		requests:     counter("requests_total", "Requests at intake that are answered.", "endpoint", "status"),
		durations:    histogram("request_duration_seconds", "Time until a request at intake is answered, in seconds.", frontBuckets, "endpoint"),
		accepted:     counter("accepted_events_total", "Events of requests that are answered 200.", "endpoint"),
		storedEvents: counter("stored_events_total", "Events that are on the stream.", "endpoint"),
		storedBytes:  counter("stored_bytes_total", "Bytes of the events that are on the stream, before compression.", "endpoint"),
		duplicates:   counter("duplicate_events_total", "Events suppressed since they were there already."),
		delivered:    counter("delivered_events_total", "Events that the API took.", "endpoint"),
		dead:         counter("dead_events_total", "Events that became dead letters, by the code of the refusal.", "code"),
		takeovers:    counter("takeovers_total", "Times that this relay began to drain a consumer.", "consumer"),
		apiRequests:  counter("api_requests_total", "Requests to the API, by the status of the answer.", "status"),
		apiDuration:  histogram("api_request_duration_seconds", "Time of a request to the API, in seconds.", apiBuckets),

		paused:          gauge("paused", "Whether the tenant, or an environment of it, is not delivered, by reason.", "reason"),
		leads:           gauge("leads", "Whether this relay drains the consumer.", "consumer"),
		backlogMessages: gauge("backlog_messages", "Messages on the stream, of up to 100 events each."),
		backlogBytes:    gauge("backlog_bytes", "Bytes of the messages on the stream, before compression."),
		backlogEvents:   gauge("backlog_events", "Events on the stream, estimated."),
		backlogAge:      gauge("backlog_age_seconds", "Age in seconds of the oldest message on the stream, 0 if there is none."),
		deadLetters:     gauge("dead_letters", "Dead letters that are stored now."),
	}
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: prefix + name, Help: help}, append([]string{"tenant"}, labels...))
}

func gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: prefix + name, Help: help}, append([]string{"tenant"}, labels...))
}

func histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: prefix + name, Help: help, Buckets: buckets},
		append([]string{"tenant"}, labels...))
}

func (f *families) all() []prometheus.Collector {
	return []prometheus.Collector{f.requests, f.durations, f.accepted, f.storedEvents, f.storedBytes, f.duplicates,
		f.delivered, f.dead, f.takeovers, f.apiRequests, f.apiDuration, f.paused, f.leads,
		f.backlogMessages, f.backlogBytes, f.backlogEvents, f.backlogAge, f.deadLetters}
}

// front is the requests of a tenant: by endpoint, and by status.
type front struct {
	requests  [][]prometheus.Counter
	durations []prometheus.Observer
}

// A tenant holds the series of one tenant, so that a call finds them without
// hashing labels. A slice is in the order of its label's values.
type tenant struct {
	front
	accepted, storedEvents, storedBytes, delivered []prometheus.Counter // by endpoint
	dead, takeovers, apiRequests                   []prometheus.Counter
	duplicates                                     prometheus.Counter
	apiDuration                                    prometheus.Observer
	paused, leads                                  []prometheus.Gauge
	backlogMessages, backlogBytes, backlogEvents   prometheus.Gauge
	backlogAge, deadLetters                        prometheus.Gauge
}

func (f *families) front(name string) (made front) {
	for _, endpoint := range endpoints {
		made.durations = append(made.durations, f.durations.WithLabelValues(name, endpoint))
		var byStatus []prometheus.Counter
		for _, status := range frontStatuses.values {
			byStatus = append(byStatus, f.requests.WithLabelValues(name, endpoint, status))
		}
		made.requests = append(made.requests, byStatus)
	}
	return made
}

func (f *families) tenant(name string) *tenant {
	return &tenant{
		front:           f.front(name),
		accepted:        each(f.accepted.WithLabelValues, name, endpoints),
		storedEvents:    each(f.storedEvents.WithLabelValues, name, endpoints),
		storedBytes:     each(f.storedBytes.WithLabelValues, name, endpoints),
		delivered:       each(f.delivered.WithLabelValues, name, endpoints),
		dead:            each(f.dead.WithLabelValues, name, deadCodes),
		takeovers:       each(f.takeovers.WithLabelValues, name, consumers),
		apiRequests:     each(f.apiRequests.WithLabelValues, name, apiStatuses.values),
		duplicates:      f.duplicates.WithLabelValues(name),
		apiDuration:     f.apiDuration.WithLabelValues(name),
		paused:          each(f.paused.WithLabelValues, name, reasons),
		leads:           each(f.leads.WithLabelValues, name, consumers),
		backlogMessages: f.backlogMessages.WithLabelValues(name),
		backlogBytes:    f.backlogBytes.WithLabelValues(name),
		backlogEvents:   f.backlogEvents.WithLabelValues(name),
		backlogAge:      f.backlogAge.WithLabelValues(name),
		deadLetters:     f.deadLetters.WithLabelValues(name),
	}
}

// each makes the series of a tenant for every value of the second label.
func each[T any](with func(...string) T, name string, of values) (made []T) {
	for _, value := range of {
		made = append(made, with(name, value))
	}
	return made
}
