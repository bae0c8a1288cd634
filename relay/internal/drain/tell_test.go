package drain

import (
	"strconv"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/relay/internal/broker"
)

func TestWhatIsAnInbox(t *testing.T) {
	d := newBench(t).newSession().d
	for subject, want := range map[string]bool{
		"_INBOX.a": true, "_INBOX.outcome.x.1": true,
		"": false, "_INBOX": false, "_INBOXES.a": false, "$JS.API.STREAM.DELETE.OTHER": false, "altertable.v1.other.track": false,
		"_INBOX.a b": false, "_INBOX.>": false, "_INBOX.*": false, "_INBOX.a\r\nPUB x": false, "own.a": false,
	} {
		assert.Equal(t, want, d.isInbox(subject), subject)
	}
	d.broker.conn.Opts.InboxPrefix = "own"
	assert.True(t, d.isInbox("own.a"))
	assert.True(t, d.isInbox("_INBOX.a"))
	assert.False(t, d.isInbox("owner.a"))
}

// Who may publish events of one tenant reaches no other subject by that.
func TestAnOutcomeGoesToAnInboxAlone(t *testing.T) {
	b := newBench(t)
	_, err := b.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "OTHER", Subjects: []string{"altertable.v1.other.track"}})
	require.NoError(t, err)
	_, err = b.js.Publish(t.Context(), "altertable.v1.other.track", []byte("x"))
	require.NoError(t, err)
	b.drain()
	for _, subject := range []string{"altertable.v1.other.track", "$JS.API.STREAM.PURGE.OTHER", "$JS.API.STREAM.DELETE.OTHER"} {
		b.sink.expect("track", b.sent)
		b.publish("track", strconv.Itoa(b.sent), []byte(event("track", "production", b.sent, "u1", "")), broker.HeaderOutcome, subject)
		b.sent++
	}
	b.requireAll(0)
	// An outcome is published right after its message is acknowledged, and before those of
	// what comes later.
	inbox := b.js.Conn().NewInbox()
	answers, err := b.js.Conn().SubscribeSync(inbox)
	require.NoError(t, err)
	b.publish("track", "last", []byte(event("track", "production", b.sent, "u1", "")), broker.HeaderOutcome, inbox)
	_, err = answers.NextMsg(patience)
	require.NoError(t, err)
	stream, err := b.js.Stream(t.Context(), "OTHER")
	require.NoError(t, err)
	require.EqualValues(t, 1, stream.CachedInfo().State.Msgs)
}
