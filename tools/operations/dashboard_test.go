package operations

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	grafanaprom "github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// board is the schema of a dashboard that every Grafana imports; its successor is for newer ones alone.
//
//lint:ignore SA1019 there is no other way to read it
type board = dashboard.Dashboard

const dashboardFile = "../../docs/grafana-dashboard.json"

// loadDashboard reads the dashboard as Grafana's own types do, strictly.
func loadDashboard(t *testing.T) board {
	t.Helper()
	runtime := cog.NewRuntime()
	runtime.RegisterPanelcfgVariant(stat.VariantConfig())
	runtime.RegisterPanelcfgVariant(timeseries.VariantConfig())
	runtime.RegisterDataqueryVariant(grafanaprom.VariantConfig())
	loaded, err := readDashboard(read(t, dashboardFile))
	require.NoError(t, err)
	return loaded
}

// readDashboard reads twice: the strict way finds what is wrong, but returns an
// empty list of errors where nothing is, and then takes no panels over.
func readDashboard(text string) (loaded board, err error) {
	err = new(board).UnmarshalJSONStrict([]byte(text))
	if list, ok := err.(cog.BuildErrors); ok && len(list) == 0 {
		err = nil
	}
	err = errors.Join(err, json.Unmarshal([]byte(text), &loaded))
	return loaded, errors.Join(err, loaded.Validate())
}

// panelsOf returns the panels: rows, which would hide some, are not expected.
func panelsOf(t *testing.T, d board) []*dashboard.Panel {
	t.Helper()
	var panels []*dashboard.Panel
	for _, p := range d.Panels {
		require.NotNil(t, p.Panel)
		panels = append(panels, p.Panel)
	}
	require.NotEmpty(t, panels)
	return panels
}

// queriesOf returns the panel's queries.
func queriesOf(t *testing.T, p *dashboard.Panel) []grafanaprom.Dataquery {
	t.Helper()
	var queries []grafanaprom.Dataquery
	for _, target := range p.Targets {
		switch query := target.(type) {
		case grafanaprom.Dataquery:
			queries = append(queries, query)
		case *grafanaprom.Dataquery:
			queries = append(queries, *query)
		default:
			require.Fail(t, "not a query of Prometheus", "%T in %s", target, *p.Title)
		}
	}
	return queries
}

// filled returns expr with values for the dashboard's variables.
func filled(expr string) string { return filledWith(expr, "a|b") }

func filledWith(expr, instances string) string {
	return strings.NewReplacer("$__rate_interval", "4m", "$__range", "6h",
		"$job", "shop", "$instance", instances, "$client", ".*").Replace(expr)
}

func TestDashboardAsksForMetricsThatExist(t *testing.T) {
	known := families(t)
	for _, p := range panelsOf(t, loadDashboard(t)) {
		t.Run(*p.Title, func(t *testing.T) {
			queries := queriesOf(t, p)
			require.NotEmpty(t, queries)
			refs := map[string]bool{}
			for _, query := range queries {
				require.NotNil(t, query.RefId)
				assert.False(t, refs[*query.RefId], "two queries are called %s", *query.RefId)
				refs[*query.RefId] = true
				expr := parse(t, filled(query.Expr))
				checkNames(t, known, expr)
				require.NotNil(t, query.LegendFormat)
				checkLegend(t, known, expr, *query.LegendFormat)
				if strings.Contains(*query.LegendFormat, "instance") {
					assert.Contains(t, query.Expr, "topk(10, ", "50 services of 50 replicas are too many lines")
				}
				assertSelects(t, query.Expr)
				if p.Type == "stat" {
					assert.True(t, *query.Instant && !*query.Range)
				}
			}
		})
	}
}

// assertSelects asserts that every metric in a query is chosen by all variables.
func assertSelects(t *testing.T, expr string) {
	t.Helper()
	assert.Equal(t, strings.Count(expr, "altertable_client_"),
		strings.Count(expr, `{job=~"$job", instance=~"$instance", client=~"$client"`), expr)
}

// checkLegend reports labels that the query's result does not have.
func checkLegend(t assert.TestingT, known map[string]family, expr parser.Expr, legend string) {
	kept := map[string]bool{}
	switch e := expr.(type) {
	case *parser.AggregateExpr:
		if e.Op == parser.TOPK {
			checkLegend(t, known, e.Expr, legend)
			return
		}
		for _, label := range e.Grouping {
			kept[label] = !e.Without
		}
	default:
		parser.Inspect(expr, func(node parser.Node, path []parser.Node) error {
			if selector, ok := node.(*parser.VectorSelector); ok {
				for label := range known[selector.Name] {
					kept[label] = true
				}
			}
			return nil
		})
	}
	for _, match := range regexp.MustCompile(`\{\{\s*(\w+)\s*\}\}`).FindAllStringSubmatch(legend, -1) {
		assert.True(t, kept[match[1]], "the legend %q names a label that %s does not have", legend, expr)
	}
}

func TestLegendsOfLabelsThatAreGoneAreFound(t *testing.T) {
	known := families(t)
	for name, test := range map[string]struct {
		expr, legend string
		wrong        bool
	}{
		"kept":       {`altertable_client_queue_messages`, "{{instance}} {{client}}", false},
		"never had":  {`altertable_client_queue_messages`, "{{reason}}", true},
		"aggregated": {`sum(altertable_client_requests_failed_total)`, "{{reason}}", true},
		"highest":    {`topk(10, altertable_client_queue_messages)`, "{{instance}}", false},
		"by":         {`sum by (reason) (altertable_client_requests_failed_total)`, "{{ reason }}", false},
	} {
		t.Run(name, func(t *testing.T) {
			var found complaints
			checkLegend(&found, known, parse(t, test.expr), test.legend)
			assert.Equal(t, test.wrong, found > 0)
		})
	}
}

func TestDashboardFitsOnAScreen(t *testing.T) {
	ids := map[uint32]bool{}
	taken := map[[2]uint32]string{}
	for _, p := range panelsOf(t, loadDashboard(t)) {
		title := *p.Title
		require.NotNil(t, p.Id, title)
		assert.False(t, ids[*p.Id], "%s has an id twice", title)
		ids[*p.Id] = true
		require.NotNil(t, p.GridPos, title)
		assert.LessOrEqual(t, p.GridPos.X+p.GridPos.W, uint32(24), title)
		assert.LessOrEqual(t, p.GridPos.Y+p.GridPos.H, uint32(25), "%s is below the screen", title)
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				assert.Empty(t, taken[[2]uint32{x, y}], "%s is over another panel", title)
				taken[[2]uint32{x, y}] = title
			}
		}
		assert.NotEmpty(t, p.Description, title)
	}
	assert.Len(t, taken, 24*25, "there is a hole")
}

func TestDashboardVariables(t *testing.T) {
	d, known := loadDashboard(t), families(t)
	values := regexp.MustCompile(`^label_values\((.*), (\w+)\)$`)
	var names []string
	for _, v := range d.Templating.List {
		names = append(names, v.Name)
		if v.Name == "datasource" {
			assert.Equal(t, dashboard.VariableTypeDatasource, v.Type)
			continue
		}
		assert.Equal(t, dashboard.VariableTypeQuery, v.Type)
		query, ok := v.Query.Map["query"].(string)
		require.True(t, ok)
		assert.Equal(t, *v.Definition, query)
		match := values.FindStringSubmatch(query)
		require.NotNil(t, match, query)
		checkNames(t, known, parse(t, filled(match[1])))
		selector := parse(t, filled(match[1])).(*parser.VectorSelector)
		assert.Contains(t, known[selector.Name], match[2])
		assert.Equal(t, v.Name, match[2])
		assert.Equal(t, ".*", *v.AllValue, "All has to include series without the label")
	}
	assert.Equal(t, []string{"datasource", "job", "instance", "client"}, names)
}

func TestDashboardUsesItsDataSource(t *testing.T) {
	text := read(t, dashboardFile)
	uids := regexp.MustCompile(`"datasource": \{\s*"type": "(\w+)",\s*"uid": "([^"]*)"`).FindAllStringSubmatch(text, -1)
	require.NotEmpty(t, uids)
	assert.Len(t, uids, strings.Count(text, `"datasource":`))
	for _, uid := range uids {
		assert.Equal(t, []string{"prometheus", "${datasource}"}, uid[1:])
	}
}

func TestDashboardIsReadStrictly(t *testing.T) {
	_ = loadDashboard(t) // registers the panels
	text := read(t, dashboardFile)
	for name, change := range map[string][2]string{
		"unknown member":   {`"panels": [`, `"panles": [`},
		"unknown in panel": {`"gridPos": {`, `"gridpos": {`},
		"unknown in query": {`"legendFormat"`, `"legend"`},
		"type":             {`"schemaVersion": 39`, `"schemaVersion": "39"`},
		"width":            {`"w": 4`, `"w": 40`},
	} {
		t.Run(name, func(t *testing.T) {
			changed := strings.Replace(text, change[0], change[1], 1)
			require.NotEqual(t, text, changed)
			_, err := readDashboard(changed)
			assert.Error(t, err)
		})
	}
}
