package broker

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWhatIsStoredIsThereAfterRestart(t *testing.T) {
	o := Options{Data: t.TempDir(), Compress: true}
	b := open(t, o)
	require.NoError(t, b.Ready(t.Context()))
	publish(t, b, "acme", `[{"event":"signed_up"}]`)
	b.Close()
	log := new(record)
	o.Logger = log.logger()
	b = open(t, o)
	assert.EqualValues(t, 1, messages(t, b, "acme"))
	assert.Zero(t, log.count("is changed"), log.String())
	require.NoError(t, b.Ready(t.Context()))
}

func TestStreamsAndConsumers(t *testing.T) {
	b := open(t, Options{Data: t.TempDir(), Compress: true, Dedupe: time.Minute, PinnedTTL: 5 * time.Second, AckWait: 20 * time.Second}, Tenant{Name: "acme", MaxBytes: 1 << 30})
	ctx := ctxOf(t, 10*time.Second)
	s, err := b.JetStream().Stream(ctx, "ALTERTABLE_acme")
	require.NoError(t, err)
	c := s.CachedInfo().Config
	assert.Equal(t, jetstream.WorkQueuePolicy, c.Retention)
	assert.Equal(t, jetstream.FileStorage, c.Storage)
	assert.Equal(t, jetstream.DiscardNew, c.Discard)
	assert.Equal(t, jetstream.S2Compression, c.Compression)
	assert.EqualValues(t, 1<<30, c.MaxBytes)
	assert.Zero(t, c.MaxAge)
	assert.Equal(t, time.Minute, c.Duplicates)
	assert.Equal(t, "1", c.Metadata["identify_partitions"])
	assert.GreaterOrEqual(t, c.MaxMsgSize, int32(2<<20))
}
