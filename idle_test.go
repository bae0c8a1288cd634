package altertable

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/altertable-ai/altertable-go/internal/spool"
)

// adopted puts a message of a dead client into a batch of its own, and seals it.
func (p *places) adopted(ep endpoint, number uint64) *batch {
	p.add(&envelope{endpoint: ep, environment: []byte("production"), json: []byte("{}"), adopted: true}, number, spool.Ref{})
	b := p.home[ep].open
	p.seal(b)
	return b
}

// fail has b sent, and brings it back.
func (p *places) fail(b *batch) {
	p.launch(b)
	b.attempts++
	p.withdraw(b)
	b.err = errors.New("failed")
	p.enterIdle(b)
	p.enterReady(b)
}

// What was adopted is spared until it was sent once, and may be evicted before.
func TestUntriedBatches(t *testing.T) {
	p := placesForTest(t)
	untried, own := p.adopted(trackEndpoint, 1), p.sealed(identifyEndpoint, 2)
	assert.Same(t, untried, p.oldestIdle())
	assert.Same(t, own, p.oldestTried())
	assert.ElementsMatch(t, []*batch{untried, own}, p.allIdle())
	assert.Nil(t, p.setBack.first(), "none has failed")
	p.fail(untried)
	assert.Same(t, untried, p.oldestTried())
	assert.Same(t, untried, p.setBack.first())
	assert.ElementsMatch(t, []*batch{untried, own}, p.allIdle())
}

// An adopted message makes the batch that it joins untried, and no other.
func TestAdoptedMessageJoinsABatch(t *testing.T) {
	p := placesForTest(t)
	p.add(&envelope{environment: []byte("production"), json: []byte("{}")}, 1, spool.Ref{})
	b := p.home[trackEndpoint].open
	assert.Same(t, b, p.oldestTried())
	p.add(&envelope{environment: []byte("production"), json: []byte("{}"), adopted: true}, 2, spool.Ref{})
	assert.Same(t, b, p.home[trackEndpoint].open)
	assert.Nil(t, p.oldestTried())
	assert.Equal(t, []*batch{b}, p.allIdle())
}

// The oldest of several batches is first, whichever leave and lose messages.
func TestIdleBatchesGoByNumber(t *testing.T) {
	p := placesForTest(t)
	var all []*batch
	for number := range uint64(10) {
		all = append(all, p.sealed(trackEndpoint, 1+number))
	}
	for _, b := range []*batch{all[5], all[2], all[7]} {
		p.fail(b)
	}
	assert.Same(t, all[2], p.setBack.first())
	p.launch(all[0])
	assert.Same(t, all[1], p.oldestIdle(), "the first is in flight")
	p.settle(all[1], 1)
	p.settle(all[2], 1)
	assert.Same(t, all[3], p.oldestIdle())
	assert.Same(t, all[5], p.setBack.first())
	assert.Len(t, p.allIdle(), 7)
	left := all[7]
	p.abandon()
	assert.Empty(t, left.head, "its messages are let go of")
	assert.EqualValues(t, 8, left.number())
	assert.Empty(t, p.allIdle())
	assert.Nil(t, p.setBack.first())
}
