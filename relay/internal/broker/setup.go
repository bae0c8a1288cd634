package broker

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// callTimeout is short, as a cluster without a leader answers nothing at all.
const callTimeout = 5 * time.Second

// setUpAll makes the streams and consumers of every tenant what they must be. It
// does so once, at the start: of two relays with different settings the one that
// started last has its way, and neither changes anything again.
func (b *Broker) setUpAll() bool {
	return b.retry("streams are not there", func() error {
		js := *b.js.Load()
		if !js.Conn().IsConnected() {
			return b.link.notConnected()
		}
		err := b.setUpTenants(js)
		if err != nil && b.isDiskFull() {
			return errDiskFull
		}
		return err
	})
}

func (b *Broker) setUpTenants(js jetstream.JetStream) error {
	ctx, cancel := context.WithTimeout(b.ctx, callTimeout)
	defer cancel()
	if b.o.ReadOnly {
		_, err := js.AccountInfo(ctx)
		return b.explain(err)
	}
	sizes, err := b.sizes(ctx, js)
	if err != nil {
		return b.explain(err)
	}
	for _, t := range b.tenants {
		if err := b.setUp(js, t.Name, sizes[t.Name]); err != nil {
			return fmt.Errorf("tenant %s: %w", t.Name, b.explain(err))
		}
	}
	return nil
}

func (b *Broker) setUp(js jetstream.JetStream, tenant string, s size) error {
	err := b.setUpStream(js, Stream(tenant), func(have jetstream.StreamConfig) jetstream.StreamConfig {
		return b.streamConfig(have, tenant, s.stream)
	})
	if err != nil {
		return err
	}
	err = b.setUpStream(js, DeadStream(tenant), func(have jetstream.StreamConfig) jetstream.StreamConfig {
		return b.deadConfig(have, tenant, s.dead)
	})
	if err != nil {
		return err
	}
	err = b.setUpConsumer(js, Stream(tenant), EventsConsumer, Subject(tenant, "track"), Subject(tenant, "alias"))
	if err != nil {
		return err
	}
	return b.setUpConsumer(js, Stream(tenant), IdentifyConsumer, Subject(tenant, "identify"))
}

func (b *Broker) setUpStream(js jetstream.JetStream, name string, want func(jetstream.StreamConfig) jetstream.StreamConfig) error {
	ctx, cancel := context.WithTimeout(b.ctx, callTimeout)
	defer cancel()
	stream, err := js.Stream(ctx, name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		_, err = js.CreateStream(ctx, want(jetstream.StreamConfig{}))
		return named("stream", name, err)
	}
	if err != nil {
		return named("stream", name, err)
	}
	have := stream.CachedInfo().Config
	next := want(have)
	if err := unchangeable(have, next); err != nil {
		return named("stream", name, err)
	}
	if reflect.DeepEqual(have, next) {
		return nil
	}
	_, err = js.UpdateStream(ctx, next)
	if err == nil {
		b.log.Info("stream is changed", "stream", name)
	}
	return named("stream", name, err)
}

// unchangeable names what no update can bring to what it must be.
func unchangeable(have, want jetstream.StreamConfig) error {
	if p, ok := have.Metadata[MetadataPartitions]; ok && p != want.Metadata[MetadataPartitions] {
		return fmt.Errorf("it has %s partitions of identify, and this relay knows %s alone", p, partitions)
	}
	switch {
	case have.Retention != want.Retention:
		return fmt.Errorf("its retention is %v, must be %v, and cannot be changed", have.Retention, want.Retention)
	case have.Storage != want.Storage:
		return fmt.Errorf("its storage is %v, must be %v, and cannot be changed", have.Storage, want.Storage)
	case have.Sealed:
		return errors.New("it is sealed")
	case have.Mirror != nil:
		return errors.New("it is a mirror")
	case have.NoAck:
		return errors.New("it acknowledges nothing (no_ack)")
	case have.PersistMode != want.PersistMode || have.PersistMode == jetstream.AsyncPersistMode:
		return errors.New("it acknowledges before it has stored (persist_mode async)")
	}
	return nil
}

func (b *Broker) setUpConsumer(js jetstream.JetStream, stream, name string, subjects ...string) error {
	ctx, cancel := context.WithTimeout(b.ctx, callTimeout)
	defer cancel()
	consumer, err := js.Consumer(ctx, stream, name)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		_, err = js.CreateConsumer(ctx, stream, b.consumerConfig(jetstream.ConsumerConfig{}, name, subjects...))
		return named("consumer", name, err)
	}
	if err != nil {
		return named("consumer", name, err)
	}
	have := consumer.CachedInfo().Config
	next := b.consumerConfig(have, name, subjects...)
	if reflect.DeepEqual(have, next) {
		return nil
	}
	if _, err = js.UpdateConsumer(ctx, stream, next); err == nil {
		b.log.Info("consumer is changed", "stream", stream, "consumer", name)
	}
	return named("consumer", name, err)
}

func named(kind, name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %s: %w", kind, name, err)
}
