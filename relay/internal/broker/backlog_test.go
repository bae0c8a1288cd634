package broker

import (
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBacklog(t *testing.T) {
	b := open(t, Options{Data: t.TempDir()})
	ctx := t.Context()
	got, err := b.Backlog(ctx, "acme")
	require.NoError(t, err)
	assert.Zero(t, got)
	for range 20 {
		publish(t, b, "acme", `[{"event":"a"},{"event":"b"},{"event":"c"}]`)
	}
	_, err = b.JetStream().Publish(ctx, DeadSubject("acme", "track"), []byte("{}"))
	require.NoError(t, err)
	got, err = b.Backlog(ctx, "acme")
	require.NoError(t, err)
	assert.EqualValues(t, 20, got.Messages)
	assert.EqualValues(t, 60, got.Events)
	assert.EqualValues(t, 1, got.Dead)
	assert.Positive(t, got.Oldest)
	assert.Greater(t, got.Bytes, int64(20*40))
	_, err = b.Backlog(ctx, "nobody")
	require.ErrorIs(t, err, jetstream.ErrStreamNotFound)
	assert.ErrorContains(t, err, "ALTERTABLE_nobody")
}

// What was delivered in between is no part of it, nor an error.
func TestBacklogWithGaps(t *testing.T) {
	b := open(t, Options{Data: t.TempDir()})
	ctx := t.Context()
	s, err := b.JetStream().Stream(ctx, Stream("acme"))
	require.NoError(t, err)
	for range 30 {
		publish(t, b, "acme", `[{"event":"a"},{"event":"b"}]`)
	}
	for seq := uint64(1); seq < 30; seq++ {
		if seq%3 != 0 {
			require.NoError(t, s.DeleteMsg(ctx, seq))
		}
	}
	got, err := b.Backlog(ctx, "acme")
	require.NoError(t, err)
	assert.EqualValues(t, 10, got.Messages)
	assert.EqualValues(t, 20, got.Events)
}
