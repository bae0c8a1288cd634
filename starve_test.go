package altertable_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
)

// long returns d, or less where a long test would take too long.
func long(d, less time.Duration) time.Duration {
	if testing.Short() || altertable.RaceEnabled {
		return less
	}
	return d
}

// Identifies of different people go in parallel: an API that is far away does
// not let the queue grow.
func TestIdentifiesOfManyPeopleDoNotPileUp(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		roundTrip          time.Duration
		identifies, tracks int // a second
	}{
		"many": {50 * time.Millisecond, 3000, 100},
		"slow": {500 * time.Millisecond, 1000, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				arrived := 0
				api := &distantAPI{roundTrip: test.roundTrip, ended: func(r arrival, _ int) {
					arrived += bytes.Count(r.body, []byte(`"distinct_id"`))
				}}
				client := api.connect(t)
				identify := altertable.Identify{Traits: altertable.Traits{"plan": "pro"}}
				run(long(10*time.Minute, time.Minute), func(int) {
					s := client.Stats()
					require.Less(t, s.Queued, int64(3*(test.identifies+test.tracks)), "three seconds' worth")
					require.Zero(t, s.Rejected)
				}, load{test.identifies, func(i int) {
					identify.DistinctID = fmt.Sprint("u_", i)
					_ = client.Identify(t.Context(), identify) // a refusal is counted
				}}, load{test.tracks, func(int) {
					_ = client.Track(t.Context(), event("e0"))
				}})
				require.NoError(t, client.Flush(t.Context()))
				assert.EqualValues(t, client.Stats().Accepted, arrived)
			})
		})
	}
}

// One person with many identifies costs only itself.
func TestHotPersonDoesNotHoldUpOthers(t *testing.T) {
	t.Parallel()
	const perSecond, every, roundTrip, hot = 3000, 100, 50 * time.Millisecond, "service"
	for name, identify := range map[string]func(i int) altertable.Identify{
		"distinct id": func(int) altertable.Identify { return altertable.Identify{DistinctID: hot} },
		"anonymous id": func(i int) altertable.Identify {
			return altertable.Identify{DistinctID: fmt.Sprint("u_", i), AnonymousID: hot}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := long(2*time.Minute, 30*time.Second)
				waits := newDelays(perSecond * int(d/time.Second))
				var order []int // of the hot person's
				hotRequests, overlap := 0, false
				isHot := func(i int) bool { return i%every == 0 }
				api := &distantAPI{roundTrip: roundTrip, began: func(r arrival) {
					numbers := numbersIn(r.body)
					for _, i := range numbers {
						if waits.end(i); isHot(i) {
							order = append(order, i)
						}
					}
					if slices.ContainsFunc(numbers, isHot) {
						hotRequests++
						overlap = overlap || hotRequests > 1
					}
				}, ended: func(r arrival, _ int) {
					if slices.ContainsFunc(numbersIn(r.body), isHot) {
						hotRequests--
					}
				}}
				client := api.connect(t)
				run(d, func(int) { require.Less(t, client.Stats().Queued, int64(3*perSecond)) }, load{perSecond, func(i int) {
					m := altertable.Identify{DistinctID: fmt.Sprint("u_", i)}
					if isHot(i) {
						m = identify(i)
					}
					m.Traits = altertable.Traits{"n": mark(i)}
					waits.call(i)
					_ = client.Identify(t.Context(), m)
				}})
				require.NoError(t, client.Flush(t.Context()))
				assert.True(t, slices.IsSorted(order), "the hot person's go in order")
				assert.False(t, overlap, "one request after the other")
				assert.Len(t, order, len(waits.waited)/every, "each once")
				_, longest := waits.over(0)
				assert.LessOrEqual(t, longest, 10*time.Second, "the hot person is not held up for ever")
				waits.leaveOut(isHot)
				late, longest := waits.over(time.Second + 2*roundTrip)
				assert.LessOrEqual(t, late, len(waits.waited)/1000, "the others leave as if there were no hot person; longest wait %v", longest)
			})
		})
	}
}

// An identify that always fails holds up its own person, and nobody else.
func TestPoisonedIdentifyHoldsUpItsPersonAlone(t *testing.T) {
	t.Parallel()
	for name, people := range map[string]int{"everybody once": 1 << 30, "people come again": 3000} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const perSecond, poison, patient = 300, 1500, "patient"
				const d, elapsed = 4 * time.Minute, 2 * time.Minute
				isPatient := func(i int) bool { return i >= poison && (i-poison)%perSecond == 0 } // one a second
				waits := newDelays(perSecond * int(d/time.Second))
				var neighbors, patients []int
				early := 0
				api := &distantAPI{roundTrip: 50 * time.Millisecond, fate: func(r arrival) int {
					if !bytes.Contains(r.body, []byte(mark(poison))) {
						return 200
					}
					if neighbors == nil {
						neighbors = numbersIn(r.body)
					}
					return 500
				}, ended: func(r arrival, status int) {
					if status != 200 {
						return
					}
					for _, i := range numbersIn(r.body) {
						waits.end(i)
						if isPatient(i) {
							patients = append(patients, i)
							if time.Since(waits.calledAt[poison]) < elapsed {
								early++
							}
						}
					}
				}}
				client := api.connect(t, altertable.WithRetry(altertable.RetryPolicy{MaxElapsed: elapsed}))
				run(d, func(int) {}, load{perSecond, func(i int) {
					id := fmt.Sprint("u_", i%people)
					if isPatient(i) {
						id = patient
					}
					waits.call(i)
					require.NoError(t, client.Identify(t.Context(), altertable.Identify{DistinctID: id, Traits: altertable.Traits{"n": mark(i)}}))
				}})
				require.NoError(t, client.Flush(t.Context()))
				assert.True(t, slices.IsSorted(patients))
				assert.Zero(t, early, "until it is given up, its person waits")
				assert.EqualValues(t, 1, client.Stats().Failed)
				waits.leaveOut(isPatient)
				_, longest := waits.over(0)
				assert.LessOrEqual(t, longest, time.Minute, "those that share its batch wait until it is split")
				waits.leaveOut(func(i int) bool { return slices.Contains(neighbors, i) })
				late, longest := waits.over(4 * time.Second)
				assert.LessOrEqual(t, late, 3*len(neighbors), "those that share its batch, and what follows them; longest wait %v", longest)
			})
		})
	}
}
