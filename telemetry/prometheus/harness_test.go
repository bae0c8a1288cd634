package prometheus_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
	altertableprom "github.com/altertable-ai/altertable-go/telemetry/prometheus"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A world is a Collector on a registry, and a client that feeds it.
type world struct {
	*altertable.Client
	srv       *altertabletest.Server
	collector *altertableprom.Collector
	registry  *prometheus.Registry
}

// inWorld runs test in virtual time.
func inWorld(t *testing.T, test func(t *testing.T, w *world), opts ...altertable.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		collector := altertableprom.NewCollector()
		client, srv := altertabletest.New(t, append(opts, collector.Option())...)
		collector.Observe(client)
		test(t, &world{client, srv, collector, register(t, collector)})
	})
}

// register returns a registry that checks all it is given.
func register(t testing.TB, collectors ...prometheus.Collector) *prometheus.Registry {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	for _, c := range collectors {
		require.NoError(t, registry.Register(c))
	}
	return registry
}

// numbers are the values of time series by name without the prefix, and labels in
// order: messages_rejected_total{reason="full"}. Of a histogram there are the
// count and the sum.
type numbers map[string]float64

func gather(t testing.TB, g prometheus.Gatherer) numbers {
	t.Helper()
	families, err := g.Gather()
	require.NoError(t, err)
	all := numbers{}
	for _, f := range families {
		name := strings.TrimPrefix(f.GetName(), "altertable_client_")
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			of := ""
			if labels != nil {
				of = "{" + strings.Join(labels, ",") + "}"
			}
			switch {
			case m.GetHistogram() != nil:
				all[name+"_count"+of] = float64(m.GetHistogram().GetSampleCount())
				all[name+"_sum"+of] = m.GetHistogram().GetSampleSum()
			case m.GetCounter() != nil:
				all[name+of] = m.GetCounter().GetValue()
			default:
				all[name+of] = m.GetGauge().GetValue()
			}
		}
	}
	return all
}

// scrape returns what a scrape of c alone gives.
func scrape(t testing.TB, c prometheus.Collector) numbers {
	t.Helper()
	return gather(t, register(t, c))
}

func event(name string) altertable.Track {
	return altertable.Track{Event: name, DistinctID: "u_42"}
}

// track sends n events.
func track(t testing.TB, client *altertable.Client, n int) {
	t.Helper()
	for range n {
		require.NoError(t, client.Track(context.Background(), event("checkout_completed")))
	}
}

// pass lets virtual time pass.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// within returns a context that ends after d.
func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// spool is an option for a spool that any client on dir shares.
func spool(dir string) []altertable.Option {
	return []altertable.Option{altertable.WithBaseURL("http://localhost"), altertable.WithSpool(dir)}
}
