package otel_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
	altertableotel "github.com/altertable-ai/altertable-go/telemetry/otel"
)

const (
	durations = "altertable.client.delivery.duration"
	batches   = "altertable.client.batch.messages"
)

// outcomes sums up what a user's own WithOnDelivery is told, by the attributes.
type outcomes struct {
	mu        sync.Mutex
	durations map[string]histogram
	batches   map[string]histogram
}

func (o *outcomes) add(d altertable.Delivery) {
	o.mu.Lock()
	defer o.mu.Unlock()
	outcome := "delivered"
	if d.Err != nil {
		outcome = "lost"
	}
	key := "endpoint=" + d.Endpoint + ",outcome=" + outcome
	b := o.batches[key]
	o.batches[key] = histogram{b.Count + 1, b.Sum + float64(d.Count)}
	if d.Attempts > 0 {
		s := o.durations[key]
		o.durations[key] = histogram{s.Count + 1, s.Sum + d.Duration.Seconds()}
	}
}

// The histograms hold what the user's own functions are told, whichever is given first.
func TestHistogramsEqualDeliveries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		collector := b.newCollector()
		own := outcomes{durations: map[string]histogram{}, batches: map[string]histogram{}}
		var before int
		client, srv := altertabletest.New(t, altertable.WithOnDelivery(func(altertable.Delivery) { before++ }),
			collector.Option(), altertable.WithOnDelivery(own.add), altertable.WithMaxBatchSize(10), altertable.WithMaxInFlight(1))
		srv.Next(2, altertabletest.Status(503).On("/track"))
		srv.Always(altertabletest.Status(422).On("/identify"))
		track(t, client, 25)
		require.NoError(t, client.Identify(ctx, altertable.Identify{DistinctID: "u_42", Traits: altertable.Traits{"plan": "pro"}}))
		require.NoError(t, client.Alias(ctx, altertable.Alias{DistinctID: "u_42", NewUserID: "u_43"}))
		require.Error(t, client.Flush(ctx))
		srv.Always(altertabletest.Hang())
		track(t, client, 12)
		synctest.Wait() // ten are in flight, and two wait for their turn
		require.Error(t, client.Shutdown(expired()))
		synctest.Wait()

		assert.Equal(t, own.batches, b.histograms(t, batches))
		assert.Equal(t, own.durations, b.histograms(t, durations))
		assert.Len(t, own.batches, 4)
		assert.Less(t, own.durations["endpoint=track,outcome=lost"].Count, own.batches["endpoint=track,outcome=lost"].Count, "no request carried two of them")
		assert.Greater(t, own.durations["endpoint=track,outcome=delivered"].Sum, 0.1, "it was retried")
		assert.Positive(t, before)
		assert.EqualValues(t, 25, own.batches["endpoint=track,outcome=delivered"].Sum)
	})
}

func TestHistogramsOfSeveralClients(t *testing.T) {
	b := newBackend()
	collector := b.newCollector()
	option := collector.Option()
	for range 3 {
		client, _ := altertabletest.New(t, option)
		track(t, client, 2)
		require.NoError(t, client.Flush(ctx))
	}
	assert.Equal(t, map[string]histogram{"endpoint=track,outcome=delivered": {3, 6}}, b.histograms(t, batches))
}

// Synchronous calls are not batches of the queue.
func TestSyncCallsAreNotInHistograms(t *testing.T) {
	b := newBackend()
	collector := b.newCollector()
	client, _ := altertabletest.New(t, collector.Option())
	_, err := client.TrackSync(ctx, altertable.Track{Event: "signed_up", DistinctID: "u_42"})
	require.NoError(t, err)
	require.NoError(t, client.Flush(ctx))
	assert.Empty(t, b.histograms(t, batches))
}

func TestBuckets(t *testing.T) {
	b := newBackend()
	collector := b.newCollector()
	client, _ := altertabletest.New(t, collector.Option())
	track(t, client, 1)
	require.NoError(t, client.Flush(ctx))
	metrics := b.collect(t)
	assert.Equal(t, []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600},
		metrics[durations].Data.(metricdata.Histogram[float64]).DataPoints[0].Bounds)
	assert.Equal(t, []float64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000},
		metrics[batches].Data.(metricdata.Histogram[int64]).DataPoints[0].Bounds)
}

// A view overrides the buckets that are only advised.
func TestViewOverridesBuckets(t *testing.T) {
	b := newBackend(metric.WithView(metric.NewView(metric.Instrument{Name: durations},
		metric.Stream{Aggregation: metric.AggregationExplicitBucketHistogram{Boundaries: []float64{1, 2}}})))
	collector := b.newCollector()
	client, _ := altertabletest.New(t, collector.Option())
	track(t, client, 1)
	require.NoError(t, client.Flush(ctx))
	assert.Equal(t, []float64{1, 2}, b.collect(t)[durations].Data.(metricdata.Histogram[float64]).DataPoints[0].Bounds)
}

func TestEnvironments(t *testing.T) {
	for name, run := range map[string]struct {
		opts []altertableotel.Option
		want []string
	}{
		"default":                 {nil, nil},
		"no name":                 {[]altertableotel.Option{altertableotel.WithEnvironments()}, nil},
		"one":                     {[]altertableotel.Option{altertableotel.WithEnvironments("staging")}, []string{"other", "staging"}},
		"the last counts":         {[]altertableotel.Option{altertableotel.WithEnvironments("staging"), altertableotel.WithEnvironments("production")}, []string{"other", "production"}},
		"none but empty":          {[]altertableotel.Option{altertableotel.WithEnvironments("", "")}, nil},
		"twice, other and empty":  {[]altertableotel.Option{altertableotel.WithEnvironments("staging", "staging", "other", "")}, []string{"other", "staging"}},
		"both, and a client name": {[]altertableotel.Option{altertableotel.WithEnvironments("staging", "production")}, []string{"other", "production", "staging"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBackend()
			collector := b.newCollector(run.opts...)
			client, _ := altertabletest.New(t, collector.Option())
			for _, environment := range []string{"production", "staging", "tenant_4711", "tenant_4712"} {
				require.NoError(t, client.Track(ctx, altertable.Track{Event: "signed_up", DistinctID: "u_42", Environment: environment}))
			}
			require.NoError(t, client.Flush(ctx))
			var want []string
			for _, environment := range run.want {
				want = append(want, "endpoint=track,environment="+environment+",outcome=delivered")
			}
			if want == nil {
				want = []string{"endpoint=track,outcome=delivered"}
			}
			got := b.histograms(t, batches)
			var total uint64
			for key, h := range got {
				assert.Contains(t, want, key)
				total += h.Count
			}
			assert.Len(t, got, len(want))
			assert.EqualValues(t, 4, total)
		})
	}
}

// 332 environments are the most that the SDK's default bound lets through for sure.
func TestManyEnvironments(t *testing.T) {
	for count, overflow := range map[int]bool{332: false, 340: true} {
		b := newBackend()
		var names []string
		for i := range count {
			names = append(names, fmt.Sprint("environment_", i))
		}
		collector := b.newCollector(altertableotel.WithEnvironments(names...))
		client, srv := altertabletest.New(t, collector.Option(), altertable.WithOnError(func(error) {}))
		for _, refused := range []bool{false, true} {
			if refused {
				srv.Always(altertabletest.Status(422))
			}
			for _, environment := range append(names, "unknown") {
				require.NoError(t, client.Track(ctx, altertable.Track{Event: "signed_up", DistinctID: "u_42", Environment: environment}))
				require.NoError(t, client.Identify(ctx, altertable.Identify{DistinctID: "u_42", Environment: environment}))
				require.NoError(t, client.Alias(ctx, altertable.Alias{DistinctID: "u_42", NewUserID: "u_43", Environment: environment}))
			}
			_ = client.Flush(ctx) // the second are refused
		}
		got := b.histograms(t, batches)
		_, over := got["otel.metric.overflow=true"]
		assert.Equal(t, overflow, over, count)
		assert.Len(t, got, min(2000, 6*(count+1)))
		var total float64
		for _, h := range got {
			total += h.Sum
		}
		assert.EqualValues(t, 6*(count+1), total, "nothing is lost but the attributes")
	}
}

// What WithEnvironments was given may be changed afterwards.
func TestEnvironmentsAreCopied(t *testing.T) {
	names := []string{"staging"}
	b := newBackend()
	option := altertableotel.WithEnvironments(names...)
	names[0] = "other_one"
	collector := b.newCollector(option)
	client, _ := altertabletest.New(t, collector.Option(), altertable.WithEnvironment("staging"))
	track(t, client, 1)
	require.NoError(t, client.Flush(ctx))
	assert.Contains(t, b.histograms(t, batches), "endpoint=track,environment=staging,outcome=delivered")
}

// However many people, events and environments there are, the time series are
// as many, and none names one of them.
func TestAttributesAreBoundedAndHoldNoContent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		collector := b.newCollector(altertableotel.WithClientName("orders"), altertableotel.WithEnvironments("production"))
		client, srv := altertabletest.New(t, collector.Option())
		collector.Observe(client)
		secrets := []string{altertabletest.APIKey}
		for n := range 200 {
			id, event, environment := fmt.Sprint("secret_id_", n), fmt.Sprint("secret_event_", n), fmt.Sprint("secret_environment_", n%50)
			secrets = append(secrets, id, event, environment)
			if n%40 == 0 {
				srv.Next(1, altertabletest.Status(422))
			}
			require.NoError(t, client.Track(ctx, altertable.Track{Event: event, DistinctID: id, Environment: environment}))
			require.NoError(t, client.Identify(ctx, altertable.Identify{DistinctID: id}))
			require.NoError(t, client.Alias(ctx, altertable.Alias{DistinctID: id, NewUserID: id + "_new"}))
			time.Sleep(100 * time.Millisecond) // virtual
		}
		_ = client.Flush(ctx) // it tells of the messages that were refused

		metrics := b.collect(t)
		text := fmt.Sprint(metrics)
		for _, secret := range secrets {
			require.NotContains(t, text, secret)
		}
		assert.LessOrEqual(t, len(b.histograms(t, batches)), 3*2*2)
		assert.LessOrEqual(t, len(b.histograms(t, durations)), 3*2*2)
		assert.Len(t, b.numbers(t), 28)
		for key := range b.histograms(t, batches) {
			for _, pair := range strings.Split(key, ",") {
				assert.True(t, slices.Contains([]string{"client=orders", "endpoint=track", "endpoint=identify", "endpoint=alias",
					"outcome=delivered", "outcome=lost", "environment=production", "environment=other"}, pair), pair)
			}
		}
	})
}
