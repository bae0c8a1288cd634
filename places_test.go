package altertable

import (
	"container/list"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/internal/spool"
)

func placesForTest(t *testing.T, opts ...Option) *places {
	t.Helper()
	cfg, err := newConfig("key", opts)
	require.NoError(t, err)
	p := newPlaces(cfg)
	return &p
}

// sealed puts a message with this number into a batch of its own, and seals it.
func (p *places) sealed(ep endpoint, number uint64) *batch {
	p.add(&envelope{endpoint: ep, environment: []byte("production"), json: []byte("{}")}, number, spool.Ref{})
	b := p.home[ep].open
	p.seal(b)
	return b
}

// A batch may be retried for a day beside millions of messages a minute.
func TestOrderOfNumbersBeyond32Bits(t *testing.T) {
	p := placesForTest(t)
	numbers := []uint64{7, 7 + 1<<31, 7 + 1<<32, 7 + 1<<33, math.MaxUint64}
	for i := len(numbers); i > 0; i-- {
		p.sealed(trackEndpoint, numbers[i-1])
	}
	for _, want := range numbers {
		b := p.next(trackEndpoint, -1)
		assert.Equal(t, want, b.number())
		assert.Same(t, b, p.oldestIdle())
		p.launch(b)
	}
	assert.Nil(t, p.next(trackEndpoint, -1))
	assert.Nil(t, p.oldestIdle())
}

// The numbers of a batch's messages may be far apart, but not farther than its marks reach.
func TestNumbersWithinABatch(t *testing.T) {
	p := placesForTest(t)
	for _, number := range []uint64{5, 5 + 1<<31, 5 + math.MaxUint32, 6 + math.MaxUint32} {
		p.add(&envelope{environment: []byte("production"), json: []byte("{}")}, number, spool.Ref{})
	}
	b := p.next(trackEndpoint, -1)
	require.Equal(t, 3, b.count())
	for frontier, want := range map[uint64]int{4: 0, 5: 1, 1 << 31: 1, 5 + 1<<31: 2, math.MaxUint32: 2, 5 + math.MaxUint32: 3, math.MaxUint64: 3} {
		assert.Equal(t, want, b.countUpTo(3, frontier), "%d", frontier)
	}
	assert.Equal(t, uint64(6+math.MaxUint32), p.home[trackEndpoint].open.number())
}

func TestReadyBatchesGoInOrder(t *testing.T) {
	p := placesForTest(t)
	first, second, third := p.sealed(trackEndpoint, 1), p.sealed(trackEndpoint, 2), p.sealed(trackEndpoint, 3)
	for _, b := range []*batch{third, second} {
		p.launch(b)
		b.attempts++
		p.withdraw(b)
		p.enterIdle(b)
		p.enterReady(b)
	}
	assert.Same(t, first, p.newest(trackEndpoint), "that was never sent")
	assert.Same(t, third, p.oldestDue(trackEndpoint, &second.setbacks))
	for _, want := range []*batch{second, third, first} {
		b := p.next(trackEndpoint, -1)
		assert.Same(t, want, b, "what was sent before goes first, the oldest of it before the others")
		p.launch(b)
	}
}

// What open batches have room for is counted, and bounded.
func TestRoomOfOpenBatchesIsBounded(t *testing.T) {
	p := placesForTest(t, WithMaxQueueBytes(1<<20))
	for i := range 5_000 {
		p.add(&envelope{environment: []byte(fmt.Sprint("tenant_", i%300)), json: make([]byte, 100+i%900)}, uint64(i), spool.Ref{})
		unused, used := 0, 0
		if i%97 == 0 {
			for place := p.traffic[trackEndpoint].opened.Front(); place != nil; place = place.Next() {
				b := place.Value.(*batch)
				unused += b.unused()
				used += len(b.head)
			}
			require.Equal(t, unused, p.buffers.unused)
			require.LessOrEqual(t, unused, p.buffers.most+used/4+300*64)
		}
	}
}

// What a flush waits for must not share the fate of what came later.
func TestFlushedMessagesAreAlone(t *testing.T) {
	p := placesForTest(t)
	for number := uint64(1); number <= 4; number++ {
		p.add(&envelope{environment: []byte("production"), json: []byte("{}")}, number, spool.Ref{})
		p.flushed = 2 // from the first message on: the second is read from disk after the flush began
	}
	b := p.next(trackEndpoint, -1)
	require.Equal(t, 2, b.count())
	assert.EqualValues(t, 1, b.number())
	assert.Nil(t, p.nextOpen(trackEndpoint, -1), "what came later waits for company")
	assert.EqualValues(t, 3, p.home[trackEndpoint].open.number())
}

func TestSleepersWakeInTime(t *testing.T) {
	p := placesForTest(t)
	for i, wakeAt := range []time.Duration{30, 10, 20} {
		b := p.sealed(trackEndpoint, uint64(i))
		p.launch(b)
		b.attempts++
		p.withdraw(b)
		p.enterIdle(b)
		p.sleep(b, wakeAt)
	}
	at, ok := p.nextWake()
	assert.True(t, ok)
	assert.EqualValues(t, 10, at)
	p.wake(20)
	assert.Equal(t, 2, p.traffic[trackEndpoint].due.Len())
	p.wakeAll(25)
	p.wake(25)
	assert.Equal(t, 3, p.traffic[trackEndpoint].due.Len())
	assert.EqualValues(t, 0, p.next(trackEndpoint, -1).number())
}

// Messages that do not fit into whole pages are in two parts. All of them are read as they were written.
func TestSealedMessagesAreReadAsTheyWereWritten(t *testing.T) {
	for _, size := range []int{2, 100, page/2 - 1, page - 1, page, page + 1, 3 * page} {
		p := placesForTest(t)
		var want []string
		for i := range 7 {
			text := fmt.Sprintf(`"%0*d"`, size-2, i)
			want = append(want, text)
			p.add(&envelope{environment: []byte("production"), json: []byte(text)}, uint64(i+1), spool.Ref{})
		}
		b := p.home[trackEndpoint].open
		if b == nil {
			b = p.next(trackEndpoint, -1)
		} else {
			p.seal(b)
		}
		check := func() {
			body, total := "", 0
			for i, payload := range b.payloads() {
				require.Equal(t, want[i], string(payload))
				body += "," + string(payload)
				total += len(payload)
			}
			require.Equal(t, len(want), b.count())
			carried := b.payload()
			require.Equal(t, body[1:], string(carried.parts[0])+string(carried.parts[1]))
			require.Equal(t, total, b.size(b.count()))
		}
		check()
		part := b.first(2)
		require.Len(t, part.payloads(), 2)
		p.settle(b, 3) // an eighth and more leaves: it is copied
		want = want[3:]
		check()
		p.launch(b)
		p.withdraw(b)
		require.True(t, p.startFamily(b))
		right := p.split(b, setbacks{})
		require.Equal(t, 2, b.count())
		require.Equal(t, 2, right.count())
		require.Equal(t, want[2:], []string{string(right.payloads()[0]), string(right.payloads()[1])})
	}
}

// What is old goes to the front of a long list, and what is new to its end, at once.
func TestInsertLooksFromBothEnds(t *testing.T) {
	var l list.List
	comparisons := 0
	add := func(wakeAt time.Duration) {
		comparisons = 0
		insert(&l, &batch{wakeAt: wakeAt}, func(b, other *batch) bool { comparisons++; return b.wakeAt < other.wakeAt })
		assert.LessOrEqual(t, comparisons, 4)
	}
	for i := range time.Duration(1000) {
		add(1000 + i)
		add(1000 - i)
	}
	add(1000 + 999)
	add(1)
	last := time.Duration(0)
	for place := l.Front(); place != nil; place = place.Next() {
		assert.GreaterOrEqual(t, place.Value.(*batch).wakeAt, last)
		last = place.Value.(*batch).wakeAt
	}
}
