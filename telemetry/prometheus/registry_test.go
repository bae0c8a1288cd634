package prometheus_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/altertabletest"
	altertableprom "github.com/altertable-ai/altertable-go/telemetry/prometheus"
)

var (
	named        = altertableprom.WithClientName("orders")
	environments = altertableprom.WithEnvironments("production", "staging")
)

func TestLint(t *testing.T) {
	for name, opts := range map[string][]altertableprom.Option{"plain": nil, "labels": {named, environments}} {
		t.Run(name, func(t *testing.T) {
			collector := altertableprom.NewCollector(opts...)
			collector.Observe(nil)
			problems, err := testutil.GatherAndLint(register(t, collector))
			require.NoError(t, err)
			assert.Empty(t, problems)
		})
	}
}

func TestHelpIsOneSentence(t *testing.T) {
	collector := altertableprom.NewCollector()
	collector.Observe(nil)
	families, err := register(t, collector).Gather()
	require.NoError(t, err)
	assert.Len(t, families, 21)
	for _, f := range families {
		assert.Regexp(t, `^[A-Z][^.]+\.$`, f.GetHelp(), f.GetName())
		assert.Regexp(t, `^altertable_client_[a-z_]+$`, f.GetName())
	}
}

// Each name with labels that the documentation tells is there from the beginning.
func TestTimeSeries(t *testing.T) {
	for name, test := range map[string]struct {
		opts   []altertableprom.Option
		series int
	}{
		"plain":             {nil, 238},
		"name":              {[]altertableprom.Option{named}, 238},
		"two environments":  {[]altertableprom.Option{environments}, 28 + 210*3},
		"one, there twice":  {[]altertableprom.Option{altertableprom.WithEnvironments("a", "a")}, 28 + 210*2},
		"one that is other": {[]altertableprom.Option{altertableprom.WithEnvironments("other")}, 28 + 210},
	} {
		t.Run(name, func(t *testing.T) {
			collector := altertableprom.NewCollector(test.opts...)
			collector.Observe(nil)
			registry := register(t, collector)
			assert.Equal(t, test.series, countSeries(expose(t, registry)))

			for i := range 20 {
				client, srv := altertabletest.New(t, collector.Option())
				if i%2 == 0 {
					srv.Next(1, altertabletest.Status(422))
				}
				collector.Observe(client)
				e := event("checkout_completed")
				e.Environment = strings.Repeat("e", i+1)
				require.NoError(t, client.Track(t.Context(), e))
				_ = client.Flush(t.Context())
			}
			assert.Equal(t, test.series, countSeries(expose(t, registry)), "whatever happens")
		})
	}
}

func countSeries(text string) (n int) {
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") {
			n++
		}
	}
	return n
}

func TestDescribeAndCollectAgree(t *testing.T) {
	for name, opts := range map[string][]altertableprom.Option{"plain": nil, "labels": {named, environments}} {
		t.Run(name, func(t *testing.T) {
			collector := altertableprom.NewCollector(opts...)
			described := map[string]int{}
			for _, desc := range all(collector.Describe) {
				described[desc.String()]++
			}
			assert.Len(t, described, 21)
			for desc, n := range described {
				assert.Equal(t, 1, n, desc)
			}

			collected := map[string]bool{}
			collector.Observe(nil)
			for _, m := range all(collector.Collect) {
				collected[m.Desc().String()] = true
				assert.Contains(t, described, m.Desc().String())
			}
			assert.Len(t, collected, len(described))
		})
	}
}

// all returns what send sends.
func all[T any](send func(chan<- T)) (sent []T) {
	c := make(chan T)
	go func() {
		defer close(c)
		send(c)
	}()
	for one := range c {
		sent = append(sent, one)
	}
	return sent
}

func TestRegistration(t *testing.T) {
	const duplicate, labels = "duplicate metrics collector registration attempted", "has different label names or a different help string"
	of := altertableprom.NewCollector
	once := of()
	for name, test := range map[string]struct {
		collectors []prometheus.Collector
		err        string
	}{
		"the same Collector twice":         {[]prometheus.Collector{once, once}, duplicate},
		"two without a name":               {[]prometheus.Collector{of(), of()}, duplicate},
		"two of one name":                  {[]prometheus.Collector{of(named), of(named)}, duplicate},
		"one with a name":                  {[]prometheus.Collector{of(), of(named)}, labels},
		"one with environments":            {[]prometheus.Collector{of(named), of(altertableprom.WithClientName("audit"), environments)}, labels},
		"two names":                        {[]prometheus.Collector{of(named), of(altertableprom.WithClientName("audit"))}, ""},
		"two names and other environments": {[]prometheus.Collector{of(named, environments), of(altertableprom.WithClientName("audit"), altertableprom.WithEnvironments("eu"))}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			registry := prometheus.NewPedanticRegistry()
			require.NoError(t, registry.Register(test.collectors[0]))
			err := registry.Register(test.collectors[1])
			if test.err == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, test.err)
				assert.Equal(t, test.err == duplicate, errors.As(err, new(prometheus.AlreadyRegisteredError)))
			}
			for _, c := range test.collectors {
				c.(*altertableprom.Collector).Observe(nil)
			}
			_, err = registry.Gather()
			require.NoError(t, err)
		})
	}
}

func TestUnregister(t *testing.T) {
	first, second := altertableprom.NewCollector(), altertableprom.NewCollector()
	registry := register(t, first)
	require.True(t, registry.Unregister(first))
	require.NoError(t, registry.Register(second))
	assert.NotEmpty(t, scrape(t, first), "on another registry")
}

// The registerer of a service may add labels and a prefix of its own.
func TestWrappedRegisterer(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	for _, name := range []string{"a", "b"} {
		collector := altertableprom.NewCollector()
		collector.Observe(nil)
		require.NoError(t, prometheus.WrapRegistererWith(prometheus.Labels{"shard": name}, registry).Register(collector))
	}
	assert.Contains(t, gather(t, registry), `requests_total{shard="b"}`)
}
