package otel

import (
	"slices"
	"unicode/utf8"

	"go.opentelemetry.io/otel/metric"
)

// An Option configures a Collector. A nil Option is ignored. If an option is given
// several times, the last one counts.
type Option func(*config)

// config is what NewCollector was told.
type config struct {
	provider     metric.MeterProvider // nil: the global one
	client       string               // "" without
	environments []string             // nil without
}

// WithMeterProvider sets the provider of the instruments. By default, and with
// nil, it is OpenTelemetry's global one.
func WithMeterProvider(provider metric.MeterProvider) Option {
	return func(cfg *config) { cfg.provider = provider }
}

// WithClientName adds the attribute client, with this name, to all metrics, to tell
// clients apart on one MeterProvider: each has a Collector of its own, with another
// name. By default, and with "", there is no such attribute. The name should be a
// constant of the program, such as "checkout": each name is a set of time series
// of its own. Invalid UTF-8 in it becomes U+FFFD.
//
// Nothing refuses two Collectors with the same name: see the documentation of the
// package.
func WithClientName(name string) Option {
	name = valid(name)
	return func(cfg *config) { cfg.client = name }
}

// WithEnvironments adds the attribute environment to the two histograms. Its value
// is the environment of the messages if that is one of names, and otherwise "other":
// an environment may come from a user's input, and so it may be anything. By
// default, and without names, there is no such attribute. names are copied. Names
// that are empty or there twice are ignored, and one that is "other" shares the
// time series of those that are not listed. Invalid UTF-8 becomes U+FFFD, in names as
// in what the client sends. Each name adds up to 12 time series. The SDK bounds those
// of an instrument, by default at 2,000, which more than 332 names may exceed: the rest
// then goes under the one attribute otel.metric.overflow.
func WithEnvironments(names ...string) Option {
	var all []string
	for _, name := range names {
		if name = valid(name); name != "" {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return func(cfg *config) { cfg.environments = all }
}

// valid returns text as OTLP's exporters take it: each byte of invalid UTF-8 becomes
// U+FFFD, as in what the client sends.
func valid(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	return string([]rune(text))
}

func newConfig(opts []Option) config {
	var cfg config
	for _, option := range opts {
		if option != nil {
			option(&cfg)
		}
	}
	return cfg
}
