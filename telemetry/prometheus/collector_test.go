package prometheus_test

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
	altertableprom "github.com/altertable-ai/altertable-go/telemetry/prometheus"
)

func TestBeforeObserveThereAreHistogramsAlone(t *testing.T) {
	collector := altertableprom.NewCollector()
	client, _ := altertabletest.New(t, collector.Option())
	track(t, client, 2)
	require.NoError(t, client.Flush(t.Context()))

	got := scrape(t, collector)
	assert.EqualValues(t, 2, got[`batch_messages_sum{endpoint="track",outcome="delivered"}`])
	for name := range got {
		assert.Regexp(t, "^(delivery_duration_seconds|batch_messages)_", name)
	}

	collector.Observe(client)
	assert.EqualValues(t, 2, scrape(t, collector)["messages_delivered_total"], "also what was before")
}

func TestNilAndDisabledClientsAreZeros(t *testing.T) {
	disabled, err := altertable.New("", altertable.WithDisabled(true))
	require.NoError(t, err)
	for name, client := range map[string]*altertable.Client{"nil": nil, "zero": {}, "disabled": disabled} {
		t.Run(name, func(t *testing.T) {
			collector := altertableprom.NewCollector(nil, altertableprom.WithClientName(""), nil)
			collector.Observe(client)
			collector.Observe(client)
			track(t, client, 1)
			got := scrape(t, collector)
			for name, value := range got {
				if !strings.Contains(name, "limit") && name != "last_success_age_seconds" {
					assert.Zero(t, value, name)
				}
			}
			assert.Equal(t, client.Limits().MaxQueueSize, int64(got["queue_messages_limit"]))
			require.NoError(t, client.Close())
		})
	}
}

func TestSeveralClientsAreSummed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		collector := altertableprom.NewCollector()
		registry := register(t, collector)
		option := collector.Option()
		first, srv := altertabletest.New(t, option, altertable.WithMaxInFlight(3))
		second, stuck := altertabletest.New(t, option, altertable.WithMaxQueueSize(10))
		third, _ := altertabletest.New(t, option)
		for _, client := range []*altertable.Client{first, second, third, first, nil, nil} {
			collector.Observe(client)
		}

		stuck.Always(altertabletest.Hang().On("/track"))
		track(t, second, 2)
		pass(10 * time.Second)
		srv.Always(altertabletest.Hang().On("/identify"))
		track(t, first, 3)
		require.NoError(t, first.Flush(t.Context()))
		require.NoError(t, first.Identify(t.Context(), altertable.Identify{DistinctID: "u_42"}))
		pass(4 * time.Second)

		got := gather(t, registry)
		assert.EqualValues(t, 6, got["messages_accepted_total"])
		assert.EqualValues(t, 3, got["messages_delivered_total"])
		assert.EqualValues(t, 3, got["queue_messages"])
		assert.EqualValues(t, 100_000+10+100_000, got["queue_messages_limit"])
		assert.EqualValues(t, 3+8+8, got["requests_in_flight_limit"])
		assert.EqualValues(t, 14, got["queue_oldest_age_seconds"], "the largest")
		assert.EqualValues(t, 4, got["last_success_age_seconds"], "the smallest")
		assert.EqualValues(t, 3, got[`batch_messages_sum{endpoint="track",outcome="delivered"}`])

		srv.ClearFaults()
		stuck.ClearFaults()
	})
}

// A rotation behind a spool: the new client delivers what the old one left.
func TestReplacedClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		collector := altertableprom.NewCollector()
		registry := register(t, collector)
		dir := t.TempDir()
		opts := append(spool(dir), collector.Option())
		client, srv := altertabletest.New(t, opts...)
		collector.Observe(client)
		track(t, client, 2)
		require.NoError(t, client.Flush(t.Context()))
		srv.Always(altertabletest.Status(503))
		track(t, client, 3)
		require.NoError(t, client.Shutdown(within(t, time.Second)))
		require.EqualValues(t, 3, client.Stats().Queued)
		assert.Zero(t, gather(t, registry)["queue_messages"])
		before := gather(t, registry)

		next, _ := altertabletest.New(t, append(opts, altertable.WithHTTPClient(srv.HTTPClient()))...)
		collector.Observe(next)
		pass(2 * time.Second)
		got := gather(t, registry)
		assert.EqualValues(t, 3, got["queue_messages"], "of the new client alone")
		assert.EqualValues(t, 100_000, got["queue_messages_limit"])
		assert.EqualValues(t, 1<<30, got["spool_size_limit_bytes"])
		assert.EqualValues(t, next.Stats().SpoolBytes, got["spool_size_bytes"])

		srv.ClearFaults()
		require.NoError(t, next.Flush(t.Context()))
		got = gather(t, registry)
		assert.EqualValues(t, 5, got["messages_delivered_total"])
		assertNeverBack(t, before, got)
	})
}

// assertNeverBack checks the counters of two scrapes.
func assertNeverBack(t testing.TB, before, after numbers) {
	t.Helper()
	for name, value := range before {
		if base, _, _ := strings.Cut(name, "{"); strings.HasSuffix(base, "_total") || strings.HasSuffix(base, "_count") {
			assert.GreaterOrEqual(t, after[name], value, name)
		}
	}
}

// A Collector in a package's variable outlives the bubbles of its tests.
func TestClientsOfBubbles(t *testing.T) {
	collector := altertableprom.NewCollector()
	registry := register(t, collector)
	for range 2 {
		synctest.Test(t, func(t *testing.T) {
			client, _ := altertabletest.New(t, collector.Option())
			collector.Observe(client)
			track(t, client, 2)
			require.NoError(t, client.Flush(t.Context()))
			assert.Zero(t, gather(t, registry)["queue_oldest_age_seconds"])
		})
	}
	client, _ := altertabletest.New(t, collector.Option())
	collector.Observe(client)
	got := gather(t, registry)
	assert.EqualValues(t, 4, got["messages_delivered_total"])
	assert.EqualValues(t, 100_000, got["queue_messages_limit"])
	assert.GreaterOrEqual(t, got["last_success_age_seconds"], 0.0)

	synctest.Test(t, func(t *testing.T) {
		assert.Zero(t, gather(t, registry)["last_success_age_seconds"], "not less than none, whatever the clocks say")
	})
}

// Collect blocks for as long as nobody takes what it sends.
func TestNothingWaitsForAScrape(t *testing.T) {
	collector := altertableprom.NewCollector()
	collector.Observe(nil)
	client, _ := altertabletest.New(t, collector.Option())
	slow, done := make(chan prometheus.Metric), make(chan struct{})
	go func() {
		defer close(done)
		collector.Collect(slow)
		close(slow)
	}()
	<-slow

	collector.Observe(client)
	track(t, client, 2)
	require.NoError(t, client.Flush(t.Context()))
	got := scrape(t, collector)
	assert.EqualValues(t, 2, got["messages_delivered_total"])
	assert.EqualValues(t, 1, got[`batch_messages_count{endpoint="track",outcome="delivered"}`])
	for range slow { // the rest
	}
	<-done
}

func TestConcurrentUse(t *testing.T) {
	collector := altertableprom.NewCollector(altertableprom.WithEnvironments("production"))
	registry := register(t, collector)
	option := collector.Option()
	srv := altertabletest.NewServer()
	defer srv.Close()
	srv.Next(20, altertabletest.Status(422))

	stop := make(chan struct{})
	var scrapes, clients sync.WaitGroup
	for range 2 {
		scrapes.Go(func() {
			for before := (numbers{}); ; {
				got := gather(t, registry)
				assertNeverBack(t, before, got)
				assert.Equal(t, got["messages_accepted_total"], got["messages_delivered_total"]+got["messages_failed_total"]+
					got["messages_dropped_total"]+got["queue_messages"], "all of one snapshot")
				before = got
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	for range 4 {
		clients.Go(func() {
			for range 5 {
				client, err := altertable.New("key", option, altertable.WithBaseURL(srv.URL), altertable.WithHTTPClient(srv.HTTPClient()),
					altertable.WithMaxBatchSize(10), altertable.WithOnError(func(error) {}))
				if !assert.NoError(t, err) {
					return
				}
				var calls sync.WaitGroup
				calls.Go(func() { collector.Observe(client) })
				calls.Go(func() { collector.Observe(client) })
				calls.Go(func() {
					for range 100 {
						_ = client.Track(t.Context(), event("checkout_completed"))
					}
				})
				calls.Wait()
				_ = client.Close() // some were refused
			}
		})
	}
	clients.Wait()
	close(stop)
	scrapes.Wait()

	got := gather(t, registry)
	assert.EqualValues(t, 2000, got["messages_accepted_total"])
	assert.EqualValues(t, 2000, got["messages_delivered_total"]+got["messages_failed_total"])
	assert.EqualValues(t, 2000, got[`batch_messages_sum{endpoint="track",environment="production",outcome="delivered"}`]+
		got[`batch_messages_sum{endpoint="track",environment="production",outcome="lost"}`])
	assert.Zero(t, got["queue_messages"])
	assert.Zero(t, got["queue_messages_limit"])
}
