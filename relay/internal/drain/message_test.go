package drain

import (
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/relay/internal/broker"
)

// newSession returns a session that does not run, of a drain that does not.
func (b *bench) newSession() *session {
	d, err := New(Options{Tenant: "acme", APIKey: "key", JetStream: b.js, Logger: testLogger(b.t)})
	require.NoError(b.t, err)
	return b.nextSession(d)
}

func (b *bench) nextSession(d *Drain) *session {
	s, err := d.newSession(opening{})
	require.NoError(b.t, err)
	b.t.Cleanup(func() { _ = s.client.Shutdown(ended); s.cancel() })
	return s
}

// What becomes of an event after its session's end is the next session's to know.
func TestAnOutcomeThatComesTooLate(t *testing.T) {
	b := newBench(t)
	s := b.newSession()
	h := &held{lane: s.lanes[0], id: msgID{1, 2}, events: 3}
	s.hold(h)
	s.settle(h, 0, refusal{})
	require.Equal(t, 1, s.letGo())
	next := b.nextSession(s.d)
	over := make(chan struct{})
	go func() { s.settle(h, 1, refusal{}); s.miss(h, 2, "staging"); close(over) }()
	again := &held{lane: next.lanes[0], id: msgID{1, 2}, events: 3}
	next.hold(again) // a data race if the sessions share what is settled
	<-over
	require.True(t, again.skip.has(0))
	require.Less(t, again.remaining, 3)
	next.letGo()
	last := &held{lane: next.lanes[0], id: msgID{1, 2}, events: 3}
	b.nextSession(s.d).hold(last)
	require.True(t, last.skip.has(0))
}

func TestProgressOfAnotherPayloadHoldsNothingForever(t *testing.T) {
	s := newBench(t).newSession()
	for i := range 59 {
		s.d.progress.mark(msgID{1, 2}, i, 60, refusal{})
	}
	h := &held{lane: s.lanes[0], id: msgID{1, 2}, events: 3}
	s.hold(h)
	require.Equal(t, 3, h.remaining)
}

// The outcome of a message is that of its first refused event, also if the session ended
// between the refusal and the rest.
func TestTheOutcomeOutlivesASession(t *testing.T) {
	b := newBench(t)
	inbox := b.js.Conn().NewInbox()
	answers, err := b.js.Conn().SubscribeSync(inbox)
	require.NoError(t, err)
	var away atomic.Bool
	away.Store(true)
	b.sink.setAnswer(func(w http.ResponseWriter, _ string, events []sunk) bool {
		for _, e := range events {
			if e.Properties.Poison {
				return false
			}
		}
		if away.Load() {
			w.WriteHeader(503)
		}
		return away.Load()
	})
	d := b.drain()
	b.publish("track", "m", []byte("["+event("track", "production", 1, "u1", `,"poison":true`)+","+event("track", "production", 2, "u2", "")+"]"), broker.HeaderOutcome, inbox)
	until(t, "settled", func() bool { return b.dead.count() == 1 && d.settled() == 1 })
	before := d.current()
	before.end(lost, "a test")
	until(t, "a new session", func() bool { return d.current() != before })
	away.Store(false)
	m, err := answers.NextMsg(patience)
	require.NoError(t, err)
	require.JSONEq(t, `{"status":422,"code":"invalid-event","task_id":""}`, string(m.Data))
}

func (d *Drain) current() *session {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.session
}

// settled returns how many events of held messages are.
func (d *Drain) settled() (n int) {
	s := d.current()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.held {
		n += h.settled.count()
	}
	return n
}
