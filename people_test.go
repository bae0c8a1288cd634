package altertable

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/internal/spool"
)

// identified puts an identify of these ids into the places, and returns its batch.
func (p *places) identified(number uint64, distinctID, anonymousID string) *batch {
	e := &envelope{
		endpoint: identifyEndpoint, environment: []byte("production"),
		json: fmt.Appendf(nil, `{"n":%d}`, number), person: newPerson(distinctID, anonymousID),
	}
	p.add(e, number, spool.Ref{})
	return p.home[identifyEndpoint].people.find(hashID(distinctID)).batch
}

// sent seals b, if it is open, and puts it in flight.
func (p *places) sent(b *batch) *batch {
	if b.state == open {
		p.seal(b)
	}
	p.launch(b)
	b.attempts++
	return b
}

func TestWhoWaitsForWhom(t *testing.T) {
	p := placesForTest(t)
	first := p.sent(p.identified(1, "a", ""))
	second := p.sent(p.identified(2, "b", ""))
	behindFirst, behindSecond := p.identified(3, "a", ""), p.identified(4, "b", "")
	assert.NotSame(t, behindFirst, behindSecond, "who waits for different requests is not in one boat")
	assert.NotSame(t, behindFirst, p.identified(5, "c", ""), "nor with who need not wait")
	assert.Same(t, behindFirst, p.identified(6, "a", ""))
	assert.False(t, behindFirst.mayGo())

	both := p.identified(7, "a", "b")
	assert.NotContains(t, []*batch{behindFirst, behindSecond}, both, "it would hold up one or the other")
	p.settle(first, 1)
	assert.True(t, behindFirst.mayGo())
	assert.False(t, both.mayGo())
	p.settle(second, 1)
	p.settle(p.sent(behindFirst), 2)
	assert.False(t, both.mayGo(), "it waits for both")
	p.settle(p.sent(behindSecond), 1)
	assert.True(t, both.mayGo())
	p.settle(p.sent(both), 1)
	assert.Equal(t, 1, p.home[identifyEndpoint].people.used, "c is open")
}

// A client that gives all its users one anonymous id sends full batches all the same.
func TestIDThatAllShare(t *testing.T) {
	p := placesForTest(t)
	var batches []*batch
	for i := range 1000 {
		b := p.identified(uint64(i+1), fmt.Sprint("u_", i%300), "anonymous-everybody")
		if len(batches) == 0 || batches[len(batches)-1] != b {
			batches = append(batches, b)
		}
		if i == 50 {
			p.sent(b)
		}
	}
	require.Len(t, batches, 11)
	for i, b := range batches[1:] {
		assert.False(t, b.mayGo())
		p.settle(batches[i], batches[i].count())
		require.True(t, b.mayGo())
	}
}

// DropOldest evicts the followers of a request: those that come later wait for it all the same.
func TestEvictedFollowersLeaveTheirPlace(t *testing.T) {
	p := placesForTest(t)
	inFlight := p.sent(p.identified(1, "a", "x"))
	evicted := p.identified(2, "a", "y")
	require.Same(t, evicted, p.oldestIdle())
	p.settle(evicted, 1)
	b := p.identified(3, "a", "y")
	assert.False(t, b.mayGo())
	p.identified(4, "a", "z")
	p.settle(b, 1) // a part of it
	assert.Nil(t, p.home[identifyEndpoint].people.find(hashID("y")))
	p.settle(inFlight, 1)
	assert.True(t, b.mayGo())
	p.settle(b, 1)
	assert.Zero(t, p.home[identifyEndpoint].people.used)
}

// Who waited for a batch that is split waits for the piece with its person only,
// calls and older pieces included.
func TestSplitLetsThoseBehindGo(t *testing.T) {
	p := placesForTest(t)
	for i := range 4 {
		p.identified(uint64(i+1), fmt.Sprint("u_", i), "")
	}
	whole := p.sent(p.home[identifyEndpoint].open)
	for i := range 4 {
		p.identified(uint64(i+5), fmt.Sprint("u_", i), "")
	}
	call := p.beginTurn(&p.home[identifyEndpoint], []person{newPerson("u_1", ""), newPerson("u_3", "")}, 8)
	later := p.identified(9, "u_3", "")
	p.withdraw(whole)
	require.True(t, p.startFamily(whole))
	right := p.split(whole, setbacks{})
	behindLeft := p.home[identifyEndpoint].people.find(hashID("u_0")).batch
	behindRight := p.home[identifyEndpoint].people.find(hashID("u_2")).batch
	assert.Equal(t, 2, behindLeft.count())
	assert.Equal(t, 2, behindRight.count())
	p.settle(whole, 2)
	assert.True(t, behindLeft.mayGo())
	assert.False(t, behindRight.mayGo())
	assert.Equal(t, settled, later.state, "its message has a new batch")
	p.settle(p.sent(behindLeft), 2)
	p.settle(right, 2)
	p.settle(p.sent(behindRight), 2)
	select {
	case <-call.come:
	default:
		t.Error("nothing is ahead of the call any more")
	}
	last := p.home[identifyEndpoint].people.find(hashID("u_3")).batch
	assert.False(t, last.mayGo())
	p.endTurn(call)
	assert.True(t, last.mayGo())
}

// However many wait for a batch, splitting it does not take long: it happens
// while the queue is locked.
func TestSplitWithManyBehind(t *testing.T) {
	p := placesForTest(t, WithMaxBatchSize(2))
	p.identified(1, "a", "x")
	p.identified(2, "b", "x")
	first := p.next(identifyEndpoint, 0)
	p.sent(first)
	const many = 50_000
	for i := range uint64(many) {
		p.identified(3+i, "a", "x")
	}
	p.withdraw(first)
	require.True(t, p.startFamily(first))
	right := p.split(first, setbacks{})
	p.settle(first, 1)
	p.settle(right, 1)
	for n := 0; n < many; {
		b := p.next(identifyEndpoint, 0)
		require.NotNil(t, b)
		n += b.count()
		p.settle(p.sent(b), b.count())
	}
	assert.Zero(t, p.home[identifyEndpoint].people.used)
}

// Splitting happens while the queue is locked: it must not take a time that
// grows with the square of the batch's size.
func BenchmarkSplitOfManyPeople(b *testing.B) {
	for range b.N {
		b.StopTimer()
		cfg, err := newConfig("key", []Option{WithMaxBatchSize(10_000), WithMaxBatchBytes(2 << 20)})
		require.NoError(b, err)
		p := newPlaces(cfg)
		for i := range uint64(10_000) {
			p.identified(i+1, fmt.Sprint("u_", i), fmt.Sprint("anonymous-", i))
		}
		whole := p.sent(p.next(identifyEndpoint, 0))
		p.withdraw(whole)
		require.True(b, p.startFamily(whole))
		b.StartTimer()
		p.split(whole, setbacks{})
	}
}

// However long the backlog is, and whoever comes when.
func TestIDThatAllShareInALongBacklog(t *testing.T) {
	for _, users := range []int{300, 3_000, 10_000} {
		p := placesForTest(t)
		r := rand.New(rand.NewPCG(1, 2))
		for i := range uint64(30_000) {
			p.identified(i+1, fmt.Sprint("u_", r.IntN(users)), "anonymous-everybody")
		}
		assert.Less(t, p.home[identifyEndpoint].batches, 320, "%d users", users)
		n := 0
		for b := p.next(identifyEndpoint, 0); b != nil; b = p.next(identifyEndpoint, 0) {
			n += b.count()
			p.settle(p.sent(b), b.count())
		}
		assert.Equal(t, 30_000, n)
	}
}
