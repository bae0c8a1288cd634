package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

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
	return &store{c, b, deadletter.NewStore(b.JetStream(), c.Names())}, nil
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
	for _, name := range s.config.Names() {
		t := tenantStatus{Name: name}
		b, err := s.broker.Backlog(ctx, name)
		if err != nil {
			t.Error = err.Error()
		}
		t.Stored = storedOf(b)
		st.Tenants = append(st.Tenants, t)
	}
	return st, nil
}

func storedOf(b broker.Backlog) stored {
	return stored{Messages: b.Messages, Bytes: b.Bytes, Events: b.Events, OldestSeconds: b.Oldest.Round(time.Millisecond).Seconds(), DeadLetters: b.Dead}
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
