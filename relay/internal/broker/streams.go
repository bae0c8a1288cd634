package broker

import (
	"maps"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	headroom   = 64 << 10 // headers count for the size of a message
	maxPayload = 4 << 20  // a dead letter has more around its event

	deadAge       = 30 * 24 * time.Hour
	maxAckPending = 4096
	partitions    = "1"
)

// streamConfig is what the tenant's stream must be: it begins with what is there,
// so that what an operator added (placement, a description) stays.
func (b *Broker) streamConfig(have jetstream.StreamConfig, tenant string, maxBytes int64) jetstream.StreamConfig {
	c := have
	c.Name = Stream(tenant)
	c.Subjects = []string{Subject(tenant, "track"), Subject(tenant, "alias"), Subject(tenant, "identify")}
	c.Retention = jetstream.WorkQueuePolicy
	c.MaxAge = 0 // an event that expires is lost in silence
	c.MaxMsgSize = MaxMessage + headroom
	c.Duplicates = b.o.Dedupe
	c.Metadata = maps.Clone(have.Metadata)
	if c.Metadata == nil {
		c.Metadata = make(map[string]string)
	}
	c.Metadata[MetadataPartitions] = partitions
	return b.stored(c, maxBytes)
}

// deadConfig is what the stream of the tenant's dead letters must be.
func (b *Broker) deadConfig(have jetstream.StreamConfig, tenant string, maxBytes int64) jetstream.StreamConfig {
	c := have
	c.Name = DeadStream(tenant)
	c.Subjects = []string{"altertable.v1.dlq." + tenant + ".>"}
	c.Retention = jetstream.LimitsPolicy
	c.MaxAge = deadAge
	c.MaxMsgSize = -1
	c.Duplicates = b.o.Dedupe
	return b.stored(c, maxBytes)
}

// stored is what both have in common: a full stream refuses what is new.
func (b *Broker) stored(c jetstream.StreamConfig, maxBytes int64) jetstream.StreamConfig {
	c.Storage = jetstream.FileStorage
	c.Discard = jetstream.DiscardNew
	c.MaxMsgs, c.MaxMsgsPerSubject, c.MaxConsumers = -1, -1, -1
	c.MaxBytes = maxBytes
	c.Replicas = b.o.Replicas
	c.Compression = jetstream.NoCompression
	if b.o.Compress {
		c.Compression = jetstream.S2Compression
	}
	return c
}

// consumerConfig is what the tenant's consumer must be, beginning with what is there.
func (b *Broker) consumerConfig(have jetstream.ConsumerConfig, name string, subjects ...string) jetstream.ConsumerConfig {
	c := have
	c.Name, c.Durable = name, name
	c.DeliverPolicy = jetstream.DeliverAllPolicy
	c.AckPolicy = jetstream.AckExplicitPolicy
	c.AckWait = b.o.AckWait
	c.MaxDeliver = -1
	c.MaxAckPending = maxAckPending
	c.PriorityPolicy = jetstream.PriorityPolicyPinned
	c.PriorityGroups = []string{Group}
	c.PinnedTTL = b.o.PinnedTTL
	c.FilterSubject, c.FilterSubjects = "", subjects
	if len(subjects) == 1 {
		c.FilterSubject, c.FilterSubjects = subjects[0], nil
	}
	return c
}
