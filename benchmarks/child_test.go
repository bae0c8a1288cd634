package main

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// counter is a client that counts its calls.
type counter struct {
	literals, heaps, calls atomic.Int64
	err                    error
}

func (c *counter) literal(events int) error {
	c.literals.Add(1)
	c.calls.Add(int64(events))
	return c.err
}

func (c *counter) heap(_ sample, events int, l *laps) error {
	c.heaps.Add(1)
	c.calls.Add(int64(events))
	for range events {
		l.stop(l.start())
	}
	return c.err
}

func (*counter) close() error { return nil }

func TestProduce(t *testing.T) {
	tests := []struct {
		name            string
		scenario        scenario
		literals, heaps int64
		timed           int
	}{
		{"literal", scenario{literal: true, producers: 1}, 1, 0, 0},
		{"heap", scenario{producers: 1}, 0, 1, 0},
		{"timed", scenario{producers: 4, timed: true}, 0, 4, 10},
		{"more producers than events", scenario{producers: 16, timed: true}, 0, 16, 10},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := new(counter)
			laps, err := produce(c, test.scenario, 10)
			require.NoError(t, err)
			assert.EqualValues(t, 10, c.calls.Load())
			assert.Equal(t, test.literals, c.literals.Load())
			assert.Equal(t, test.heaps, c.heaps.Load())
			timed := 0
			for _, l := range laps {
				timed += len(l.took)
			}
			assert.Equal(t, test.timed, timed)
		})
	}
}

func TestProduceReportsAFailure(t *testing.T) {
	failure := errors.New("no")
	for _, s := range []scenario{{literal: true, producers: 1}, {producers: 4}} {
		_, err := produce(&counter{err: failure}, s, 10)
		assert.ErrorIs(t, err, failure)
	}
}

func TestQueuedJSON(t *testing.T) {
	c := new(marshalClient)
	require.NoError(t, c.heap(usual, 2, nil))
	assert.EqualValues(t, len(c.queue), queuedJSON(c))
	assert.Zero(t, queuedJSON(new(counter)))
}
