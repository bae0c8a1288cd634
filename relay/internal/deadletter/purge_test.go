package deadletter

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPurge(t *testing.T) {
	for name, test := range map[string]struct {
		f       func(*world) Filter
		purged  int
		a, b    []uint64
		purgesB bool
	}{
		"all":       {func(*world) Filter { return Filter{} }, 5, []uint64{}, []uint64{}, true},
		"a tenant":  {func(*world) Filter { return Filter{Tenant: "a"} }, 4, []uint64{}, []uint64{1}, false},
		"a code":    {func(*world) Filter { return Filter{Code: "422"} }, 3, []uint64{2, 3}, []uint64{}, true},
		"no letter": {func(*world) Filter { return Filter{Code: "zzz"} }, 0, []uint64{1, 2, 3, 4}, []uint64{1}, false},
		"a time": {func(w *world) Filter { return Filter{Tenant: "a", Since: w.list(Filter{Tenant: "a"})[2].Time} },
			2, []uint64{1, 2}, []uint64{1}, false},
		"the future": {func(*world) Filter { return Filter{Since: time.Now().Add(time.Hour)} }, 0, []uint64{1, 2, 3, 4}, []uint64{1}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			for i, l := range []struct{ tenant, code string }{{"a", "422"}, {"a", "400"}, {"b", "422"}, {"a", "400"}, {"a", "422"}} {
				one := letter(i)
				one.Tenant, one.Code = l.tenant, l.code
				require.NoError(t, w.Put(t.Context(), one, fmt.Sprint(i)))
			}
			purged, err := w.Purge(t.Context(), test.f(w))
			require.NoError(t, err)
			assert.Equal(t, test.purged, purged)
			assert.Equal(t, test.a, w.sequences(Filter{Tenant: "a"}))
			assert.Equal(t, test.b, w.sequences(Filter{Tenant: "b"}))
		})
	}
}

func TestPurgedStreamTakesLetters(t *testing.T) {
	w := newWorld(t)
	w.put(1, 2)
	_, err := w.Purge(t.Context(), Filter{})
	require.NoError(t, err)
	w.put(3)
	assert.Equal(t, []uint64{3}, w.sequences(Filter{}))
}

// arrives puts letters until it is stopped, and returns how many.
func (w *world) arrives() (stop func() int) {
	done, ended := make(chan struct{}), make(chan int)
	go func() {
		for n := 10_000; ; n++ {
			select {
			case <-done:
				ended <- n - 10_000
				return
			default:
				assert.NoError(w.t, w.Put(w.t.Context(), letter(n), fmt.Sprint("arrived-", n)))
			}
		}
	}()
	return func() int { close(done); return <-ended }
}

func TestPurgeWhileLettersArrive(t *testing.T) {
	for name, f := range map[string]Filter{"whole": {Tenant: "a"}, "by code": {Tenant: "a", Code: "422"}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.fill(300)
			stop := w.arrives()
			purged, err := w.Purge(t.Context(), f)
			arrived := stop()
			require.NoError(t, err)
			assert.Equal(t, 300+arrived, purged+w.count("ALTERTABLE_a_DLQ"), "each is purged or there")
			assert.GreaterOrEqual(t, purged, 300)
		})
	}
}

func TestPurgeLeavesWhatArrives(t *testing.T) {
	for name, f := range map[string]Filter{"whole": {}, "by code": {Code: "422"}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.put(1, 2, 3)
			late := &faulty{JetStream: w.js, delete: func(int) error { return w.Put(t.Context(), letter(4), "late") }}
			purged, err := NewStore(late, []string{"a"}).Purge(t.Context(), f)
			require.NoError(t, err)
			assert.Equal(t, 3, purged)
			assert.Equal(t, []uint64{4}, w.sequences(Filter{}))
		})
	}
}

// Each letter is purged or on the stream; none is in both counts, and none is in neither.
func TestPurgeAndReplayAtTheSameTime(t *testing.T) {
	const letters = 200
	w := newWorld(t)
	w.fill(letters)
	var wg sync.WaitGroup
	wg.Go(func() {
		_, err := w.Replay(t.Context(), Filter{Tenant: "a"})
		assert.NoError(t, err)
	})
	wg.Go(func() {
		_, err := w.Purge(t.Context(), Filter{Tenant: "a", Code: "422"})
		assert.NoError(t, err)
	})
	wg.Wait()
	assert.Zero(t, w.count("ALTERTABLE_a_DLQ"))
	seen := map[string]bool{}
	for _, p := range w.onStream("a") {
		assert.False(t, seen[p], "twice")
		seen[p] = true
	}
}

func TestPurgeThatFails(t *testing.T) {
	w := newEmbeddedWorld(t)
	w.fill(100)
	fails := NewStore(&faulty{JetStream: w.js, delete: func(sequence int) error {
		if sequence == 50 {
			return errors.New("no quorum")
		}
		return nil
	}}, []string{"a"})
	purged, err := fails.Purge(t.Context(), Filter{Code: "422"})
	require.ErrorContains(t, err, fmt.Sprintf(`tenant "a": %d dead letters were purged: no quorum`, purged))
	assert.Equal(t, 100-purged, w.count("ALTERTABLE_a_DLQ"))
	purged, err = w.Purge(t.Context(), Filter{Code: "422"})
	require.NoError(t, err)
	assert.NotZero(t, purged)
	assert.Zero(t, w.count("ALTERTABLE_a_DLQ"))
}

// BenchmarkPurge is what a letter costs.
func BenchmarkPurge(b *testing.B) {
	for name, f := range map[string]Filter{"whole": {Tenant: "a"}, "by code": {Tenant: "a", Code: "422"}} {
		b.Run(name, func(b *testing.B) {
			w := newWorld(b)
			w.fill(b.N)
			b.ResetTimer()
			n, err := w.Purge(b.Context(), f)
			require.NoError(b, err)
			require.Equal(b, b.N, n)
		})
	}
}
