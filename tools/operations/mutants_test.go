package operations

import (
	"maps"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// mutants returns the expressions that differ from the whole in one place below
// at: a condition, an alternative or a matcher is left out, or a bound is another.
// The whole is as before when it returns.
func mutants(at *parser.Expr, whole func() string) (found []string) {
	here := *at
	replace := func(with parser.Expr) {
		*at = with
		found = append(found, whole())
		*at = here
	}
	below := func(part *parser.Expr) { found = append(found, mutants(part, whole)...) }
	switch e := here.(type) {
	case *parser.BinaryExpr:
		if e.Op.IsSetOperator() || e.Op.IsComparisonOperator() {
			replace(e.LHS)
		}
		if e.Op == parser.LOR {
			replace(e.RHS)
		}
		below(&e.LHS)
		below(&e.RHS)
	case *parser.NumberLiteral:
		for _, value := range []float64{e.Val / 2, e.Val*2 + 5} {
			if value != e.Val {
				replace(&parser.NumberLiteral{Val: value})
			}
		}
	case *parser.AggregateExpr:
		replace(e.Expr)
		below(&e.Expr)
	case *parser.Call:
		for i := range e.Args {
			below(&e.Args[i])
		}
	case *parser.ParenExpr:
		below(&e.Expr)
	case *parser.MatrixSelector:
		below(&e.VectorSelector)
	case *parser.VectorSelector:
		all := e.LabelMatchers
		for i, matcher := range all {
			if matcher.Name != model.MetricNameLabel {
				e.LabelMatchers = append(append([]*labels.Matcher{}, all[:i]...), all[i+1:]...)
				found = append(found, whole())
			}
		}
		e.LabelMatchers = all
	}
	return found
}

// Each part of each alert is there because of a story: without it, one ends differently.
func TestStoriesNeedEveryPartOfAnAlert(t *testing.T) {
	each(t, storiesNeedEveryPart)
}

func storiesNeedEveryPart(t *testing.T, g guide) {
	told := g.told(t)
	for _, a := range g.rules(t) {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			var concerned []*story
			for _, s := range told {
				if fires, guards := s.concerns(a.name); fires || guards {
					concerned = append(concerned, s)
				}
			}
			right := make([]map[string]string, len(concerned))
			for i, s := range concerned {
				var err error
				right[i], err = s.tell(a, nil)
				require.NoError(t, err)
			}
			differs := func(b alert) bool {
				for i, s := range concerned {
					if got, err := s.tell(b, nil); err != nil || !maps.Equal(right[i], got) {
						return true
					}
				}
				return false
			}
			assert.False(t, differs(a))
			whole := parse(t, a.expr)
			all := mutants(&whole, func() string { return whole.String() })
			for _, expr := range all {
				assert.True(t, differs(alert{a.name, expr, a.lasts}), "no story notices that the alert is now\n%s", expr)
			}
			for _, lasts := range []time.Duration{a.lasts / 2, a.lasts + step} {
				if lasts != a.lasts {
					assert.True(t, differs(alert{a.name, a.expr, lasts}), "no story notices that it waits for %s", lasts)
				}
			}
			t.Logf("%d changed expressions", len(all))
		})
	}
}
