package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestPercentile(t *testing.T) {
	thousand := newLaps(1000)
	for i := range 1000 {
		thousand.took = append(thousand.took, time.Duration(1000-i))
	}
	tests := []struct {
		name string
		laps []*laps
		p    float64
		want time.Duration
	}{
		{"nothing", nil, 0.5, 0},
		{"no calls", []*laps{newLaps(0)}, 0.5, 0},
		{"one call", []*laps{{[]time.Duration{7}}}, 0.999, 7},
		{"median of unsorted", []*laps{{[]time.Duration{3, 1, 2}}}, 0.5, 2},
		{"several goroutines", []*laps{{[]time.Duration{9}}, {[]time.Duration{1, 5}}}, 0.5, 5},
		{"99.9 of a thousand", []*laps{thousand}, 0.999, 999},
		{"largest", []*laps{thousand}, 1, 1000},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			assert.Equal(t, test.want, percentile(test.laps, test.p))
		})
	}
}

func TestLapsNoteEachCall(t *testing.T) {
	l := newLaps(2)
	l.stop(l.start())
	l.stop(time.Now().Add(-time.Hour))
	assert.Len(t, l.took, 2)
	assert.GreaterOrEqual(t, l.took[1], time.Hour)
}

func TestNilLapsNoteNothing(t *testing.T) {
	var l *laps
	assert.Zero(t, l.start())
	assert.NotPanics(t, func() { l.stop(l.start()) })
}
