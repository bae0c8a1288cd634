package prometheus_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
	altertableprom "github.com/altertable-ai/altertable-go/telemetry/prometheus"
)

// tally is what the user's own callback saw of the outcomes.
type tally struct {
	mu                         sync.Mutex
	batches, messages, carried map[string]float64
	duration                   map[string]float64
}

func newTally() *tally {
	return &tally{batches: numbers{}, messages: numbers{}, carried: numbers{}, duration: numbers{}}
}

func (y *tally) note(d altertable.Delivery) {
	y.mu.Lock()
	defer y.mu.Unlock()
	outcome := "delivered"
	if d.Err != nil {
		outcome = "lost"
	}
	of := `{endpoint="` + d.Endpoint + `",outcome="` + outcome + `"}`
	y.batches[of]++
	y.messages[of] += float64(d.Count)
	if d.Attempts > 0 {
		y.carried[of]++
		y.duration[of] += d.Duration.Seconds()
	}
}

func TestHistogramsCountBatches(t *testing.T) {
	outcomes := newTally()
	inWorld(t, func(t *testing.T, w *world) {
		send := func() {
			track(t, w.Client, 7)
			require.NoError(t, w.Identify(t.Context(), altertable.Identify{DistinctID: "u_42"}))
			require.NoError(t, w.Alias(t.Context(), altertable.Alias{DistinctID: "u_42", NewUserID: "u_43"}))
		}
		send()
		require.NoError(t, w.Flush(t.Context()))
		w.srv.Always(altertabletest.Status(422).Delay(300 * time.Millisecond))
		send()
		require.Error(t, w.Flush(t.Context()))
		w.srv.ClearFaults()
		w.srv.Next(1, altertabletest.Status(503))
		send()
		require.NoError(t, w.Flush(t.Context()))
		w.srv.Down()
		send()
		require.Error(t, w.Shutdown(within(t, time.Minute)), "some were never carried")

		got := gather(t, w.registry)
		require.Len(t, outcomes.batches, 6, "every endpoint, delivered and lost")
		for of, batches := range outcomes.batches {
			assert.Equal(t, batches, got["batch_messages_count"+of], of)
			assert.Equal(t, outcomes.messages[of], got["batch_messages_sum"+of], of)
			assert.Equal(t, outcomes.carried[of], got["delivery_duration_seconds_count"+of], of)
			assert.InDelta(t, outcomes.duration[of], got["delivery_duration_seconds_sum"+of], 1e-6, of)
		}
		s := w.Stats()
		assert.EqualValues(t, s.Delivered+s.Failed+s.Dropped, got[`batch_messages_sum{endpoint="track",outcome="delivered"}`]+
			got[`batch_messages_sum{endpoint="track",outcome="lost"}`]+got[`batch_messages_sum{endpoint="identify",outcome="delivered"}`]+
			got[`batch_messages_sum{endpoint="identify",outcome="lost"}`]+got[`batch_messages_sum{endpoint="alias",outcome="delivered"}`]+
			got[`batch_messages_sum{endpoint="alias",outcome="lost"}`])
	}, altertable.WithMaxBatchSize(4), altertable.WithMaxInFlight(2), altertable.WithOnDelivery(outcomes.note))
}

// An evicted message has an outcome, and no request that could have a duration.
func TestUncarriedMessagesHaveNoDuration(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.srv.Always(altertabletest.Hang())
		track(t, w.Client, 1)
		pass(time.Second)
		track(t, w.Client, 2)
		synctest.Wait()
		got := gather(t, w.registry)
		assert.EqualValues(t, 1, got["messages_dropped_total"])
		assert.EqualValues(t, 1, got[`batch_messages_sum{endpoint="track",outcome="lost"}`])
		assert.Zero(t, got[`delivery_duration_seconds_count{endpoint="track",outcome="lost"}`])
	}, altertable.WithMaxQueueSize(2), altertable.WithMaxInFlight(1), altertable.WithOverflow(altertable.DropOldest))
}

func TestDurationHoldsTheWaits(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.srv.Down()
		time.AfterFunc(20*time.Minute, w.srv.Up)
		track(t, w.Client, 1)
		require.NoError(t, w.Flush(t.Context()))
		got := gather(t, w.registry)
		assert.InDelta(t, 1200, got[`delivery_duration_seconds_sum{endpoint="track",outcome="delivered"}`], 60)
	})
}

func TestSyncCallsAreInNoHistogram(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		before := gather(t, w.registry)
		_, err := w.TrackSync(t.Context(), event("checkout_completed"))
		require.NoError(t, err)
		got := gather(t, w.registry)
		assert.EqualValues(t, 1, got["requests_total"])
		for name := range got {
			if name != "requests_total" {
				assert.Equal(t, before[name], got[name], name)
			}
		}
	})
}

// The user's functions are called in their order, whatever one of them does.
func TestUsersOwnCallbacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		collector := altertableprom.NewCollector()
		registry := register(t, collector)
		counted := func() float64 {
			return gather(t, registry)[`batch_messages_count{endpoint="track",outcome="delivered"}`]
		}
		var before, after []float64
		client, _ := altertabletest.New(t,
			altertable.WithOnDelivery(func(altertable.Delivery) { before = append(before, counted()); panic("the user's") }),
			collector.Option(),
			altertable.WithOnDelivery(func(altertable.Delivery) { after = append(after, counted()) }))
		for range 2 {
			track(t, client, 1)
			require.NoError(t, client.Flush(t.Context()))
		}
		assert.Equal(t, []float64{0, 1}, before)
		assert.Equal(t, []float64{1, 2}, after)
	})
}

func TestEnvironmentIsOneOfTheNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		names := []string{"staging", "", "production", "staging", "\xff"}
		option := altertableprom.WithEnvironments(names...)
		names[0] = "changed"
		collector := altertableprom.NewCollector(altertableprom.WithEnvironments("replaced"), option)
		registry := register(t, collector)
		client, _ := altertabletest.New(t, collector.Option())
		for _, environment := range []string{"", "production", "staging", "other", "replaced", "\n\"}evil{", "Staging", "changed"} {
			e := event("checkout_completed")
			e.Environment = environment
			require.NoError(t, client.Track(t.Context(), e))
		}
		require.NoError(t, client.Flush(t.Context()))

		sums := numbers{}
		got := gather(t, registry)
		for _, environment := range []string{"production", "staging", "other", "\uFFFD"} {
			sums[environment] = got[`batch_messages_sum{endpoint="track",environment="`+environment+`",outcome="delivered"}`]
		}
		assert.Equal(t, numbers{"production": 2, "staging": 1, "other": 5, "\uFFFD": 0}, sums)
		assert.Len(t, got, 2*2*3*2*4, "count and sum of two histograms, 3 endpoints, 2 outcomes, 4 environments")
	})
}

// A label holds an environment as the server gets it.
func TestEnvironmentOfInvalidUTF8(t *testing.T) {
	const name = "b\xff\xfe"
	collector := altertableprom.NewCollector(altertableprom.WithEnvironments(name))
	client, srv := altertabletest.New(t, collector.Option(), altertable.WithEnvironment(name))
	track(t, client, 1)
	require.NoError(t, client.Flush(t.Context()))
	sent := srv.Events()[0].Environment
	assert.EqualValues(t, 1, scrape(t, collector)[`batch_messages_sum{endpoint="track",environment="`+sent+`",outcome="delivered"}`])
}

// The documentation of Option says so: it is a WithOnDelivery like any other.
func TestStuckCallbackStopsHistogramsAlone(t *testing.T) {
	var stuck chan struct{}
	inWorld(t, func(t *testing.T, w *world) {
		stuck = make(chan struct{}) // of the bubble
		w.srv.Next(1, altertabletest.Status(422))
		track(t, w.Client, 1)
		pass(2 * time.Second)
		track(t, w.Client, 9)
		pass(2 * time.Second)
		got := gather(t, w.registry)
		assert.EqualValues(t, 9, got["messages_delivered_total"])
		assert.EqualValues(t, 1, got["messages_failed_total"])
		assert.Zero(t, got["queue_messages"])
		assert.EqualValues(t, 1, got[`batch_messages_sum{endpoint="track",outcome="lost"}`])
		assert.Zero(t, got[`batch_messages_sum{endpoint="track",outcome="delivered"}`])
		require.NoError(t, w.Track(t.Context(), event("signed_up")))
		require.ErrorIs(t, w.Track(t.Context(), event("signed_up")), altertable.ErrQueueFull)

		close(stuck)
		require.NoError(t, w.Flush(t.Context()))
		assert.EqualValues(t, 10, gather(t, w.registry)[`batch_messages_sum{endpoint="track",outcome="delivered"}`])
	}, altertable.WithMaxQueueSize(11), altertable.WithMaxBatchSize(9), altertable.WithOnError(func(error) { <-stuck }))
}

func TestOptionTwiceCountsTwice(t *testing.T) {
	collector := altertableprom.NewCollector()
	client, _ := altertabletest.New(t, collector.Option(), collector.Option())
	track(t, client, 3)
	require.NoError(t, client.Flush(t.Context()))
	assert.EqualValues(t, 6, scrape(t, collector)[`batch_messages_sum{endpoint="track",outcome="delivered"}`])
}

func TestEnvironmentIsNoLabelUnlessNamed(t *testing.T) {
	for name, opts := range map[string][]altertableprom.Option{
		"no option": nil,
		"no names":  {altertableprom.WithEnvironments()},
		"blank":     {altertableprom.WithEnvironments("", "")},
		"the last":  {altertableprom.WithEnvironments("production"), altertableprom.WithEnvironments()},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Contains(t, scrape(t, altertableprom.NewCollector(opts...)), `batch_messages_count{endpoint="track",outcome="lost"}`)
		})
	}
	assert.Contains(t, scrape(t, altertableprom.NewCollector(altertableprom.WithEnvironments("other"))),
		`batch_messages_count{endpoint="track",environment="other",outcome="lost"}`)
}
