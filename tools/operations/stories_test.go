package operations

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

const (
	step    = time.Minute      // between scrapes, and between evaluations
	history = 70 * step        // of a series that was there before the story
	epoch   = 1000 * time.Hour // of a story's begin: offsets must not reach before 1970
)

// A story is what happens to series, and the alerts that fire meanwhile:
// testdata/stories.yml explains it.
type story struct {
	Story  string
	Series map[string]string
	Fires  map[string]string
	Guards []string

	stored memory
	length time.Duration
}

func (g *guide) told(t *testing.T) []*story {
	t.Helper()
	text, err := os.ReadFile("testdata/" + g.stories)
	require.NoError(t, err)
	var told []*story
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(&told))
	for _, s := range told {
		for _, name := range slices.Sorted(maps.Keys(s.Series)) {
			s.store(t, name, s.Series[name])
		}
	}
	return told
}

// store adds the series to what the story's queries find.
func (s *story) store(t *testing.T, name, values string) {
	t.Helper()
	named, sequence, err := parser.NewParser(parser.Options{}).ParseSeriesDesc(name + " " + values)
	require.NoError(t, err, "%s: %s", s.Story, name)
	require.NotEmpty(t, sequence)
	var samples []chunks.Sample
	for at := -history; !sequence[0].Omitted && at < 0; at += step {
		samples = append(samples, point{epoch + at, sequence[0].Value})
	}
	for i, v := range sequence {
		at := time.Duration(i) * step
		s.length = max(s.length, at)
		if !v.Omitted {
			samples = append(samples, point{epoch + at, v.Value})
		}
	}
	builder := labels.NewBuilder(named)
	builder.Set("job", "shop")
	s.stored = append(s.stored, storage.NewListSeries(builder.Labels(), samples))
}

// An alert is a rule, or a version of it that a test has changed.
type alert struct {
	name, expr string
	lasts      time.Duration // for
}

var engine = promql.NewEngine(promql.EngineOpts{
	MaxSamples: 1e6,
	Timeout:    time.Minute,
	Parser:     parser.NewParser(parser.Options{}),
})

// ask returns what expr is at the time.
func (s *story) ask(expr string, at time.Duration) (promql.Vector, error) {
	query, err := engine.NewInstantQuery(context.Background(), s.stored, nil, expr, time.UnixMilli((epoch + at).Milliseconds()))
	if err != nil {
		return nil, err
	}
	defer query.Close()
	vector, err := query.Exec(context.Background()).Vector()
	return slices.Clone(vector), err
}

// tell returns when the alert fires, by its name and labels. seen, if it is not
// nil, is called with every sample of an alert that fires.
func (s *story) tell(a alert, seen func(promql.Sample)) (map[string]string, error) {
	active := map[string]time.Duration{} // since when
	fired := map[string][]time.Duration{}
	for at := time.Duration(0); at <= s.length; at += step {
		still := map[string]time.Duration{}
		samples, err := s.ask(a.expr, at)
		if err != nil {
			return nil, err
		}
		for _, sample := range samples {
			name := a.name + described(sample.Metric)
			if _, ok := still[name]; ok {
				return nil, errors.New("two alerts have the same labels: " + name)
			}
			since, ok := active[name]
			if !ok {
				since = at
			}
			still[name] = since
			if at-since >= a.lasts {
				fired[name] = append(fired[name], at)
				if seen != nil {
					seen(sample)
				}
			}
		}
		active = still
	}
	spans := map[string]string{}
	for name, times := range fired {
		spans[name] = spansOf(times)
	}
	return spans, nil
}

// described returns the labels that tell an alert from others of the story.
func described(metric labels.Labels) string {
	rest := labels.NewBuilder(metric).Del(model.MetricNameLabel, "job").Labels()
	return rest.String()
}

// spansOf returns times as spans without a gap: 5m-9m, 12m-13m.
func spansOf(times []time.Duration) string {
	var spans []string
	for i := 0; i < len(times); {
		first := times[i]
		for i++; i < len(times) && times[i] == times[i-1]+step; i++ {
		}
		spans = append(spans, fmt.Sprintf("%vm-%vm", first.Minutes(), times[i-1].Minutes()))
	}
	return strings.Join(spans, ", ")
}

// rules returns the alerts of the file in an order that never changes.
func (g *guide) rules(t *testing.T) []alert {
	t.Helper()
	file := g.alerts(t)
	var all []alert
	for _, name := range slices.Sorted(maps.Keys(file)) {
		all = append(all, alert{name, file[name].Expr, time.Duration(file[name].For)})
	}
	return all
}

func TestAlertsTellTheStories(t *testing.T) {
	each(t, func(t *testing.T, g guide) {
		file, all := g.alerts(t), g.rules(t)
		for _, s := range g.told(t) {
			t.Run(s.Story, func(t *testing.T) {
				fired := map[string]string{}
				for _, a := range all {
					of, err := s.tell(a, func(sample promql.Sample) { checkTexts(t, g, a.name, file[a.name], sample) })
					require.NoError(t, err)
					maps.Copy(fired, of)
				}
				if s.Fires == nil {
					s.Fires = map[string]string{}
				}
				assert.Equal(t, s.Fires, fired)
			})
		}
	})
}

// checkTexts reports what the alert's texts name and the sample lacks.
func checkTexts(t *testing.T, g guide, name string, rule rulefmt.Rule, sample promql.Sample) {
	for _, text := range rule.Annotations {
		expanded, err := expand(text, sample)
		require.NoError(t, err)
		assert.NotContains(t, expanded, "<no value>")
		for _, label := range labelsNamed(text) {
			assert.True(t, label == g.optional || sample.Metric.Has(label), "%s names a label that the alert lacks: %s", name, label)
		}
	}
}

// concerns reports whether the story is about the alert.
func (s *story) concerns(name string) (fires, guards bool) {
	for key := range s.Fires {
		fires = fires || strings.HasPrefix(key, name+"{")
	}
	return fires, slices.Contains(s.Guards, name)
}

func TestEachAlertHasAStoryAndACounterpart(t *testing.T) {
	each(t, func(t *testing.T, g guide) {
		told := g.told(t)
		for _, a := range g.rules(t) {
			fires, guards := 0, 0
			for _, s := range told {
				f, g := s.concerns(a.name)
				assert.False(t, f && g, "%s: %s cannot both fire and not", s.Story, a.name)
				if f {
					fires++
				}
				if g {
					guards++
				}
			}
			assert.Positive(t, fires, "%s fires in no story", a.name)
			assert.Positive(t, guards, "no story tells when %s must not fire", a.name)
		}
		for _, s := range told {
			for _, name := range s.Guards {
				assert.Contains(t, g.alerts(t), name, s.Story)
			}
		}
	})
}

func TestStoriesAskForMetricsThatExist(t *testing.T) {
	each(t, func(t *testing.T, g guide) {
		known := g.families(t)
		for _, s := range g.told(t) {
			for name := range s.Series {
				checkNames(t, known, parse(t, name))
			}
		}
	})
}

func TestSpans(t *testing.T) {
	assert.Equal(t, "", spansOf(nil))
	assert.Equal(t, "5m-5m", spansOf([]time.Duration{5 * step}))
	assert.Equal(t, "1m-3m, 7m-8m", spansOf([]time.Duration{step, 2 * step, 3 * step, 7 * step, 8 * step}))
}

// The engine has to be the one that an operator's server has: a few facts on which the expressions stand.
func TestEngine(t *testing.T) {
	s := &story{Story: "facts"}
	s.store(t, `x{instance="old"}`, "5 5 7 0 1")
	s.store(t, `x{instance="new"}`, "_ _ 3 3 3")
	s.store(t, `x{instance="gone"}`, "_ 3 stale")
	for expr, want := range map[string]float64{
		`count(x)`:                              2,
		`count(present_over_time(x[10m]))`:      3,
		`max_over_time(x{instance="gone"}[5m])`: 3,
		`increase(x{instance="new"}[3m])`:       0,
	} {
		vector, err := s.ask(expr, 4*step)
		require.NoError(t, err)
		require.Len(t, vector, 1, expr)
		assert.Equal(t, want, vector[0].F, expr)
	}
	vector, err := s.ask(`increase(x{instance="old"}[5m])`, 4*step)
	require.NoError(t, err)
	require.Len(t, vector, 1)
	assert.InDelta(t, 3, vector[0].F, 1, "a reset is no loss")
}
