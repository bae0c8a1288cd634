package altertable_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
)

// wholes notes the batches that requests carry, and whether one came in pieces.
type wholes struct {
	batch  map[int][]int // by message: those that it shared its first request with
	pieces int           // requests with others than at first
	starts []time.Duration
	begin  time.Time
}

func newWholes() *wholes { return &wholes{batch: map[int][]int{}, begin: time.Now()} }

func (w *wholes) note(numbers []int) {
	w.starts = append(w.starts, time.Since(w.begin))
	for _, n := range numbers {
		if w.batch[n] == nil {
			w.batch[n] = numbers
		}
	}
	if !slices.Equal(w.batch[numbers[0]], numbers) {
		w.pieces++
	}
}

// mostInAMinute returns how many requests there were in the worst minute after the first one.
func (w *wholes) mostInAMinute() (most int) {
	for i, start := range w.starts {
		if start < time.Minute {
			continue
		}
		n := 0
		for _, other := range w.starts[i:] {
			if other < start+time.Minute {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

// In an outage it is nobody's fault: nothing is split, and few requests are made.
func TestNothingIsSplitInAnOutage(t *testing.T) {
	t.Parallel()
	for name, isDown := range map[string]func(r arrival) bool{
		"identify":      func(r arrival) bool { return r.path == "/identify" },
		"track":         func(r arrival) bool { return r.path == "/track" },
		"everything":    func(arrival) bool { return true },
		"all but alias": func(r arrival) bool { return r.path != "/alias" },
		"an environment": func(r arrival) bool {
			return strings.Contains(string(r.body), `"environment":"production"`)
		},
	} {
		for how, fate := range map[string]int{"503": 503, "hang": hang} {
			t.Run(name+" "+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					seen := map[string]*wholes{"/track": newWholes(), "/identify": newWholes(), "/alias": newWholes()}
					isOver := false
					api := &distantAPI{roundTrip: 50 * time.Millisecond, fate: func(r arrival) int {
						if isOver || !isDown(r) {
							return http.StatusOK
						}
						seen[r.path].note(numbersIn(r.body))
						return fate
					}}
					client := api.connect(t)
					run(long(10*time.Minute, 3*time.Minute), func(int) {}, load{60, func(n int) {
						require.NoError(t, client.Track(t.Context(), event(mark(n))))
					}}, load{60, func(n int) {
						m := altertable.Identify{DistinctID: fmt.Sprint("u_", n), Traits: altertable.Traits{"n": mark(n)}}
						require.NoError(t, client.Identify(t.Context(), m))
					}}, load{10, func(n int) {
						require.NoError(t, client.Alias(t.Context(), altertable.Alias{DistinctID: "A", NewUserID: mark(n)}))
					}}, load{10, func(n int) {
						require.NoError(t, client.Track(t.Context(), altertable.Track{Event: "e0", DistinctID: "A", Environment: "staging"}))
						m := altertable.Identify{DistinctID: fmt.Sprint("u_", n), Environment: "staging"}
						require.NoError(t, client.Identify(t.Context(), m))
					}})
					api.mu.Lock()
					isOver = true
					api.mu.Unlock()
					for path, w := range seen {
						assert.Zero(t, w.pieces, "requests to %s with a part of a batch", path)
						if name != "an environment" { // its batches wait each on its own
							assert.LessOrEqual(t, w.mostInAMinute(), 6, "requests to %s", path)
						}
					}
					require.NoError(t, client.Flush(within(t, 2*time.Minute)))
				})
			})
		}
	}
}
