package otel

import (
	"context"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/altertable-ai/altertable-go"
)

// The advised upper bounds of the buckets. A duration holds the waits between
// attempts, so the bounds reach from one fast request to an outage.
var (
	durationBuckets = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600}
	batchBuckets    = []float64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000}
)

// otherEnvironment stands for the environments that WithEnvironments does not name.
const otherEnvironment = "other"

// histograms are of the outcomes of batches.
type histograms struct {
	duration     metric.Float64Histogram
	batch        metric.Int64Histogram
	environments []string // sorted; nil without the attribute
	opts         map[labels][]metric.RecordOption
}

// labels are the attributes of an outcome.
type labels struct {
	endpoint    string
	environment string // "" without WithEnvironments
	lost        bool
}

func (b *builder) histograms(environments []string) histograms {
	h := histograms{environments: environments, opts: map[labels][]metric.RecordOption{}}
	var err error
	h.duration, err = b.meter.Float64Histogram(prefix+"delivery.duration", metric.WithUnit("s"),
		metric.WithDescription("Time from a batch's first request to its outcome, in seconds, with the waits between attempts."),
		metric.WithExplicitBucketBoundaries(durationBuckets...))
	handle(err)
	if h.duration == nil {
		h.duration = noop.Float64Histogram{}
	}
	h.batch, err = b.meter.Int64Histogram(prefix+"batch.messages", metric.WithUnit("{message}"),
		metric.WithDescription("Number of messages in a batch that has its outcome."),
		metric.WithExplicitBucketBoundaries(batchBuckets...))
	handle(err)
	if h.batch == nil {
		h.batch = noop.Int64Histogram{}
	}
	b.addOptions(&h)
	return h
}

// addOptions makes the attributes of all possible outcomes.
func (b *builder) addOptions(h *histograms) {
	environments := []string{""}
	if h.environments != nil {
		environments = append(slices.Clone(h.environments), otherEnvironment)
	}
	for _, endpoint := range []string{"track", "identify", "alias"} {
		for _, environment := range environments {
			for _, lost := range []bool{false, true} {
				l := labels{endpoint, environment, lost}
				h.opts[l] = []metric.RecordOption{b.attributes(l.attributes()...)}
			}
		}
	}
}

func (l labels) attributes() []attribute.KeyValue {
	outcome := "delivered"
	if l.lost {
		outcome = "lost"
	}
	all := []attribute.KeyValue{attribute.String("endpoint", l.endpoint), attribute.String("outcome", outcome)}
	if l.environment != "" {
		all = append(all, attribute.String("environment", l.environment))
	}
	return all
}

// record notes the outcome of a batch. It is the callback: the goroutine is the
// client's, and several clients may call it at the same time.
func (h *histograms) record(d altertable.Delivery) {
	opts := h.opts[h.labels(&d)]
	h.batch.Record(context.Background(), int64(d.Count), opts...)
	if d.Attempts > 0 {
		h.duration.Record(context.Background(), d.Duration.Seconds(), opts...)
	}
}

func (h *histograms) labels(d *altertable.Delivery) labels {
	l := labels{endpoint: d.Endpoint, lost: d.Err != nil}
	if h.environments == nil {
		return l
	}
	l.environment = valid(d.Environment)
	if _, named := slices.BinarySearch(h.environments, l.environment); !named {
		l.environment = otherEnvironment
	}
	return l
}
