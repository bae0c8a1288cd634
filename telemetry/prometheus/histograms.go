package prometheus

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/altertable-ai/altertable-go"
)

// The upper bounds of the buckets. A duration holds the waits between attempts, so
// the bounds reach from one fast request to an outage.
var (
	durationBuckets = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600}
	batchBuckets    = []float64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000}
)

// otherEnvironment stands for the environments that WithEnvironments does not name.
const otherEnvironment = "other"

// histograms are of the outcomes of batches. They have no lock of their own:
// client_golang's vectors may be observed and collected at the same time.
type histograms struct {
	duration, batch *prometheus.HistogramVec
	environments    []string // sorted; nil without the label
}

func newHistograms(cfg config) histograms {
	labels := []string{"endpoint", "outcome"}
	if cfg.environments != nil {
		labels = append(labels, "environment")
	}
	h := histograms{
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:        prefix + "delivery_duration_seconds",
			Help:        "Time from a batch's first request to its outcome, in seconds, with the waits between attempts.",
			ConstLabels: cfg.constLabels(),
			Buckets:     durationBuckets,
		}, labels),
		batch: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:        prefix + "batch_messages",
			Help:        "Number of messages in a batch that has its outcome.",
			ConstLabels: cfg.constLabels(),
			Buckets:     batchBuckets,
		}, labels),
		environments: cfg.environments,
	}
	h.fill()
	return h
}

// fill makes all time series that there can be. One that began with its first
// batch would hide that batch from rate and increase, and the first lost batch is
// the one to know of.
func (h *histograms) fill() {
	environments := []string{""}
	if h.environments != nil {
		environments = append(slices.Clone(h.environments), otherEnvironment)
	}
	for _, endpoint := range []string{"track", "identify", "alias"} {
		for _, environment := range environments {
			for _, outcome := range []string{"delivered", "lost"} {
				labels := h.labels(endpoint, outcome, environment)
				h.duration.WithLabelValues(labels...)
				h.batch.WithLabelValues(labels...)
			}
		}
	}
}

// record notes the outcome of a batch. It is the callback: the goroutine is the
// client's, and several clients may call it at the same time.
func (h *histograms) record(d altertable.Delivery) {
	outcome := "delivered"
	if d.Err != nil {
		outcome = "lost"
	}
	labels := h.labels(d.Endpoint, outcome, d.Environment)
	h.batch.WithLabelValues(labels...).Observe(float64(d.Count))
	if d.Attempts > 0 {
		h.duration.WithLabelValues(labels...).Observe(d.Duration.Seconds())
	}
}

// labels returns the values of the labels.
func (h *histograms) labels(endpoint, outcome, environment string) []string {
	if h.environments == nil {
		return []string{endpoint, outcome}
	}
	environment = valid(environment) // as the server gets it
	if _, named := slices.BinarySearch(h.environments, environment); !named {
		environment = otherEnvironment
	}
	return []string{endpoint, outcome, environment}
}

func (h *histograms) describe(descs chan<- *prometheus.Desc) {
	h.duration.Describe(descs)
	h.batch.Describe(descs)
}

func (h *histograms) collect(metrics chan<- prometheus.Metric) {
	h.duration.Collect(metrics)
	h.batch.Collect(metrics)
}
