package broker

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func streamOf(t *testing.T, b *Broker, name string) jetstream.StreamConfig {
	t.Helper()
	s, err := b.JetStream().Stream(ctxOf(t, patience), name)
	require.NoError(t, err)
	return s.CachedInfo().Config
}

func consumerOf(t *testing.T, b *Broker, name string) jetstream.ConsumerConfig {
	t.Helper()
	c, err := b.JetStream().Consumer(ctxOf(t, patience), Stream("acme"), name)
	require.NoError(t, err)
	return c.CachedInfo().Config
}

func TestStreams(t *testing.T) {
	b := open(t, Options{Data: t.TempDir(), Compress: true, Dedupe: time.Minute}, Tenant{Name: "acme", MaxBytes: 1 << 30})
	c := streamOf(t, b, "ALTERTABLE_acme")
	assert.Equal(t, []string{"altertable.v1.acme.track", "altertable.v1.acme.alias", "altertable.v1.acme.identify.0"}, c.Subjects)
	assert.Equal(t, jetstream.WorkQueuePolicy, c.Retention)
	assert.EqualValues(t, 1<<30, c.MaxBytes)
	assert.Zero(t, c.MaxAge)
	assert.GreaterOrEqual(t, c.MaxMsgSize, int32(2<<20))
	assert.Equal(t, "1", c.Metadata["identify_partitions"])

	dead := streamOf(t, b, "ALTERTABLE_acme_DLQ")
	assert.Equal(t, []string{"altertable.v1.dlq.acme.>"}, dead.Subjects)
	assert.Equal(t, jetstream.LimitsPolicy, dead.Retention)
	assert.Equal(t, 30*24*time.Hour, dead.MaxAge)
	assert.EqualValues(t, 1<<27, dead.MaxBytes)

	for _, c := range []jetstream.StreamConfig{c, dead} {
		assert.Equal(t, jetstream.FileStorage, c.Storage)
		assert.Equal(t, jetstream.DiscardNew, c.Discard)
		assert.Equal(t, jetstream.S2Compression, c.Compression)
		assert.Equal(t, time.Minute, c.Duplicates)
		assert.Equal(t, 1, c.Replicas)
	}
}

func TestConsumers(t *testing.T) {
	b := open(t, Options{Data: t.TempDir(), PinnedTTL: 5 * time.Second, AckWait: 20 * time.Second})
	events, identify := consumerOf(t, b, "events"), consumerOf(t, b, "identify-0")
	assert.Equal(t, []string{"altertable.v1.acme.track", "altertable.v1.acme.alias"}, events.FilterSubjects)
	assert.Equal(t, "altertable.v1.acme.identify.0", identify.FilterSubject)
	for _, c := range []jetstream.ConsumerConfig{events, identify} {
		assert.Equal(t, c.Name, c.Durable)
		assert.Equal(t, jetstream.AckExplicitPolicy, c.AckPolicy)
		assert.Equal(t, 20*time.Second, c.AckWait)
		assert.Equal(t, -1, c.MaxDeliver)
		assert.Equal(t, 4096, c.MaxAckPending)
		assert.Equal(t, jetstream.PriorityPolicyPinned, c.PriorityPolicy)
		assert.Equal(t, []string{"drain"}, c.PriorityGroups)
		assert.Equal(t, 5*time.Second, c.PinnedTTL)
		assert.Zero(t, c.InactiveThreshold)
	}
}

// What is configured otherwise at the next start is changed, once.
func TestChangedSettings(t *testing.T) {
	o := Options{Data: t.TempDir()}
	b := open(t, o, Tenant{Name: "acme", MaxBytes: 1 << 30})
	publish(t, b, "acme", "[]")
	b.Close()
	log := new(record)
	o = Options{Data: o.Data, Compress: true, Dedupe: time.Minute, PinnedTTL: 5 * time.Second, AckWait: 20 * time.Second, Logger: log.logger()}
	tenant := Tenant{Name: "acme", MaxBytes: 2 << 30}
	b = open(t, o, tenant)
	assert.Equal(t, 4, log.count("is changed"), log.String())
	c := streamOf(t, b, Stream("acme"))
	assert.EqualValues(t, 2<<30, c.MaxBytes)
	assert.Equal(t, time.Minute, c.Duplicates)
	assert.Equal(t, jetstream.S2Compression, c.Compression)
	assert.Equal(t, 20*time.Second, consumerOf(t, b, EventsConsumer).AckWait)
	assert.Equal(t, 5*time.Second, consumerOf(t, b, IdentifyConsumer).PinnedTTL)
	assert.EqualValues(t, 1, messages(t, b, "acme"))
	b.Close()
	open(t, o, tenant)
	assert.Equal(t, 4, log.count("is changed"), log.String())
}

// A bound below what is stored refuses what is new and removes nothing.
func TestSmallerBound(t *testing.T) {
	o := Options{Data: t.TempDir()}
	b := open(t, o, Tenant{Name: "acme", MaxBytes: 1 << 20})
	for range 10 {
		publish(t, b, "acme", strings.Repeat("x", 10_000))
	}
	b.Close()
	b = open(t, o, Tenant{Name: "acme", MaxBytes: 1 << 14})
	assert.EqualValues(t, 10, messages(t, b, "acme"))
	_, err := b.JetStream().Publish(t.Context(), Subject("acme", "track"), []byte("[]"))
	require.Error(t, err)
	require.NoError(t, b.Ready(t.Context()), "other tenants can store")
	assert.Equal(t, 10, newPuller(t, b).deliver(10))
	publish(t, b, "acme", "[]")
}

func TestFullStream(t *testing.T) {
	b := open(t, Options{Data: t.TempDir()}, Tenant{Name: "acme", MaxBytes: 1 << 20}, Tenant{Name: "other", MaxBytes: 1 << 20})
	var stored uint64
	var err error
	for err == nil {
		if _, err = b.JetStream().Publish(t.Context(), Subject("acme", "track"), make([]byte, 50_000)); err == nil {
			stored++
		}
	}
	var api *jetstream.APIError
	require.ErrorAs(t, err, &api)
	assert.EqualValues(t, 10077, api.ErrorCode)
	assert.Equal(t, stored, messages(t, b, "acme"))
	publish(t, b, "other", "[]")
	require.NoError(t, b.Ready(t.Context()))
	require.NoError(t, probe(t.Context(), b.JetStream(), "acme"))
	assert.Equal(t, stored, messages(t, b, "acme"), "a probe stores nothing")
}

// What an operator added stays.
func TestOperatorsSettingsStay(t *testing.T) {
	o := Options{Data: t.TempDir()}
	b := open(t, o)
	c := streamOf(t, b, Stream("acme"))
	c.Description = "events of acme"
	c.Metadata["team"] = "growth"
	_, err := b.JetStream().UpdateStream(t.Context(), c)
	require.NoError(t, err)
	b.Close()
	log := new(record)
	o.Logger = log.logger()
	b = open(t, o)
	c = streamOf(t, b, Stream("acme"))
	assert.Equal(t, "events of acme", c.Description)
	assert.Equal(t, "growth", c.Metadata["team"])
	assert.Zero(t, log.count("is changed"))
}

func TestUnchangeable(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*jetstream.StreamConfig)
		says   string
	}{
		"retention":  {func(c *jetstream.StreamConfig) { c.Retention = jetstream.LimitsPolicy }, "retention"},
		"storage":    {func(c *jetstream.StreamConfig) { c.Storage = jetstream.MemoryStorage }, "storage"},
		"partitions": {func(c *jetstream.StreamConfig) { c.Metadata = map[string]string{MetadataPartitions: "4"} }, "partitions"},
		"no ack":     {func(c *jetstream.StreamConfig) { c.NoAck = true }, "no_ack"},
		"async":      {func(c *jetstream.StreamConfig) { c.PersistMode = jetstream.AsyncPersistMode }, "persist_mode"},
	} {
		t.Run(name, func(t *testing.T) {
			nodes := startNodes(t, 1, nil)
			o := Options{URL: nodes.url(), Replicas: 1}
			b := open(t, o)
			config := streamOf(t, b, Stream("acme"))
			require.NoError(t, b.JetStream().DeleteStream(t.Context(), Stream("acme")))
			c.change(&config)
			_, err := b.JetStream().CreateStream(t.Context(), config)
			require.NoError(t, err)
			b.Close()

			b, err = Open(o, small("acme")...)
			require.NoError(t, err)
			defer b.Close()
			eventually(t, "reason", func() bool {
				err := b.Ready(t.Context())
				return err != nil && strings.Contains(err.Error(), c.says) && strings.Contains(err.Error(), Stream("acme"))
			})
			assert.Nil(t, b.JetStream())
		})
	}
}

func TestReadOnlyCreatesNothing(t *testing.T) {
	data := t.TempDir()
	open(t, Options{Data: data}, small("acme")...).Close()
	b := open(t, Options{Data: data, ReadOnly: true, AckWait: time.Second, Compress: true}, small("acme", "other")...)
	_, err := b.JetStream().Stream(t.Context(), Stream("other"))
	require.ErrorIs(t, err, jetstream.ErrStreamNotFound)
	assert.Equal(t, jetstream.NoCompression, streamOf(t, b, Stream("acme")).Compression)
	assert.Equal(t, time.Minute, consumerOf(t, b, EventsConsumer).AckWait)
}

func TestLargestMessage(t *testing.T) {
	b := open(t, Options{Data: t.TempDir()})
	publish(t, b, "acme", strings.Repeat("x", MaxMessage), jetstream.WithMsgID(strings.Repeat("i", 64)))
	_, err := b.JetStream().Publish(t.Context(), Subject("acme", "track"), make([]byte, MaxMessage+headroom+1))
	require.Error(t, err)
	assert.EqualValues(t, 1, messages(t, b, "acme"))
}

func TestDuplicate(t *testing.T) {
	o := Options{Data: t.TempDir()}
	b := open(t, o)
	assert.False(t, publish(t, b, "acme", "[]", jetstream.WithMsgID("a")).Duplicate)
	assert.True(t, publish(t, b, "acme", "[]", jetstream.WithMsgID("a")).Duplicate)
	b.Close()
	b = open(t, o)
	assert.True(t, publish(t, b, "acme", "[]", jetstream.WithMsgID("a")).Duplicate, "while it is still on the stream")
}
