package main

import (
	"context"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/altertable-ai/altertable-go"
)

// producers share the events, as so many services would.
const producers = 4

// produce sends the events through the SDK, and returns when all are stored.
func produce(url string, events int) error {
	var next atomic.Int64
	errs := make([]error, producers)
	var wg sync.WaitGroup
	for p := range producers {
		wg.Go(func() { errs[p] = service(url, &next, events) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func service(url string, next *atomic.Int64, events int) error {
	var lost atomic.Pointer[error]
	client, err := altertable.New("bench", altertable.WithBaseURL(url), altertable.WithOverflow(altertable.Block),
		altertable.WithMaxQueueSize(20_000), altertable.WithRequestTimeout(30*time.Second),
		altertable.WithOnError(func(err error) { lost.Store(&err) }))
	if err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	for {
		n := int(next.Add(1)) - 1
		if n >= events {
			break
		}
		if err := client.Track(context.Background(), randomEvent(random, n)); err != nil {
			return err
		}
	}
	if err := client.Close(); err != nil {
		return err
	}
	if err := lost.Load(); err != nil {
		return *err
	}
	return nil
}

// randomEvent is of about 460 bytes, half of which no compression makes smaller.
func randomEvent(random *rand.Rand, n int) altertable.Track {
	return altertable.Track{
		Event:      "checkout_completed",
		DistinctID: "u_" + randomHex(random, 10),
		Properties: altertable.Properties{
			"bench_number": n,
			"cart_id":      randomHex(random, 16),
			"session_id":   randomHex(random, 16),
			"request_id":   randomHex(random, 16),
			"coupon":       "WELCOME10",
			"revenue":      float64(random.IntN(1_000_000)) / 100,
			"items":        random.IntN(20),
			"plan":         []string{"free", "pro", "business"}[random.IntN(3)],
			"currency":     []string{"EUR", "USD", "GBP", "JPY"}[random.IntN(4)],
			"trial":        random.IntN(2) == 0,
		},
	}
}

func randomHex(random *rand.Rand, bytes int) string {
	b := make([]byte, bytes)
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return hex.EncodeToString(b)
}
