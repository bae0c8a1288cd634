package altertable_test

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
)

// A parcel is a burst of messages that fills batches, each of 100, and a trickle
// of others beside it, which are delivered. The burst's numbers begin at 0.
type parcel struct {
	api       *distantAPI
	client    *altertable.Client
	path      string
	size      int
	requests  [][]int // of the burst's messages, in the order of the requests
	sentAlone []bool
	delivered []int // how often, by message
	lost      []int
	trickle   *delays
	trickled  int

	splits     map[int]bool // batches seen in pieces
	mostSplits int          // that were being split at one time
}

const parcelBatch = 100

// newParcel returns one of so many batches, of tracks or identifies.
func newParcel(t *testing.T, path string, batches int, fate func(r arrival) int, opts ...altertable.Option) *parcel {
	p := &parcel{
		path: path, size: batches * parcelBatch, splits: map[int]bool{}, trickle: newDelays(1 << 20),
		sentAlone: make([]bool, batches*parcelBatch), delivered: make([]int, batches*parcelBatch),
	}
	p.api = &distantAPI{roundTrip: 50 * time.Millisecond, fate: fate, began: p.began, ended: p.ended}
	report := func(d altertable.Delivery) {
		for _, payload := range d.Payloads() {
			if d.Err != nil {
				p.lost = append(p.lost, numbersIn(payload)...)
			}
		}
	}
	p.client = p.api.connect(t, append([]altertable.Option{altertable.WithOnDelivery(report)}, opts...)...)
	return p
}

// began notes what of the burst a request carries.
func (p *parcel) began(r arrival) {
	numbers := numbersIn(r.body)
	if len(numbers) == 0 {
		return
	}
	if numbers[0] >= p.size {
		for _, n := range numbers {
			p.trickle.end(n - p.size)
		}
		return
	}
	p.requests = append(p.requests, numbers)
	if len(numbers) == 1 {
		p.sentAlone[numbers[0]] = true
	}
	if len(numbers) < parcelBatch {
		p.splits[numbers[0]/parcelBatch] = true
	}
	p.mostSplits = max(p.mostSplits, p.beingSplit())
}

// beingSplit returns how many batches are in pieces, of which one with several
// messages has not been delivered.
func (p *parcel) beingSplit() (count int) {
	for b := range p.splits {
		for n := b * parcelBatch; n < (b+1)*parcelBatch; n++ {
			if p.delivered[n] == 0 && !p.sentAlone[n] {
				count++
				break
			}
		}
	}
	return count
}

func (p *parcel) ended(r arrival, status int) {
	if status != http.StatusOK {
		return
	}
	for _, n := range numbersIn(r.body) {
		if n < p.size {
			p.delivered[n]++
		}
	}
}

func (p *parcel) send(t *testing.T, n int) {
	if p.path == "/track" {
		require.NoError(t, p.client.Track(t.Context(), event(mark(n))))
		return
	}
	require.NoError(t, p.client.Identify(t.Context(), altertable.Identify{DistinctID: fmt.Sprint("u_", n), Traits: altertable.Traits{"n": mark(n)}}))
}

// burst accepts the burst's messages, at a moment when no other fills their batches.
func (p *parcel) burst(t *testing.T) {
	require.NoError(t, p.client.Flush(t.Context()))
	for n := range p.size {
		p.send(t, n)
	}
}

// trickleFor accepts others for d, two a second.
func (p *parcel) trickleFor(t *testing.T, d time.Duration) {
	run(d, func(int) {}, load{2, func(int) {
		p.trickle.call(p.trickled)
		p.send(t, p.size+p.trickled)
		p.trickled++
	}})
}

// deliver trickles on until the burst is delivered, except for so many messages, or d is over.
func (p *parcel) deliver(t *testing.T, d time.Duration, except int) {
	for start := time.Now(); time.Since(start) < d && len(p.missing()) > except; {
		p.trickleFor(t, time.Second)
	}
}

// missing returns which of the burst's messages are not delivered.
func (p *parcel) missing() (numbers []int) {
	p.api.mu.Lock()
	defer p.api.mu.Unlock()
	for n, times := range p.delivered {
		if times == 0 {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

// checkTrickle checks that the others left as if there were no burst, except
// for a few moments until it was known whose fault the failures are.
func (p *parcel) checkTrickle(t *testing.T) {
	t.Helper()
	sent := &delays{waited: p.trickle.waited[:p.trickled], done: p.trickle.done[:p.trickled]}
	late, longest := sent.over(2 * time.Second)
	assert.LessOrEqual(t, late, p.trickled/50+20, "of %d that came beside", p.trickled)
	assert.LessOrEqual(t, longest, 10*time.Second)
}

var bothPaths = []string{"/track", "/identify"}

// A server needs time for each message, more than a request has for a full
// batch. Smaller batches get through, so that a full one is split.
func TestBatchThatAlwaysTimesOutIsSplit(t *testing.T) {
	for _, path := range bothPaths {
		for _, perMessage := range []time.Duration{60 * time.Millisecond, 150 * time.Millisecond} {
			t.Run(fmt.Sprint(path[1:], " ", perMessage), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := newParcel(t, path, 2, nil)
					p.api.perMessage = perMessage
					p.trickleFor(t, 5*time.Second)
					p.burst(t)
					p.deliver(t, 10*time.Minute, 0)
					assert.Empty(t, p.missing())
					assert.Equal(t, 1, slices.Max(p.delivered), "none twice")
					whole := make([]int, 2)
					for _, numbers := range p.requests {
						b := numbers[0] / parcelBatch
						if len(numbers) < parcelBatch {
							assert.GreaterOrEqual(t, whole[b], 3, "it is split after three failures")
							whole[b] = 3
						}
						whole[b]++
					}
					require.NoError(t, p.client.Flush(t.Context()))
					p.checkTrickle(t)
					assert.Empty(t, p.lost)
				})
			})
		}
	}
}

// A message that always fails is given up after MaxElapsed. Those that shared
// its batch are delivered.
func TestPoisonCostsOnlyItself(t *testing.T) {
	for _, path := range bothPaths {
		for how, fate := range map[string]int{"500": 500, "hang": hang} {
			t.Run(path[1:]+" "+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					const poison, elapsed = 42, 20 * time.Minute
					p := newParcel(t, path, 1, func(r arrival) int {
						if bytes.Contains(r.body, []byte(mark(poison))) {
							return fate
						}
						return http.StatusOK
					}, altertable.WithRetry(altertable.RetryPolicy{MaxElapsed: elapsed}))
					p.trickleFor(t, 5*time.Second)
					p.burst(t)
					p.deliver(t, 5*time.Minute, 1)
					assert.Equal(t, []int{poison}, p.missing(), "within minutes, the others are delivered")
					assert.Equal(t, 1, slices.Max(p.delivered), "none twice")
					p.trickleFor(t, elapsed)
					require.NoError(t, p.client.Flush(t.Context()))
					assert.Equal(t, []int{poison}, p.lost)
					p.checkTrickle(t)
					assert.LessOrEqual(t, len(p.requests), 150, "it waits longer and longer")
				})
			})
		}
	}
}

// Of many batches that fail or are refused, at most eight are being split at a time.
func TestFewBatchesAreBeingSplitAtATime(t *testing.T) {
	for _, path := range bothPaths {
		for _, status := range []int{500, 422} {
			t.Run(fmt.Sprint(path[1:], " ", status), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					const batches = 30
					isPoison := func(n int) bool { return n < batches*parcelBatch && n%parcelBatch == 42 }
					p := newParcel(t, path, batches, func(r arrival) int {
						if slices.ContainsFunc(numbersIn(r.body), isPoison) {
							return status
						}
						return http.StatusOK
					}, altertable.WithMaxInFlight(64), altertable.WithRetry(altertable.RetryPolicy{MaxElapsed: 4 * time.Hour}))
					p.trickleFor(t, 5*time.Second)
					p.burst(t)
					waiting := batches // a poison that is refused alone is given up, one that fails waits
					if status == 422 {
						waiting = 0
					}
					p.deliver(t, 2*time.Hour, waiting)
					pass(3 * time.Second)
					assert.Len(t, slices.DeleteFunc(p.missing(), isPoison), 0)
					assert.Equal(t, 1, slices.Max(p.delivered), "none twice")
					assert.LessOrEqual(t, p.mostSplits, 8)
					assert.Greater(t, p.mostSplits, 1)
					p.checkTrickle(t)
				})
			})
		}
	}
}
