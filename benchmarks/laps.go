package main

import (
	"slices"
	"time"
)

// laps notes how long each call of a goroutine took. A nil *laps notes nothing,
// and does not read the clock.
type laps struct{ took []time.Duration }

func newLaps(calls int) *laps { return &laps{make([]time.Duration, 0, calls)} }

func (l *laps) start() time.Time {
	if l == nil {
		return time.Time{}
	}
	return time.Now()
}

func (l *laps) stop(start time.Time) {
	if l != nil {
		l.took = append(l.took, time.Since(start))
	}
}

// percentile returns the duration that the share p of all calls did not exceed.
func percentile(all []*laps, p float64) time.Duration {
	var took []time.Duration
	for _, l := range all {
		took = append(took, l.took...)
	}
	if len(took) == 0 {
		return 0
	}
	slices.Sort(took)
	return took[int(float64(len(took)-1)*p)]
}
