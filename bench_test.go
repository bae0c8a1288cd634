package altertable_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
)

var checkout = altertable.Track{
	Event:      "checkout_completed",
	DistinctID: "u_01jza857w4f23s1hf2s61befmw",
	Properties: altertable.Properties{
		"revenue": 129.9, "plan": "pro", "currency": "EUR", "items": 3,
		"trial": false, "coupon": "WELCOME10", "cart_id": "cart_8f14e45fceea", "seats": 5,
	},
}

// wireTrack is checkout as a program without the SDK would encode it.
var wireTrack = map[string]any{
	"environment": "production", "event": checkout.Event, "distinct_id": checkout.DistinctID,
	"timestamp": "2023-01-01T12:00:00.000Z",
	"properties": map[string]any{
		"revenue": 129.9, "plan": "pro", "currency": "EUR", "items": 3,
		"trial": false, "coupon": "WELCOME10", "cart_id": "cart_8f14e45fceea", "seats": 5,
		"$lib": "altertable-go", "$lib_version": altertable.Version, "$ip": 0,
	},
}

var profile = altertable.Identify{
	DistinctID: checkout.DistinctID,
	Traits:     altertable.Traits{"name": "Ada", "plan": "pro", "seats": 5, "trial": false},
}

// discard is a server that takes everything at once.
type discard struct{}

func (discard) RoundTrip(r *http.Request) (*http.Response, error) {
	_, err := io.Copy(io.Discard, r.Body)
	_ = r.Body.Close() // it returns nil
	return &http.Response{StatusCode: 200, Body: http.NoBody, Header: http.Header{}}, err
}

// hung is a server that never answers.
type hung struct{}

func (hung) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	_ = r.Body.Close() // it returns nil
	return nil, r.Context().Err()
}

func newBenchClient(tb testing.TB, server http.RoundTripper, opts ...altertable.Option) *altertable.Client {
	client, err := altertable.New("key", append([]altertable.Option{
		altertable.WithHTTPClient(&http.Client{Transport: server}),
		altertable.WithOverflow(altertable.Block),
		altertable.WithLogger(slog.New(slog.DiscardHandler)),
	}, opts...)...)
	require.NoError(tb, err)
	tb.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = client.Shutdown(ctx) // what a hung server did not take is of no interest
	})
	return client
}

// BenchmarkTrack is the call with the sender running, and the limit beside it:
// json.Marshal of the same message, appended to a slice under a mutex.
func BenchmarkTrack(b *testing.B) {
	b.Run("altertable", func(b *testing.B) {
		client := newBenchClient(b, discard{})
		b.ReportAllocs()
		for b.Loop() {
			if err := client.Track(b.Context(), checkout); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("json.Marshal", func(b *testing.B) {
		var mu sync.Mutex
		var queue []byte
		b.ReportAllocs()
		for b.Loop() {
			text, err := json.Marshal(wireTrack)
			if err != nil {
				b.Fatal(err)
			}
			mu.Lock()
			if queue = append(queue, text...); len(queue) > 30_000 {
				queue = queue[:0]
			}
			mu.Unlock()
		}
	})
}

// BenchmarkEnqueueRaw is the call of a relay or an importer: a message of the same
// content as checkout, which is looked at in one pass. Compare with BenchmarkTrack.
func BenchmarkEnqueueRaw(b *testing.B) {
	client := newBenchClient(b, discard{})
	raw, err := client.Encode(b.Context(), checkout)
	require.NoError(b, err)
	for name, done := range map[string]func(error){"alone": nil, "done": func(error) {}} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(raw.JSON)))
			b.ReportAllocs()
			for b.Loop() {
				if err := client.Enqueue(b.Context(), raw, done); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkTrackParallel(b *testing.B) {
	client := newBenchClient(b, discard{})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := client.Track(context.Background(), checkout); err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkMessages is a client's whole life, New and Close included: the cost
// of a message does not grow with their number.
func BenchmarkMessages(b *testing.B) {
	for _, n := range []int{1_000, 100_000, 10_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) { benchmarkLife(b, 1, n) })
	}
}

// BenchmarkProducers shares the same messages among goroutines.
func BenchmarkProducers(b *testing.B) {
	for _, producers := range []int{1, 2, 4, 8} {
		b.Run(fmt.Sprint(producers), func(b *testing.B) { benchmarkLife(b, producers, 1_000_000) })
	}
}

func benchmarkLife(b *testing.B, producers, messages int) {
	b.ReportAllocs()
	for b.Loop() {
		client := newBenchClient(b, discard{})
		var wg sync.WaitGroup
		for range producers {
			wg.Go(func() {
				for range messages / producers {
					if err := client.Track(context.Background(), checkout); err != nil {
						b.Error(err)
					}
				}
			})
		}
		wg.Wait()
		require.NoError(b, client.Close())
		require.EqualValues(b, messages, client.Stats().Delivered)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*messages), "ns/message")
}

func BenchmarkIdentify(b *testing.B) {
	client := newBenchClient(b, discard{})
	b.ReportAllocs()
	for b.Loop() {
		if err := client.Identify(b.Context(), profile); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkIdentifyPeople identifies one visitor after the other, as a service
// with many users does.
func BenchmarkIdentifyPeople(b *testing.B) {
	people := make([]altertable.Identify, 100_000)
	for i := range people {
		people[i] = profile
		people[i].DistinctID = fmt.Sprintf("u_%026d", i)
		people[i].AnonymousID = fmt.Sprintf("anonymous-%036d", i)
	}
	client := newBenchClient(b, discard{})
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if err := client.Identify(b.Context(), people[i%len(people)]); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

// BenchmarkEnvironments is the call against a server that hangs, where every
// message has a batch of its own: its cost must not grow with their number.
func BenchmarkEnvironments(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				client := newBenchClient(b, hung{}, altertable.WithFlushInterval(time.Millisecond))
				for i := range n {
					e := checkout
					e.Environment = fmt.Sprintf("tenant_%d", i)
					if err := client.Track(b.Context(), e); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/message")
		})
	}
}

func BenchmarkProperties(b *testing.B) {
	for _, n := range []int{4, 40, 400} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			client := newBenchClient(b, discard{})
			properties := altertable.Properties{}
			for i := range n {
				properties[fmt.Sprintf("property_%d", i)] = i
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := client.Track(b.Context(), altertable.Track{Event: "E", DistinctID: "u_1", Properties: properties}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/property")
		})
	}
}

// The counts are averages, rounded down: what a batch costs is shared by its messages.
func TestCallsDoNotAllocate(t *testing.T) {
	for name, opts := range map[string][]altertable.Option{
		"queued":   {altertable.WithFlushInterval(1 << 40)},
		"disabled": {altertable.WithDisabled(true)},
	} {
		t.Run(name, func(t *testing.T) {
			client := newBenchClient(t, hung{}, opts...)
			ctx := t.Context()
			allocates(t, 0, func() {
				if err := client.Track(ctx, checkout); err != nil {
					t.Error(err)
				}
			})
			allocates(t, 0, func() {
				if err := client.Identify(ctx, profile); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A queue that is full may refuse millions of messages a minute.
func TestRefusedCallsAllocateOnce(t *testing.T) {
	client := newBenchClient(t, hung{}, altertable.WithOverflow(altertable.DropNewest), altertable.WithMaxQueueSize(1))
	ctx := t.Context()
	require.NoError(t, client.Track(ctx, checkout))
	allocates(t, 1, func() {
		if err := client.Track(ctx, checkout); !errors.Is(err, altertable.ErrQueueFull) {
			t.Error(err)
		}
	})
}

// allocates fails the test if f allocates more often than that, on average.
// Under the race detector a sync.Pool drops a quarter of what it is given.
func allocates(t *testing.T, most float64, f func()) {
	t.Helper()
	if altertable.RaceEnabled {
		most += 2
	}
	assert.LessOrEqual(t, testing.AllocsPerRun(5000, f), most)
}
