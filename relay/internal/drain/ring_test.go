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
	p.mark(msgID{1}, 70, 100)
	p.mark(msgID{1}, 3, 100)
	settled := p.take(msgID{1})
	assert.True(t, settled.has(70))
	assert.True(t, settled.has(3))
	assert.False(t, settled.has(4))
	assert.False(t, settled.has(1000))
	assert.Equal(t, 2, settled.count())
	assert.Nil(t, p.take(msgID{1}))
	for i := range uint64(mostProgress + 10) {
		p.put(msgID{i, 1}, newBitset(1))
	}
	assert.LessOrEqual(t, len(p.of), mostProgress)
}
