package deadletter

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/relay/internal/broker"
)

// errKilled is where a process ends.
var errKilled = errors.New("killed")

func payload(n int) string { return "[" + string(message(n)) + "]" }

func payloads(from, to int) (all []string) {
	for n := from; n <= to; n++ {
		all = append(all, payload(n))
	}
	return all
}

func TestReplay(t *testing.T) {
	w := newEmbeddedWorld(t)
	for i, l := range []struct{ tenant, endpoint, code string }{
		{"a", "track", "422"}, {"a", "identify", "422"}, {"a", "alias", "400"}, {"b", "track", "422"}, {"a", "track", "422"},
	} {
		one := letter(i)
		one.Tenant, one.Endpoint, one.Code = l.tenant, l.endpoint, l.code
		require.NoError(t, w.Put(t.Context(), one, fmt.Sprint(i)))
	}
	n, err := w.Replay(t.Context(), Filter{Tenant: "a", Code: "422"})
	require.NoError(t, err)
	assert.Equal(t, 3, n)
	assert.Equal(t, []string{payload(0), payload(1), payload(4)}, w.onStream("a"), "oldest first")
	assert.Empty(t, w.onStream("b"))
	assert.Equal(t, []uint64{3}, w.sequences(Filter{Tenant: "a"}), "what went is deleted")
	m, err := w.stream("ALTERTABLE_a").GetMsg(t.Context(), 2)
	require.NoError(t, err)
	assert.Equal(t, broker.Subject("a", "identify"), m.Subject)
	assert.Regexp(t, "^dead-[0-9a-f]{32}$", m.Header.Get(jetstream.MsgIDHeader))

	n, err = w.Replay(t.Context(), Filter{})
	require.NoError(t, err)
	assert.Equal(t, 2, n)
	assert.Equal(t, []string{payload(3)}, w.onStream("b"))
	n, err = w.Replay(t.Context(), Filter{})
	require.NoError(t, err)
	assert.Zero(t, n)
}

func TestIDsOfReplays(t *testing.T) {
	w := newWorld(t)
	id := func(l Letter, msgID string) string {
		require.NoError(t, w.Put(t.Context(), l, msgID))
		n, err := w.Replay(t.Context(), Filter{})
		require.NoError(t, err)
		require.Equal(t, 1, n)
		name := broker.Stream(l.Tenant)
		m, err := w.stream(name).GetMsg(t.Context(), w.stream(name).CachedInfo().State.LastSeq)
		require.NoError(t, err)
		return m.Header.Get(jetstream.MsgIDHeader)
	}
	other := letter(1)
	other.Tenant = "b"
	first := id(letter(1), "x")
	ids := map[string]bool{first: true}
	ids[id(letter(1), first)] = true // it was refused again
	ids[id(letter(1), "")] = true
	ids[id(letter(1), "")] = true
	ids[id(other, "x")] = true
	require.NoError(t, w.js.DeleteStream(t.Context(), "ALTERTABLE_a_DLQ"))
	_, err := w.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "ALTERTABLE_a_DLQ", Subjects: []string{"altertable.v1.dlq.a.>"}})
	require.NoError(t, err)
	ids[id(letter(1), "x")] = true // the same sequence and id as the first
	assert.Len(t, ids, 6)
	assert.Len(t, w.onStream("a"), 5, "none is taken for another")
}

// A replay is killed between the PubAck and the delete of a letter. Without a code
// letters are deleted in groups.
func TestKilledReplay(t *testing.T) {
	const letters = 150
	for _, code := range []string{"", "422"} {
		for _, at := range []int{1, 2, 63, 64, 65, 128, 129, letters} {
			t.Run(fmt.Sprint(code, " ", at), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				w.fill(letters)
				dies := &faulty{JetStream: w.js, delete: func(sequence int) error {
					if sequence >= at {
						return errKilled
					}
					return nil
				}}
				sent, err := NewStore(dies, []string{"a"}).Replay(t.Context(), Filter{Code: code})
				require.ErrorIs(t, err, errKilled)
				assert.ErrorContains(t, err, fmt.Sprintf(`tenant "a": %d dead letters were sent again`, sent))
				left := w.count("ALTERTABLE_a_DLQ")
				assert.GreaterOrEqual(t, left, letters-at+1, "what is not deleted is still there")
				assert.Greater(t, left+sent, letters, "some are in both")

				again, err := w.Replay(t.Context(), Filter{Code: code})
				require.NoError(t, err)
				assert.Equal(t, left, again)
				assert.Equal(t, payloads(0, letters-1), w.onStream("a"), "each once, in order")
				assert.Zero(t, w.count("ALTERTABLE_a_DLQ"))
			})
		}
	}
}

// A replay is killed while it publishes.
func TestReplayThatEndsEarly(t *testing.T) {
	const letters = 150
	for name, test := range map[string]func(*world, context.CancelFunc, int) error{
		"a failed publish": func(_ *world, _ context.CancelFunc, n int) error {
			if n > 70 {
				return errKilled
			}
			return nil
		},
		"one failed publish": func(_ *world, _ context.CancelFunc, n int) error {
			if n == 70 {
				return errKilled
			}
			return nil
		},
		"the context ends": func(_ *world, cancel context.CancelFunc, n int) error {
			if n == 70 {
				cancel()
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.fill(letters)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			dies := &faulty{JetStream: w.js, publish: func(n int) error { return test(w, cancel, n) }}
			sent, err := NewStore(dies, []string{"a"}).Replay(ctx, Filter{})
			require.Error(t, err)
			assert.Len(t, w.onStream("a"), sent)
			assert.Equal(t, letters-sent, w.count("ALTERTABLE_a_DLQ"), "what was sent is deleted, all the same")
			assert.ErrorContains(t, err, fmt.Sprintf("%d dead letters were sent again", sent))

			again, err := w.Replay(t.Context(), Filter{})
			require.NoError(t, err)
			assert.Equal(t, letters, sent+again)
			assert.ElementsMatch(t, payloads(0, letters-1), w.onStream("a"))
		})
	}
}

func TestReplayOntoAFullStream(t *testing.T) {
	w := newWorld(t)
	w.fill(100)
	w.change("ALTERTABLE_a", func(c *jetstream.StreamConfig) { c.MaxMsgs = 10 })
	sent, err := w.Replay(t.Context(), Filter{})
	require.ErrorIs(t, err, ErrFull)
	assert.Equal(t, 10, sent)
	assert.ErrorContains(t, err, `tenant "a": 10 dead letters were sent again, the others are kept: the stream is full`)
	assert.Equal(t, 90, w.count("ALTERTABLE_a_DLQ"))
	assert.Equal(t, payloads(0, 9), w.onStream("a"))

	w.change("ALTERTABLE_a", func(c *jetstream.StreamConfig) { c.MaxMsgs = -1 })
	sent, err = w.Replay(t.Context(), Filter{})
	require.NoError(t, err)
	assert.Equal(t, 90, sent)
	assert.Equal(t, payloads(0, 99), w.onStream("a"))
}

// One tenant's full stream is not another's.
func TestReplayOfOtherTenantsGoesOn(t *testing.T) {
	w := newWorld(t)
	w.put(1, 2)
	l := letter(3)
	l.Tenant = "b"
	require.NoError(t, w.Put(t.Context(), l, ""))
	w.change("ALTERTABLE_a", func(c *jetstream.StreamConfig) { c.MaxMsgs, c.MaxBytes = 1, 1 })
	sent, err := w.Replay(t.Context(), Filter{})
	require.ErrorIs(t, err, ErrFull)
	assert.Equal(t, 1, sent)
	assert.Equal(t, []string{payload(3)}, w.onStream("b"))
}

func TestReplayLeavesWhatIsTooLarge(t *testing.T) {
	w := newWorld(t)
	w.put(1)
	large := letter(2)
	large.Message = fmt.Appendf(nil, `"%03000d"`, 0)
	require.NoError(t, w.Put(t.Context(), large, ""))
	w.put(3)
	w.change("ALTERTABLE_a", func(c *jetstream.StreamConfig) { c.MaxMsgSize = 2000 })
	sent, err := w.Replay(t.Context(), Filter{})
	require.ErrorIs(t, err, ErrTooLarge)
	assert.ErrorContains(t, err, `tenant "a": 1 dead letters cannot be sent and are kept`)
	assert.Equal(t, 2, sent)
	assert.Equal(t, []uint64{2}, w.sequences(Filter{}))
	assert.Equal(t, []string{payload(1), payload(3)}, w.onStream("a"))
}

// What is refused again becomes a letter while the replay still runs.
func TestPoisonThatComesBack(t *testing.T) {
	w := newWorld(t)
	const letters = 130
	w.fill(letters)
	comesBack := &faulty{JetStream: w.js, publish: func(n int) error { return w.Put(t.Context(), letter(n-1), fmt.Sprint("again-", n)) }}
	sent, err := NewStore(comesBack, []string{"a"}).Replay(t.Context(), Filter{})
	require.NoError(t, err)
	assert.Equal(t, letters, sent)
	assert.Equal(t, letters, w.count("ALTERTABLE_a_DLQ"), "they are left")
	assert.Len(t, w.onStream("a"), letters)
}

func TestTwoReplaysAtTheSameTime(t *testing.T) {
	const letters = 200
	w := newWorld(t)
	w.fill(letters)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			_, err := w.Replay(t.Context(), Filter{})
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	assert.ElementsMatch(t, payloads(0, letters-1), w.onStream("a"))
	assert.Zero(t, w.count("ALTERTABLE_a_DLQ"))
}

func TestReplayWithoutAStreamToSendTo(t *testing.T) {
	w := newWorld(t)
	w.put(1, 2)
	require.NoError(t, w.js.DeleteStream(t.Context(), "ALTERTABLE_a"))
	sent, err := w.Replay(t.Context(), Filter{Tenant: "a"})
	assert.Zero(t, sent)
	require.ErrorContains(t, err, `tenant "a": 0 dead letters were sent again`)
	assert.Equal(t, 2, w.count("ALTERTABLE_a_DLQ"))
}

// A stream that takes the subject, and that no relay drains or reads, is none of ours.
func TestOnlyOurStreamsCount(t *testing.T) {
	w := newWorld(t)
	w.put(1)
	for _, name := range []string{"ALTERTABLE_a", "ALTERTABLE_b_DLQ"} {
		config := w.stream(name).CachedInfo().Config
		require.NoError(t, w.js.DeleteStream(t.Context(), name))
		_, err := w.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "OTHER_" + name, Subjects: config.Subjects})
		require.NoError(t, err)
	}
	sent, err := w.Replay(t.Context(), Filter{Tenant: "a"})
	assert.Zero(t, sent)
	require.Error(t, err)
	assert.Equal(t, []uint64{1}, w.sequences(Filter{Tenant: "a"}))

	l := letter(1)
	l.Tenant = "b"
	require.Error(t, w.Put(t.Context(), l, "id"))
}

// BenchmarkReplay is what a letter costs.
func BenchmarkReplay(b *testing.B) {
	for name, f := range map[string]Filter{"whole": {Tenant: "a"}, "by code": {Tenant: "a", Code: "422"}} {
		b.Run(name, func(b *testing.B) {
			w := newWorld(b)
			w.fill(b.N)
			b.ResetTimer()
			n, err := w.Replay(b.Context(), f)
			require.NoError(b, err)
			require.Equal(b, b.N, n)
		})
	}
}
