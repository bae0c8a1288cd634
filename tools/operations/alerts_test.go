package operations

import (
	"context"
	"log/slog"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/template"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const documentFile = documents + "operations.md"

// alerts returns the rules of the alert file by name.
func (g *guide) alerts(t *testing.T) map[string]rulefmt.Rule {
	t.Helper()
	groups, errs := rulefmt.ParseFile(documents+g.alertFile, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.Default())
	require.Empty(t, errs)
	found := map[string]rulefmt.Rule{}
	for _, group := range groups.Groups {
		for _, rule := range group.Rules {
			require.NotEmpty(t, rule.Alert, "only alerts are expected")
			require.NotContains(t, found, rule.Alert)
			found[rule.Alert] = rule
		}
	}
	require.NotEmpty(t, found)
	return found
}

func TestAlertsAskForMetricsThatExist(t *testing.T) {
	each(t, func(t *testing.T, g guide) {
		known := g.families(t)
		for name, rule := range g.alerts(t) {
			t.Run(name, func(t *testing.T) { checkNames(t, known, parse(t, rule.Expr)) })
		}
	})
}

func TestAlertsAreExplained(t *testing.T) {
	each(t, func(t *testing.T, g guide) {
		document, alerts := read(t, documents+g.document), g.alerts(t)
		for name, rule := range alerts {
			t.Run(name, func(t *testing.T) {
				assert.Contains(t, []string{"critical", "warning", "info"}, rule.Labels["severity"])
				assert.NotEmpty(t, rule.Annotations["summary"])
				assert.NotEmpty(t, rule.Annotations["description"])
				assert.Equal(t, "https://github.com/altertable-ai/altertable-go/blob/main/docs/"+g.document+"#"+strings.ToLower(name),
					rule.Annotations["runbook_url"])
				assert.Regexp(t, `(?m)^###? `+name+`$`, document, "the runbook has no such heading")
				assert.Regexp(t, `(?m)^\| \[`+name+`\]\(#`+strings.ToLower(name)+`\) \| `+rule.Labels["severity"]+` \|`, document,
					"the table of alerts lacks it, or has another severity")
			})
		}
		for _, heading := range regexp.MustCompile(`(?m)^###? (Altertable\w+)$`).FindAllStringSubmatch(document, -1) {
			assert.Contains(t, alerts, heading[1], "the runbook is about an alert that does not exist")
		}
	})
}

// expand returns an annotation as Prometheus shows it for sample.
func expand(text string, sample promql.Sample) (string, error) {
	data := template.AlertTemplateData(sample.Metric.Map(), nil, "", sample)
	definitions := "{{$labels := .Labels}}{{$value := .Value}}"
	return template.NewTemplateExpander(context.Background(), definitions+text, "annotation", data, 0, nil, &url.URL{}, nil).Expand()
}

// labelsNamed returns the labels that a text with templates names.
func labelsNamed(text string) []string {
	var named []string
	for _, match := range regexp.MustCompile(`\$labels\.(\w+)`).FindAllStringSubmatch(text, -1) {
		named = append(named, match[1])
	}
	slices.Sort(named)
	return slices.Compact(named)
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	return strings.ReplaceAll(string(text), "\r\n", "\n")
}
