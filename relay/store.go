package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/relay/internal/broker"
	"github.com/altertable-ai/altertable-go/relay/internal/config"
	"github.com/altertable-ai/altertable-go/relay/internal/deadletter"
)

// A store is the broker of a relay that does not run, or that runs elsewhere.
type store struct {
	config *config.Config
	broker *broker.Broker
	dead   *deadletter.Store
	names  []string // of the tenants
}

const (
	patience    = time.Second      // before the wait is explained
	clusterTime = 15 * time.Second // for a cluster to answer
)

// openStore opens the broker without changing what it has. Many stored messages
// take a while.
func openStore(ctx context.Context, c *config.Config, t terminal) (*store, error) {
	o := brokerOptions(c, slog.New(slog.DiscardHandler))
	o.ReadOnly, o.Name = true, "altertable-relay command"
	tenants := make([]broker.Tenant, len(c.Tenants))
	for i, tenant := range c.Tenants {
		tenants[i].Name = tenant.Name
	}
	if _, err := os.Stat(c.Data); c.NATS == "" && errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no relay answers, and none has stored anything in %s: --data, --admin-listen or --nats say where it is", c.Data)
	}
	b, err := broker.Open(o, tenants...)
	if err != nil {
		return nil, fmt.Errorf("no relay answers: %w", err)
	}
	if err := wait(ctx, b, c.NATS != "", t); err != nil {
		b.Close()
		return nil, err
	}
	names, err := tenantsIn(ctx, c, b)
	if err != nil {
		b.Close()
		return nil, fmt.Errorf("streams are not listed: %w", err)
	}
	return &store{c, b, deadletter.NewStore(b.JetStream(), names), names}, nil
}

// tenantsIn returns the names of the tenants: those of the file, or else those that
// have streams. A command may be given the store alone.
func tenantsIn(ctx context.Context, c *config.Config, b *broker.Broker) (names []string, err error) {
	if c.HasTenants {
		return c.Names(), nil
	}
	ctx, cancel := context.WithTimeout(ctx, clusterTime)
	defer cancel()
	streams := b.JetStream().StreamNames(ctx)
	for stream := range streams.Name() {
		name, ours := strings.CutPrefix(stream, broker.Stream(""))
		if ours && broker.DeadStream(strings.TrimSuffix(name, "_DLQ")) != stream {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		names = c.Names()
	}
	slices.Sort(names)
	return names, streams.Err()
}

// wait returns once the broker has started.
func wait(ctx context.Context, b *broker.Broker, cluster bool, t terminal) error {
	if cluster {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, clusterTime)
		defer cancel()
	}
	explain := time.NewTimer(patience)
	defer explain.Stop()
	for {
		select {
		case <-b.Started():
			return nil
		case <-explain.C:
			fmt.Fprintln(t.err, "waiting for the broker ...")
		case <-ctx.Done():
			if err := b.Ready(context.Background()); err != nil {
				return fmt.Errorf("the broker is not there: %w", err)
			}
			return errors.New("the broker is not there")
		}
	}
}

func (s *store) status(ctx context.Context) (status, error) {
	st := status{Version: altertable.Version, Data: s.config.Data, NATS: s.config.NATS}
	if free, size, ok := s.broker.Disk(); ok {
		st.DiskFree, st.DiskSize = free, size
	}
	st.Reason = "no relay runs here"
	if s.config.NATS != "" {
		st.Reason = "from the cluster: what a relay does, its own --admin-listen says"
	}
	for _, name := range s.names {
		t := tenantStatus{Name: name}
		b, err := s.broker.Backlog(ctx, name)
		switch {
		case errors.Is(err, jetstream.ErrStreamNotFound):
			t.Absent = true
		case err != nil:
			t.Error = err.Error()
		}
		t.Stored = storedOf(b)
		t.Stored.MaxBytes = maxBytesOf(ctx, s.broker, name)
		st.Tenants = append(st.Tenants, t)
	}
	return st, nil
}

func (s *store) tenants(context.Context) ([]string, error) { return s.names, nil }

func storedOf(b broker.Backlog) stored {
	return stored{Messages: b.Messages, Bytes: b.Bytes, Events: b.Events, OldestSeconds: b.Oldest.Round(time.Millisecond).Seconds(), DeadLetters: b.Dead}
}

// maxBytesOf asks the stream, since the default is a share of the disk.
func maxBytesOf(ctx context.Context, b *broker.Broker, tenant string) int64 {
	js := b.JetStream()
	if js == nil {
		return 0
	}
	stream, err := js.Stream(ctx, broker.Stream(tenant))
	if err != nil {
		return 0
	}
	return max(0, stream.CachedInfo().Config.MaxBytes)
}

func (s *store) list(ctx context.Context, f deadletter.Filter, messages bool, each func(deadletter.Letter) error) error {
	if messages {
		return s.dead.List(ctx, f, each)
	}
	return s.dead.ListHeaders(ctx, f, each)
}

func (s *store) change(ctx context.Context, what string, f deadletter.Filter) (int, error) {
	if what == "purge" {
		return s.dead.Purge(ctx, f)
	}
	return s.dead.Replay(ctx, f)
}

func (s *store) close() { s.broker.Close() }
