package otel

import (
	"context"
	"slices"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// A series is a time series of whole numbers.
type series struct {
	instrument metric.Int64Observable
	value      func(*reading) int64
	opts       []metric.ObserveOption // made once: a collection allocates none
}

// An age is a time series of seconds.
type age struct {
	instrument metric.Float64Observable
	value      func(*reading) time.Duration
	opts       []metric.ObserveOption
}

// A builder makes instruments, and hands their errors to otel.Handle.
type builder struct {
	meter       metric.Meter
	common      []attribute.KeyValue // of all time series
	observables []metric.Observable
}

func (b *builder) series() []series {
	var all []series
	for _, row := range table {
		instrument, err := b.observable(row.kind, prefix+row.name, row.unit, row.description)
		handle(err)
		if instrument == nil {
			continue
		}
		b.observables = append(b.observables, instrument)
		for _, p := range row.parts {
			var of []attribute.KeyValue
			if p.reason != "" {
				of = append(of, attribute.String("reason", p.reason))
			}
			all = append(all, series{instrument, p.value, []metric.ObserveOption{b.attributes(of...)}})
		}
	}
	return all
}

// observable makes an instrument of the given kind.
func (b *builder) observable(k kind, name, unit, description string) (metric.Int64Observable, error) {
	in, about := metric.WithUnit(unit), metric.WithDescription(description)
	switch k {
	case counter:
		return b.meter.Int64ObservableCounter(name, in, about)
	case upDownCounter:
		return b.meter.Int64ObservableUpDownCounter(name, in, about)
	default:
		return b.meter.Int64ObservableGauge(name, in, about)
	}
}

func (b *builder) ages() []age {
	var all []age
	for _, row := range tableOfAges {
		instrument, err := b.meter.Float64ObservableGauge(prefix+row.name, metric.WithUnit("s"), metric.WithDescription(row.description))
		handle(err)
		if instrument == nil {
			continue
		}
		b.observables = append(b.observables, instrument)
		all = append(all, age{instrument, row.value, []metric.ObserveOption{b.attributes()}})
	}
	return all
}

// attributes returns the common attributes and those of one time series.
func (b *builder) attributes(of ...attribute.KeyValue) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(slices.Concat(b.common, of)...))
}

// register has f called at each collection, once for all instruments.
func (b *builder) register(f metric.Callback) {
	_, err := b.meter.RegisterCallback(f, b.observables...)
	handle(err)
}

func handle(err error) {
	if err != nil {
		otel.Handle(err)
	}
}

// collect reports the numbers of the clients, all from one snapshot of each.
func (c *Collector) collect(_ context.Context, o metric.Observer) error {
	clients := c.observed()
	if len(clients) == 0 {
		return nil
	}
	r := read(clients)
	for i := range c.series {
		s := &c.series[i]
		o.ObserveInt64(s.instrument, s.value(r), s.opts...)
	}
	for i := range c.ages {
		a := &c.ages[i]
		o.ObserveFloat64(a.instrument, a.value(r).Seconds(), a.opts...)
	}
	return nil
}
