package otel

import (
	"context"
	"slices"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// A series is one time series of an instrument, which is of whole numbers or of
// seconds.
type series struct {
	of      kind
	number  func(*snapshot) int64
	whole   metric.Int64Observable
	seconds metric.Float64Observable
	opts    []metric.ObserveOption // made once: a collection allocates none
}

// A builder makes instruments, and hands their errors to otel.Handle.
type builder struct {
	meter       metric.Meter
	common      []attribute.KeyValue // of all time series
	observables []metric.Observable
}

// series makes the instruments of families, and returns their time series.
func (b *builder) series() []series {
	var all []series
	for i := range families {
		f := &families[i]
		s := series{of: f.of}
		if f.of == largest || f.of == smallest {
			s.seconds = b.seconds(f)
		} else {
			s.whole = b.whole(f)
		}
		if s.seconds == nil && s.whole == nil {
			continue
		}
		for _, p := range f.parts {
			var of []attribute.KeyValue
			if p.reason != "" {
				of = append(of, attribute.String("reason", p.reason))
			}
			s.number, s.opts = p.number, []metric.ObserveOption{b.attributes(of...)}
			all = append(all, s)
		}
	}
	return all
}

// whole makes an instrument of whole numbers, and returns nil if the meter does not.
func (b *builder) whole(f *family) (instrument metric.Int64Observable) {
	var err error
	unit, description := metric.WithUnit(f.unit), metric.WithDescription(f.description)
	switch f.of {
	case counter:
		instrument, err = b.meter.Int64ObservableCounter(prefix+f.name, unit, description)
	case upDownCounter:
		instrument, err = b.meter.Int64ObservableUpDownCounter(prefix+f.name, unit, description)
	default:
		instrument, err = b.meter.Int64ObservableGauge(prefix+f.name, unit, description)
	}
	handle(err)
	if instrument != nil {
		b.observables = append(b.observables, instrument)
	}
	return instrument
}

// seconds makes an instrument of seconds, and returns nil if the meter does not.
func (b *builder) seconds(f *family) metric.Float64Observable {
	instrument, err := b.meter.Float64ObservableGauge(prefix+f.name, metric.WithUnit(f.unit), metric.WithDescription(f.description))
	handle(err)
	if instrument == nil {
		return nil
	}
	b.observables = append(b.observables, instrument)
	return instrument
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
	clients := c.snapshots()
	if len(clients) == 0 {
		return nil
	}
	for i := range c.series {
		s := &c.series[i]
		n := s.of.join(s.number, clients)
		if s.seconds != nil {
			o.ObserveFloat64(s.seconds, time.Duration(n).Seconds(), s.opts...)
		} else {
			o.ObserveInt64(s.whole, n, s.opts...)
		}
	}
	return nil
}
