package deadletter

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var errStop = errors.New("stop")

func TestFilters(t *testing.T) {
	w := newWorld(t)
	for i, l := range []struct{ tenant, code string }{{"a", "422"}, {"a", "400"}, {"b", "422"}, {"a", "no code"}, {"a", "422"}} {
		one := letter(i)
		one.Tenant, one.Code = l.tenant, l.code
		require.NoError(t, w.Put(t.Context(), one, fmt.Sprint(i)))
	}
	at := func(i int) time.Time { return w.list(Filter{Tenant: "a"})[i].Time }
	for name, test := range map[string]struct {
		f    Filter
		want []uint64
	}{
		"all":                {Filter{}, []uint64{1, 2, 3, 4, 1}},
		"tenant":             {Filter{Tenant: "a"}, []uint64{1, 2, 3, 4}},
		"other tenant":       {Filter{Tenant: "b"}, []uint64{1}},
		"code":               {Filter{Code: "422"}, []uint64{1, 4, 1}},
		"other code":         {Filter{Code: "other"}, []uint64{3}},
		"no such code":       {Filter{Code: "4"}, []uint64{}},
		"since the first":    {Filter{Tenant: "a", Since: at(0)}, []uint64{1, 2, 3, 4}},
		"since the second":   {Filter{Tenant: "a", Since: at(1)}, []uint64{2, 3, 4}},
		"just after":         {Filter{Tenant: "a", Since: at(1).Add(1)}, []uint64{3, 4}},
		"after the last":     {Filter{Tenant: "a", Since: at(3).Add(1)}, []uint64{}},
		"of the future":      {Filter{Since: time.Now().Add(time.Hour)}, []uint64{}},
		"of the past":        {Filter{Since: time.Unix(1, 0)}, []uint64{1, 2, 3, 4, 1}},
		"in another zone":    {Filter{Tenant: "a", Since: at(3).In(time.FixedZone("", 7200))}, []uint64{4}},
		"code and since":     {Filter{Tenant: "a", Code: "422", Since: at(1)}, []uint64{4}},
		"everything at once": {Filter{Tenant: "a", Code: "other", Since: at(2)}, []uint64{3}},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, test.want, w.sequences(test.f))
			heads := []uint64{}
			require.NoError(t, w.ListHeaders(t.Context(), test.f, func(l Letter) error {
				assert.Empty(t, l.Message)
				heads = append(heads, l.Sequence)
				return nil
			}))
			assert.Equal(t, test.want, heads)
		})
	}
}

func TestHeadsAreLettersWithoutTheirMessages(t *testing.T) {
	w := newWorld(t)
	w.put(1)
	want := w.list(Filter{})[0]
	want.Message = nil
	require.NoError(t, w.ListHeaders(t.Context(), Filter{}, func(l Letter) error {
		assert.Equal(t, want, l)
		return nil
	}))
}

func TestListAmongDeletions(t *testing.T) {
	for name, test := range map[string]struct{ deleted, want []uint64 }{
		"none":       {nil, []uint64{1, 2, 3, 4, 5, 6}},
		"the first":  {[]uint64{1, 2}, []uint64{3, 4, 5, 6}},
		"in between": {[]uint64{2, 4}, []uint64{1, 3, 5, 6}},
		"the last":   {[]uint64{5, 6}, []uint64{1, 2, 3, 4}},
		"all":        {[]uint64{1, 2, 3, 4, 5, 6}, []uint64{}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.put(1, 2, 3, 4, 5, 6)
			stream := w.stream("ALTERTABLE_a_DLQ")
			for _, sequence := range test.deleted {
				require.NoError(t, stream.DeleteMsg(t.Context(), sequence))
			}
			assert.Equal(t, test.want, w.sequences(Filter{}))
			assert.Equal(t, test.want, w.sequences(Filter{Tenant: "a", Since: time.Unix(1, 0)}))
		})
	}
}

// What happens during a List of 1000 letters, at the 100th.
func TestListWhileSomethingHappens(t *testing.T) {
	const many = 1000
	for name, test := range map[string]struct {
		happens     func(*world, jetstream.Stream) error
		least, most int
	}{
		"new letters": {func(w *world, _ jetstream.Stream) error {
			w.put(many+1, many+2, many+3)
			return nil
		}, many, many},
		"a purge of all": {func(w *world, _ jetstream.Stream) error {
			_, err := w.Purge(w.t.Context(), Filter{})
			return err
		}, 100, many - 1},
		"a purge and new letters": {func(w *world, _ jetstream.Stream) error {
			_, err := w.Purge(w.t.Context(), Filter{})
			w.put(many+1, many+2, many+3)
			return err
		}, 100, many - 1},
		"a letter far ahead is gone": {func(w *world, s jetstream.Stream) error {
			return s.DeleteMsg(w.t.Context(), 900)
		}, many - 1, many - 1},
		"the last ones are gone": {func(w *world, s jetstream.Stream) error {
			return errors.Join(s.DeleteMsg(w.t.Context(), many), s.DeleteMsg(w.t.Context(), many-1))
		}, many - 2, many - 2},
		"the last ones are gone and new ones come": {func(w *world, s jetstream.Stream) error {
			err := errors.Join(s.DeleteMsg(w.t.Context(), many), s.DeleteMsg(w.t.Context(), many-1))
			w.put(many+1, many+2)
			return err
		}, many - 2, many - 2},
		"a replay": {func(w *world, _ jetstream.Stream) error {
			n, err := w.Replay(w.t.Context(), Filter{})
			assert.Equal(w.t, many, n)
			return err
		}, 100, many - 1},
		"the broker forgets the reader": {func(w *world, s jetstream.Stream) error {
			for name := range s.ConsumerNames(w.t.Context()).Name() {
				if err := s.DeleteConsumer(w.t.Context(), name); err != nil {
					return err
				}
			}
			return nil
		}, many, many},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.fill(many)
			var found []uint64
			require.NoError(t, w.List(t.Context(), Filter{Tenant: "a"}, func(l Letter) error {
				if found = append(found, l.Sequence); len(found) == 100 {
					return test.happens(w, w.stream("ALTERTABLE_a_DLQ"))
				}
				return nil
			}))
			assert.LessOrEqual(t, len(found), test.most)
			assert.GreaterOrEqual(t, len(found), test.least)
			assert.True(t, slices.IsSorted(found), "oldest first")
			assert.Len(t, slices.Compact(found), len(found), "each once")
		})
	}
}

func TestListEndsEarly(t *testing.T) {
	w := newWorld(t)
	w.put(1, 2, 3)
	calls := 0
	err := w.List(t.Context(), Filter{}, func(Letter) error { calls++; return errStop })
	assert.Equal(t, errStop, err, "as it is")
	assert.Equal(t, 1, calls)

	ctx, cancel := context.WithCancel(t.Context())
	err = w.List(ctx, Filter{}, func(l Letter) error {
		cancel()
		<-ctx.Done()
		return nil
	})
	require.ErrorIs(t, err, context.Canceled)
	assert.ErrorContains(t, err, `tenant "`)
	require.ErrorIs(t, w.List(ctx, Filter{}, nil), context.Canceled)
}

func TestListLeavesNothingBehind(t *testing.T) {
	w := newWorld(t)
	w.put(1, 2, 3)
	before := w.stream("ALTERTABLE_a_DLQ").CachedInfo().State
	w.list(Filter{})
	_ = w.List(t.Context(), Filter{}, func(Letter) error { return errStop })
	after := w.stream("ALTERTABLE_a_DLQ").CachedInfo().State
	assert.Zero(t, after.Consumers)
	assert.Equal(t, before, after)
}

func TestErrorsOfReading(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.js.DeleteStream(t.Context(), "ALTERTABLE_b_DLQ"))
	for name, call := range map[string]func(Filter) error{
		"list":    func(f Filter) error { return w.List(t.Context(), f, func(Letter) error { return nil }) },
		"headers": func(f Filter) error { return w.ListHeaders(t.Context(), f, func(Letter) error { return nil }) },
		"replay":  func(f Filter) error { _, err := w.Replay(t.Context(), f); return err },
		"purge":   func(f Filter) error { _, err := w.Purge(t.Context(), f); return err },
	} {
		t.Run(name, func(t *testing.T) {
			err := call(Filter{Tenant: "zzz"})
			require.ErrorIs(t, err, ErrUnknown)
			assert.ErrorContains(t, err, `tenant "zzz": unknown: the relay's tenants are ["a" "b"]`)
			err = call(Filter{})
			require.ErrorIs(t, err, jetstream.ErrStreamNotFound)
			assert.ErrorContains(t, err, `tenant "b": there is no stream of dead letters`)
		})
	}
}

// All letters together are larger than what a reader may hold. The broker is in this
// process as well: it has them in memory already, and takes no more of it to read them.
func TestOnlyAFewLettersAreInMemory(t *testing.T) {
	const letters, size = 2000, 16 << 10
	w := newWorld(t)
	config := w.stream("ALTERTABLE_a_DLQ").CachedInfo().Config
	require.NoError(t, w.js.DeleteStream(t.Context(), config.Name))
	config.Storage, config.Compression = jetstream.MemoryStorage, jetstream.NoCompression
	_, err := w.js.CreateStream(t.Context(), config)
	require.NoError(t, err)
	for i := range letters {
		l := letter(i)
		l.Message = make([]byte, size)
		_, _ = rand.Read(l.Message) // never fails
		require.NoError(t, w.Put(t.Context(), l, fmt.Sprint(i)))
	}
	runtime.GC()
	var at runtime.MemStats
	runtime.ReadMemStats(&at)
	before, most := at.HeapAlloc, uint64(0)
	count, start := 0, time.Now()
	require.NoError(t, w.List(t.Context(), Filter{Tenant: "a"}, func(Letter) error {
		if count++; count%(letters/10) == 0 {
			runtime.GC()
			runtime.ReadMemStats(&at)
			most = max(most, at.HeapAlloc)
		}
		return nil
	}))
	t.Logf("%d letters in %v, %d KiB more", count, time.Since(start), (int64(most)-int64(before))>>10)
	assert.Equal(t, letters, count)
	assert.Less(t, int64(most)-int64(before), int64(letters*size/2))
}

// A broker of others may hold letters that are larger than what is asked for at a time.
func TestLettersOfAnySize(t *testing.T) {
	t.Parallel()
	s := startServer(t, &server.Options{DontListen: true, MaxPayload: 8 << 20})
	nc, err := nats.Connect("", nats.InProcessServer(s))
	require.NoError(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "ALTERTABLE_a_DLQ", Subjects: []string{"altertable.v1.dlq.a.>"}})
	require.NoError(t, err)
	w := &world{Store: NewStore(js, []string{"a"}), js: js, t: t}
	for i, size := range []int{10, 7 << 20, 10} {
		l := letter(i)
		l.Message = []byte(`"` + strings.Repeat("x", size) + `"`)
		require.NoError(t, w.Put(t.Context(), l, fmt.Sprint(i)))
	}
	assert.Equal(t, []uint64{1, 2, 3}, w.sequences(Filter{}))
}

// BenchmarkList is what a letter costs, with its message and without.
func BenchmarkList(b *testing.B) {
	w := newWorld(b)
	w.fill(20_000)
	for name, list := range map[string]func(context.Context, Filter, func(Letter) error) error{"list": w.List, "headers": w.ListHeaders} {
		b.Run(name, func(b *testing.B) {
			for n := 0; n < b.N; {
				_ = list(b.Context(), Filter{Tenant: "a"}, func(Letter) error {
					if n++; n >= b.N {
						return errStop
					}
					return nil
				})
			}
		})
	}
}
