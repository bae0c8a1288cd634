package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/relay/internal/broker"
	"github.com/altertable-ai/altertable-go/relay/internal/config"
	"github.com/altertable-ai/altertable-go/relay/internal/deadletter"
	"github.com/altertable-ai/altertable-go/relay/internal/drain"
	"github.com/altertable-ai/altertable-go/relay/internal/gather"
	"github.com/altertable-ai/altertable-go/relay/internal/intake"
	"github.com/altertable-ai/altertable-go/relay/internal/metrics"
)

func serveCommand(ctx context.Context, args []string, t terminal) int {
	c, status := t.parse("serve", args, config.Serve, nil)
	if c == nil {
		return status
	}
	log := slog.New(slog.NewTextHandler(t.err, &slog.HandlerOptions{Level: c.LogLevel}))
	if err := serve(ctx, c, t, log); err != nil {
		t.fail(err)
		return exitFailed
	}
	return exitOK
}

// A relay is what serve runs. Its fields are in the order in which they start; shutdown
// says in which they end.
type relay struct {
	config  *config.Config
	log     *slog.Logger
	metrics *metrics.Metrics
	offline *offline // nil with a real API
	broker  *broker.Broker
	ready   *readiness
	admin   *admin
	intake  *intake.Intake // nil without the role, as the next two
	public  *http.Server
	url     string // of the intake
	begun   time.Time

	gather atomic.Pointer[gather.Gatherer] // there once the broker has recovered; nil with a cluster

	mu     sync.Mutex // guards what follows, which is there once the broker has recovered
	dead   *deadletter.Store
	drains map[string]*drain.Drain
	spool  *altertable.Client

	stopping atomic.Bool
	failed   chan error     // why a port is not served any more
	running  sync.WaitGroup // drains and what watches the backlog
}

// serve runs a relay until ctx ends.
func serve(ctx context.Context, c *config.Config, t terminal, log *slog.Logger) error {
	r := &relay{
		config: c, log: log, metrics: metrics.New(c.Names()), begun: time.Now(),
		drains: map[string]*drain.Drain{}, failed: make(chan error, 4),
	}
	for _, note := range c.Notes {
		log.Warn(note)
	}
	if c.Drain && c.IsOffline() {
		r.offline = newOffline(t.out)
	}
	if err := r.open(); err != nil {
		return errors.Join(err, r.shutdown(io.Discard))
	}
	r.introduce(t.out)
	err := r.work(ctx)
	r.log.Info("relay ends", "within", c.ShutdownTimeout)
	return errors.Join(err, r.shutdown(t.out))
}

// open opens the broker and the ports. The administrator's port is there while the
// broker recovers, so that nobody takes the relay for dead.
func (r *relay) open() (err error) {
	tenants := make([]broker.Tenant, len(r.config.Tenants))
	for i, t := range r.config.Tenants {
		tenants[i] = broker.Tenant{Name: t.Name, MaxBytes: t.MaxBytes}
	}
	o := brokerOptions(r.config, r.log)
	if r.config.NATS == "" {
		o.AtStart = r.startGathering
	}
	if r.broker, err = broker.Open(o, tenants...); err != nil {
		return err
	}
	r.ready = newReadiness(r.askReady)
	r.metrics.Ready(func() bool { return r.ready.get() == nil })
	r.metrics.Disk(r.broker.Disk)
	if r.admin, err = openAdmin(r); err != nil {
		return err
	}
	if r.config.Intake {
		return r.openIntake()
	}
	return nil
}

func brokerOptions(c *config.Config, log *slog.Logger) broker.Options {
	return broker.Options{
		Data: c.Data, URL: c.NATS, Creds: c.NATSCreds, CA: c.NATSCA, Cert: c.NATSCert, Key: c.NATSKey,
		Replicas: c.Replicas, Compress: c.Compress, Dedupe: c.DedupeWindow, PinnedTTL: c.PinnedTTL, AckWait: c.AckWait,
		Name: "altertable-relay", Logger: log,
	}
}

func (r *relay) openIntake() error {
	tenants := make([]intake.Tenant, len(r.config.Tenants))
	for i, t := range r.config.Tenants {
		tenants[i] = intake.Tenant{Name: t.Name, AnyToken: t.AnyToken, Environments: t.Environments, Origins: t.Origins}
		for _, token := range t.Tokens {
			tenants[i].Tokens = append(tenants[i].Tokens, intake.Token(token))
		}
	}
	listener, err := listenPublic(r.config, r.log)
	if err != nil {
		return err
	}
	r.intake = intake.New(intake.Options{
		Tenants: tenants, TrustedProxies: r.config.TrustedProxies, SyncTimeout: r.config.SyncTimeout,
		JetStream: r.broker.Writable, Gather: r.gather.Load, Metrics: r.metrics, Logger: r.log,
	})
	r.url = urlOf(listener.Addr(), r.config)
	r.public = newPublic(r.intake, r.config.SyncTimeout, r.log)
	r.serveOn(r.public, listener)
	return nil
}

// serveOn serves a port; that it ends by itself is a failure of the relay.
func (r *relay) serveOn(s *http.Server, l net.Listener) {
	r.running.Go(func() {
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			r.failed <- err
		}
	})
}

func (r *relay) askReady(ctx context.Context) error {
	if r.stopping.Load() {
		return errors.New("shutting down")
	}
	return r.broker.Ready(ctx)
}

// work starts what needs the broker once that has recovered, and returns when ctx
// ends, or something failed.
func (r *relay) work(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-r.failed:
		return err
	case <-r.broker.Started():
	}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	if err := r.startDrains(); err != nil {
		return err
	}
	if err := r.startSpool(); err != nil {
		return err
	}
	r.running.Go(func() { r.watchBacklog(watching) })
	r.log.Info("relay works", "after", time.Since(r.begun).Round(time.Millisecond))
	select {
	case <-ctx.Done():
		return nil
	case err := <-r.failed:
		return err
	}
}

// startDrains starts one for each tenant.
func (r *relay) startDrains() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	js := r.broker.JetStream()
	r.dead = deadletter.NewStore(js, r.config.Names())
	if !r.config.Drain {
		return nil
	}
	for _, t := range r.config.Tenants {
		o := drain.Options{
			Tenant: t.Name, APIKey: t.APIKey, BaseURL: r.config.API, InsecureHTTP: r.config.InsecureHTTP,
			Rate: t.Rate, MaxInFlight: t.MaxInFlight, BatchSize: r.config.BatchSize,
			PinnedTTL: r.config.PinnedTTL, AckWait: r.config.AckWait,
			JetStream: js, Dead: r.dead, Metrics: r.metrics, Logger: r.log,
		}
		if r.offline != nil {
			o.APIKey, o.BaseURL, o.Transport = config.Offline, r.offline.server.URL, r.offline.transport()
		}
		d, err := drain.New(o)
		if err != nil {
			return fmt.Errorf("tenant %s: %w", t.Name, err)
		}
		r.drains[t.Name] = d
		r.running.Go(d.Run)
	}
	return nil
}

// backlogEvery is how often the metrics of the backlog are renewed.
const backlogEvery = 10 * time.Second

func (r *relay) watchBacklog(ctx context.Context) {
	for {
		r.lookAtBacklog(ctx)
		select {
		case <-ctx.Done():
			return
		case <-time.After(backlogEvery):
		}
	}
}

func (r *relay) lookAtBacklog(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, backlogEvery)
	defer cancel()
	for _, name := range r.config.Names() {
		if b, err := r.broker.Backlog(ctx, name); err == nil {
			r.metrics.Backlog(name, metrics.Backlog(b))
		}
	}
}
