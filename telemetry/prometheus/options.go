package prometheus

import (
	"slices"
	"strings"
)

// An Option configures a Collector. A nil Option is ignored. If an option is given
// several times, the last one counts.
type Option func(*config)

// config is what NewCollector was told.
type config struct {
	client       string   // "" without
	environments []string // nil without
}

// WithClientName adds the label client, with this name, to all metrics, to tell
// clients apart on one registry: each has a Collector of its own, with another
// name. By default, and with "", there is no such label. The name should be a
// constant of the program, such as "checkout": each name is a set of time series
// of its own. Invalid UTF-8 in it becomes U+FFFD.
//
// A registry takes two Collectors only if both have a name, and not the same one:
// see the documentation of the package.
func WithClientName(name string) Option {
	name = valid(name)
	return func(cfg *config) { cfg.client = name }
}

// WithEnvironments adds the label environment to the two histograms. Its value is
// the environment of the messages if that is one of names, and otherwise "other":
// an environment may come from a user's input, and so it may be anything. By
// default, and without names, there is no such label. names are copied. Names
// that are empty or there twice are ignored, and one that is "other" shares the
// time series of those that are not listed. Invalid UTF-8 in one becomes U+FFFD.
// Each name adds 210 time series.
//
// Collectors on one registry must all have the label or all not have it, though
// the names may differ.
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

// valid returns text as client_golang takes it for the value of a label.
func valid(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

func newConfig(opts []Option) config {
	var cfg config
	for _, option := range opts {
		if option != nil {
			option(&cfg)
		}
	}
	return cfg
}
