package operations

import (
	"maps"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/altertabletest"
	altertableprom "github.com/altertable-ai/altertable-go/telemetry/prometheus"
)

// targetLabels are those that a scrape adds.
var targetLabels = []string{"job", "instance", "pod"}

// A family is a metric as a query may name it.
type family map[string]map[string]bool // the values of each label; nil: any value

// families returns what can be asked for: the metrics of a collector with all
// options, after a delivery. Those of a histogram have their suffixes.
func families(t *testing.T) map[string]family {
	t.Helper()
	c := altertableprom.NewCollector(altertableprom.WithClientName("web"), altertableprom.WithEnvironments("production"))
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(c)
	client, _ := altertabletest.New(t, c.Option())
	c.Observe(client)
	gathered, err := registry.Gather()
	require.NoError(t, err)
	return known(gathered, "client", "environment")
}

// known returns the families by name. A label that is named in any can have any value.
func known(gathered []*dto.MetricFamily, any ...string) map[string]family {
	known := map[string]family{}
	for _, f := range gathered {
		values := family{}
		for _, name := range targetLabels {
			values[name] = nil
		}
		for _, m := range f.GetMetric() {
			for _, pair := range m.GetLabel() {
				if name := pair.GetName(); slices.Contains(any, name) {
					values[name] = nil
				} else if values[name] == nil {
					values[name] = map[string]bool{pair.GetValue(): true}
				} else {
					values[name][pair.GetValue()] = true
				}
			}
		}
		if f.GetMetric()[0].GetHistogram() == nil {
			known[f.GetName()] = values
			continue
		}
		known[f.GetName()+"_sum"], known[f.GetName()+"_count"] = values, values
		buckets := maps.Clone(values)
		buckets["le"] = nil
		known[f.GetName()+"_bucket"] = buckets
	}
	return known
}

// checkNames reports what expr names and no target has: metrics, labels, and
// values that a matcher asks for.
func checkNames(t assert.TestingT, known map[string]family, expr parser.Expr) {
	var metrics []string
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		if selector, ok := node.(*parser.VectorSelector); ok {
			metrics = append(metrics, selector.Name)
			checkSelector(t, known, selector)
		}
		return nil
	})
	assert.NotEmpty(t, metrics, "%s asks for no metric", expr)
	added := map[string]bool{}
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		if call, ok := node.(*parser.Call); ok && call.Func.Name == "label_replace" {
			added[call.Args[1].(*parser.StringLiteral).Val] = true
		}
		return nil
	})
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		var named []string
		switch node := node.(type) {
		case *parser.AggregateExpr:
			named = node.Grouping
		case *parser.BinaryExpr:
			if node.VectorMatching != nil {
				named = slices.Concat(node.VectorMatching.MatchingLabels, node.VectorMatching.Include)
			}
		}
		for _, name := range named {
			assert.True(t, added[name] || slices.ContainsFunc(metrics, func(metric string) bool {
				_, ok := known[metric][name]
				return ok
			}), "%s: no metric in it has the label %s", expr, name)
		}
		return nil
	})
}

func checkSelector(t assert.TestingT, known map[string]family, selector *parser.VectorSelector) {
	if !assert.Contains(t, known, selector.Name, "no such metric is exported") {
		return
	}
	for _, matcher := range selector.LabelMatchers {
		if matcher.Name == model.MetricNameLabel {
			continue
		}
		values, ok := known[selector.Name][matcher.Name]
		assert.True(t, ok, "%s has no label %s", selector.Name, matcher.Name)
		if values == nil {
			continue
		}
		wanted := matcher.SetMatches()
		if matcher.Type == labels.MatchEqual {
			wanted = []string{matcher.Value}
		}
		for _, value := range wanted {
			assert.True(t, values[value], "%s is never %q in %s", matcher.Name, value, selector.Name)
		}
		assert.True(t, slices.ContainsFunc(slices.Collect(maps.Keys(values)), matcher.Matches),
			"%s: no value of %s matches", selector, matcher.Name)
	}
}

func parse(t *testing.T, expr string) parser.Expr {
	t.Helper()
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	require.NoError(t, err, expr)
	return parsed
}

// complaints counts what an assertion complains of.
type complaints int

func (c *complaints) Errorf(string, ...any) { *c++ }

func TestNamesThatDoNotExistAreFound(t *testing.T) {
	known := families(t)
	for name, test := range map[string]struct {
		expr  string
		wrong bool
	}{
		"fine":            {`sum by (reason) (altertable_client_messages_rejected_total{reason="full", client=~".*"})`, false},
		"buckets":         {`sum by (le, environment) (rate(altertable_client_delivery_duration_seconds_bucket{outcome="lost"}[5m]))`, false},
		"metric":          {`altertable_client_messages_lost_total`, true},
		"no suffix":       {`altertable_client_delivery_duration_seconds`, true},
		"label":           {`altertable_client_messages_failed_total{reason="full"}`, true},
		"value":           {`altertable_client_messages_rejected_total{reason=~"full|sspool"}`, true},
		"negative":        {`altertable_client_messages_rejected_total{reason!~"full|sspool"}`, true},
		"by":              {`sum by (endpoint) (altertable_client_messages_accepted_total)`, true},
		"on":              {`altertable_client_messages_accepted_total / on (le) altertable_client_requests_total`, true},
		"no metric":       {`vector(1)`, true},
		"matches nothing": {`altertable_client_messages_rejected_total{reason=~"f.*x"}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			var found complaints
			checkNames(&found, known, parse(t, test.expr))
			assert.Equal(t, test.wrong, found > 0)
		})
	}
}
