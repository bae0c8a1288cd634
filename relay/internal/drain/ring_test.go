package drain

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestRingForgetsTheOldest(t *testing.T) {
	r := newRing(3)
	for i := range uint64(5) {
		r.add(msgID{i})
		r.add(msgID{i})
	}
	for i := range uint64(5) {
		assert.Equal(t, i >= 2, r.has(msgID{i}), i)
	}
	assert.Len(t, r.in, 3)
}

func TestProgress(t *testing.T) {
	p := newProgress()
	p.mark(msgID{1}, 70, 100, refusal{})
	p.mark(msgID{1}, 30, 100, refusal{event: 30, status: 422})
	p.mark(msgID{1}, 3, 100, refusal{event: 3, status: 413})
	of := p.take(msgID{1}, 100)
	assert.True(t, of.settled.has(70))
	assert.True(t, of.settled.has(3))
	assert.False(t, of.settled.has(4))
	assert.False(t, of.settled.has(1000))
	assert.Equal(t, 3, of.settled.count())
	assert.Equal(t, refusal{event: 3, status: 413}, of.refusal)
	assert.Equal(t, part{}, p.take(msgID{1}, 100))
}

func TestProgressOfAnotherPayloadIsNone(t *testing.T) {
	p := newProgress()
	p.mark(msgID{1}, 2, 60, refusal{})
	assert.Equal(t, part{}, p.take(msgID{1}, 3))
	p.mark(msgID{1}, 2, 60, refusal{})
	p.mark(msgID{1}, 200, 300, refusal{})
	assert.Equal(t, 1, p.take(msgID{1}, 300).settled.count())
}

func TestProgressIsBounded(t *testing.T) {
	p := newProgress()
	for i := range uint64(mostProgress + 10) {
		p.put(msgID{i, 1}, part{settled: newBitset(1), events: 1})
	}
	assert.LessOrEqual(t, len(p.of), mostProgress)
	const large = 1 << 20
	for i := range uint64(100) {
		p.mark(msgID{i, 2}, 0, large, refusal{})
		p.mark(msgID{i, 2}, 1, large, refusal{})
	}
	words := 0
	for _, of := range p.of {
		words += len(of.settled)
	}
	assert.LessOrEqual(t, words, mostWords)
	assert.Equal(t, words, p.words)
	for id, of := range p.of {
		p.take(id, of.events)
	}
	assert.Zero(t, p.words)
}
