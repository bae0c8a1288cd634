package operations

import (
	"math"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/altertabletest"
	altertableprom "github.com/altertable-ai/altertable-go/telemetry/prometheus"
)

// scraped returns what a server has of two pods, "memory" without and "disk" with
// a spool: every series that a client without options exports. Counters grow by one
// with each scrape, gauges are 5.
func scraped(t *testing.T) *story {
	t.Helper()
	c := altertableprom.NewCollector()
	registry := prometheus.NewRegistry()
	registry.MustRegister(c)
	client, _ := altertabletest.New(t, c.Option())
	c.Observe(client)
	gathered, err := registry.Gather()
	require.NoError(t, err)

	s := &story{Story: "scraped"}
	for _, f := range gathered {
		for _, m := range f.GetMetric() {
			named := map[string]string{}
			for _, pair := range m.GetLabel() {
				named[pair.GetName()] = pair.GetValue()
			}
			name, gauge := f.GetName(), m.GetGauge() != nil
			h := m.GetHistogram()
			if h == nil {
				s.scrape(name, named, gauge)
				continue
			}
			s.scrape(name+"_sum", named, false)
			s.scrape(name+"_count", named, false)
			for _, le := range []string{"1", "10", "+Inf"} {
				named["le"] = le
				s.scrape(name+"_bucket", named, false)
			}
		}
	}
	return s
}

func (s *story) scrape(name string, named map[string]string, gauge bool) {
	for _, instance := range []string{"memory", "disk"} {
		var samples []chunks.Sample
		for i := range 30 {
			value := float64(i)
			if gauge {
				value = 5
			}
			if instance == "memory" && (name == "altertable_client_spool_size_bytes" || name == "altertable_client_spool_size_limit_bytes") {
				value = 0
			}
			samples = append(samples, point{epoch + time.Duration(i-29)*step, value})
		}
		builder := labels.NewBuilder(labels.FromMap(named))
		builder.Set(model.MetricNameLabel, name).Set("job", "shop").Set("instance", instance)
		s.stored = append(s.stored, storage.NewListSeries(builder.Labels(), samples))
	}
}

// Labels that do not match make a query empty, and a division by 0 makes it no number.
func TestDashboardShowsSomethingInEveryPanel(t *testing.T) {
	s := scraped(t)
	for _, p := range panelsOf(t, loadDashboard(t)) {
		for _, query := range queriesOf(t, p) {
			shown, err := s.ask(filledWith(query.Expr, "memory|disk"), 0)
			require.NoError(t, err)
			assert.NotEmpty(t, shown, "%s, %s", *p.Title, *query.RefId)
			for _, sample := range shown {
				assert.False(t, math.IsNaN(sample.F) || math.IsInf(sample.F, 0), "%s, %s: %s", *p.Title, *query.RefId, sample)
			}
		}
	}
}

// The first number on the screen has to count what each pod lost: one that was there
// before, one that lost messages before its first scrape, one that is gone. Its
// range is the 6 hours of filledWith.
func TestDashboardCountsWhatWasLost(t *testing.T) {
	s := &story{Story: "losses"}
	for _, metric := range []string{"failed_total", "dropped_total", "rejected_total"} {
		reason := ""
		if metric == "rejected_total" {
			reason = `,reason="full"`
		}
		s.store(t, `altertable_client_messages_`+metric+`{instance="old"`+reason+`}`, "7x400")
		s.store(t, `altertable_client_messages_`+metric+`{instance="new"`+reason+`}`, "_x300 3x99")
		s.store(t, `altertable_client_messages_`+metric+`{instance="gone"`+reason+`}`, "_x200 0 4 stale")
	}
	s.store(t, `altertable_client_messages_rejected_total{instance="new",reason="invalid"}`, "_x300 90x99")
	lost := queriesOf(t, panelsOf(t, loadDashboard(t))[0])[0]
	shown, err := s.ask(filledWith(lost.Expr, ".*"), 400*step)
	require.NoError(t, err)
	require.Len(t, shown, 1)
	assert.InDelta(t, 3*(3+4), shown[0].F, 0.01)
}
