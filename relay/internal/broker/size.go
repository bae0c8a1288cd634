package broker

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	mib     = 1 << 20
	minSize = 64 * mib
	maxDead = 16 << 30
	fewDead = 1 << 30 // where nothing is known
)

// A size has the bounds of a tenant's streams, before compression; -1: none.
type size struct{ stream, dead int64 }

// sizes returns the bounds of every tenant: what is configured, else a share of
// 80 % of the disk, or of what a cluster's account may store. An account without a
// limit gives none.
func (b *Broker) sizes(ctx context.Context, js jetstream.JetStream) (map[string]size, error) {
	room, err := b.room(ctx, js)
	if err != nil {
		return nil, err
	}
	sizes := share(b.tenants, room)
	for name, s := range sizes {
		if s.stream < 0 {
			b.log.Warn("neither the account nor the configuration bounds the stream (--max-bytes)", "stream", Stream(name))
		}
	}
	return sizes, nil
}

// share divides the room, of which -1 is endless, among those whose bound is not configured.
func share(tenants []Tenant, room int64) map[string]size {
	unset := int64(0)
	for _, t := range tenants {
		if t.MaxBytes == 0 {
			unset++
		} else if room >= 0 {
			room = max(0, room-t.MaxBytes)
		}
	}
	sizes := make(map[string]size, len(tenants))
	for _, t := range tenants {
		s := t.MaxBytes
		switch {
		case s == 0 && room < 0:
			sizes[t.Name] = size{stream: -1, dead: fewDead}
			continue
		case s == 0:
			s = max(minSize, room/unset/mib*mib)
		}
		sizes[t.Name] = size{stream: s, dead: min(max(s/8, minSize), maxDead)}
	}
	return sizes
}

// room returns 80 % of the bytes that all tenants may have together, or -1.
func (b *Broker) room(ctx context.Context, js jetstream.JetStream) (int64, error) {
	if _, total, ok := b.Disk(); ok {
		return int64(total / 10 * 8), nil
	}
	info, err := js.AccountInfo(ctx)
	if err != nil {
		return 0, err
	}
	store := info.Limits.MaxStore / int64(b.o.Replicas)
	if tier, ok := info.Tiers[fmt.Sprintf("R%d", b.o.Replicas)]; ok {
		store = tier.Limits.MaxStore // a tier counts one copy
	}
	if store <= 0 {
		return -1, nil
	}
	return store / 10 * 8, nil
}
