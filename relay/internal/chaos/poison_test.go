package chaos

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// dead waits until the relay has counted so many dead letters.
func (r *relay) dead(n int) {
	r.t.Helper()
	eventually(r.t, patience, "dead letters", func() bool { return r.metric("dead_events_total") >= float64(n) })
}

// letters returns the ids of the messages that `dlq show` prints.
func (r *relay) letters() (ids []string) {
	r.t.Helper()
	out, err := r.command("dlq", "show")
	require.NoError(r.t, err, "dlq show")
	for decoder := json.NewDecoder(strings.NewReader(out)); decoder.More(); {
		var letter struct{ Message wireItem }
		require.NoError(r.t, decoder.Decode(&letter))
		ids = append(ids, or(letter.Message.Properties.ID, letter.Message.Traits.ID))
	}
	slices.Sort(ids)
	return ids
}

// In each position of a body one event is refused, and at last all of them. The
// others are delivered, once. When the API takes them, those are delivered too.
func TestPoison(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.relay("r").start()
	const size = 10
	const single = 2 * size // bodies with one refused event each, before the one with all
	poison := func(n int) bool { return n >= single*size || n%size == n/size%size }
	f := w.feeder("f", r.URL())
	w.sink.set(refusing("f", poison))
	for i := range single {
		f.mustPost(t, []string{"track", "identify"}[i/size], size)
	}
	f.mustPost(t, "track", size)
	var want []string
	for n := range f.next {
		if poison(n) {
			want = append(want, eventID("f", n))
		}
	}
	r.dead(len(want))
	w.sink.await(t, patience, "the others", func() bool { return w.sink.total("f") == f.next-len(want) })
	slices.Sort(want)
	assert.Equal(t, want, r.letters())
	out, err := r.command("dlq", "ls")
	require.NoError(t, err)
	assert.Contains(t, out, "chaos-refused")
	assert.NotContains(t, out, secretNote)

	assert.Zero(t, w.judge(w.books()).wrong)

	w.sink.set()
	out, err = r.command("dlq", "replay", "--tenant", "default")
	require.NoError(t, err, out)
	t.Log(out)
	v := w.settle(patience)
	assert.Empty(t, r.letters())
	v.wrong = 0 // an identify that was refused comes after later ones now
	w.require(v, 0)
}

// The relay is killed while dead letters are sent again.
func TestKillDuringReplay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.relay("r").start()
	f := w.feeder("f", r.URL())
	w.sink.set(refusing("f", func(int) bool { return true }))
	letters := form(2000, 50_000)
	for f.next < letters {
		f.mustPost(t, "track", 100)
	}
	r.dead(letters)
	w.sink.set()
	kills := form(3, 20)
	for range kills {
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = r.command("dlq", "replay", "--tenant", "default") // the relay dies
		}()
		want := w.sink.total("f") + 50
		w.sink.within(10*time.Second, func() bool { return w.sink.total("f") >= min(want, letters) })
		r.crash()
		<-done
	}
	out, err := r.command("dlq", "replay", "--tenant", "default")
	require.NoError(t, err, out)
	w.require(w.settle(patience), kills*inFlight)
	assert.Empty(t, r.letters())
}

// The stream of dead letters is gone: what is refused is not acknowledged, and is
// a dead letter as soon as it can be.
func TestDeadLettersAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	broker := w.broker()
	r := w.relay("r", "--nats", broker.URL(), "--replicas", "1").start()
	conn, err := nats.Connect(broker.URL(), nats.Timeout(patience))
	require.NoError(t, err)
	defer conn.Close()
	js, err := conn.JetStream(nats.MaxWait(patience))
	require.NoError(t, err)
	require.NoError(t, js.DeleteStream(stream+"_DLQ"))
	f := w.feeder("f", r.URL())
	w.sink.set(refusing("f", func(n int) bool { return n%10 == 0 }))
	const events = 300
	f.mustPost(t, "track", events)
	w.sink.await(t, patience, "the others", func() bool { return w.sink.total("f") == events*9/10 })
	assert.Zero(t, r.metric("dead_events_total"))
	r.crash() // which makes the stream
	eventually(t, patience, "dead letters", func() bool { return len(r.letters()) == events/10 })
	v := w.judge(w.books())
	assert.Equal(t, events/10, v.lost, "those that are dead letters")
	assert.LessOrEqual(t, v.twice, inFlight)
}
