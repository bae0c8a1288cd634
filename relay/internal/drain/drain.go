// Package drain brings what is on a tenant's stream to the API.
package drain

// Reading guide.
//
// The way of a JetStream message, and who owns it on each step:
//
//	pull       asks the broker for messages, by bytes, on the lane's goroutine          pull.go, lane.go
//	accept     knows it again, or holds it: a held message is outside the stream        lane.go, ring.go
//	split      cuts its payload into events, in one pass                                split.go
//	enqueue    gives each event to the core client, with a done of its own              message.go
//	fence      lets the core's requests out while the lane has its lease                fence.go, limit.go
//	done       judges the outcome of one event, on the core's callback goroutine        outcome.go
//	letter     stores a refused event as a dead letter, on a goroutine of its own       letters.go
//	settle     acknowledges it once all of its events have an outcome                   message.go
//	tell       publishes its outcome for whom it waits                                  tell.go
//
// A Drain has two lanes: consumer "events" for track and alias, and "identify-0". What
// is of an account is shared by them: one core client, so one pace, one rate and one
// MaxInFlight.
//
// # Data and locks
//
// A Drain lives as long as its tenant's part of the relay. It owns what outlives a
// session: the ring of settled ids, the progress of messages that are settled in part,
// the missing environments, the leases, the connections to the API. Each of these has a lock of its own, and
// calls nothing while it holds it. Drain.mu guards what Status shows.
//
// A session owns a core client and what was pulled for it. session.mu guards the held
// messages, their counts and the budget; it is taken by the lanes, by the core's
// callback goroutine and by the workers of the dead letters, for a few instructions
// each, and nothing is published while it is held. The ring's lock and the fence's may
// be taken under it, never the other way round.
//
// A lane's goroutine alone touches its subscription and the consumer sequence that it
// expects. The lease has two writers: the lane's goroutine notes a new pin, and whoever
// has asked the broker extends what is still that pin's.
//
// # The life of a session
//
// It begins with an empty core client, and both lanes at the first message that was not
// acknowledged. It ends in one of four ways:
//
//   - stopped, by Shutdown: no more pulls, the client delivers what it holds until the
//     context ends, acknowledgements are flushed, and the pins given up.
//   - graceful: something is to come from the stream once more, in order. No
//     more pulls, everything held gets its outcome, acknowledgements are flushed, the
//     consumers reset. Nothing is sent twice.
//   - paused: the API refuses the account. The fence closes, the requests under way
//     end, the rest is forgotten: it is on the stream. After 30 s comes a session that
//     pulls one message a lane until the API takes something.
//   - lost: another relay leads, or may. As paused, without the wait.
//
// Requests under way are never cut, except by Shutdown's context: that would not take
// them back, and their answers save the events from being sent twice. What was
// delivered of a message before its session ended is remembered as its progress, in
// memory: a process that is killed repeats what it had delivered of messages that were
// not delivered whole.
//
// # Takeover
//
// The broker pins each consumer to one client, and tells the pin's id with every
// message that it delivers. A lane without a pin asks for one message at a time. When
// that comes, with a pin, nothing else is on its way to us. Messages that the leader
// before us held are pending: if the consumer says that more is pending than our one,
// or that what is before it was not acknowledged, the lane resets the consumer to its
// first message without acknowledgement, and begins there. So a person's events are
// first applied in order, whatever the leader before us had sent.
//
// If a broker restarts while we lead, its pin is gone, and we get a new one, while we
// hold messages. If the consumer's floor is still before the oldest of these, nobody
// led in between, and the lane goes on. Else the session is lost.
//
// Consumer sequences count deliveries. Where one is missing, a message was lost on its
// way to us, and would come again after AckWait, too late: the session starts again.
//
// # Lease
//
// The broker forgets a pin that has not pulled for PinnedTTL, and gives the consumer to
// another. Each quarter of it, the keeper notes the time s, makes a pull request that
// nothing fits into, and, when that was answered, asks the consumer who is pinned. If
// we are, no other can be before s + PinnedTTL, and until then requests may leave. If a
// process is stopped for longer, the fence finds the lease over, by the monotonic or
// the wall clock, before it lets another request out. If somebody else is pinned, the
// session is lost at once.
//
// A pin does not survive the broker's restart or a new leader of the consumer. So a
// lane that does not lead waits one PinnedTTL after either, until the old leader's
// lease must be over or renewed.
//
// The relays of a tenant may be given different PinnedTTLs and AckWaits. A consumer has
// those of the relay that began last, so each relay keeps to the shorter of its own and
// the consumer's.
//
// # Pause
//
// An answer that speaks of the account or the URL (401, a redirect, 404, ...) costs no
// event anything: no acknowledgement, no dead letter. The first one ends the session.
// A relay in its pause gives up the lead, so that one with a good key can take over. A
// relay that was refused pulls one message a lane, on probation, until the API takes
// something of it, so that relays with a revoked key take turns at little cost. Only
// takeovers without probation are counted.
//
// An environment that is missing, which means that the API does not know it, costs only
// its own messages: they are parked, which means that they stay pending, without their
// payloads. One of its events is read from the stream and sent every 30 s; if there are
// more than 16 such environments, they take turns. When it is delivered, the session
// starts again, and the environment's messages come again in order. Parked messages are
// pending at the broker: MaxAckPending of them in a lane stop it, other environments
// included.
//
// The core sends the next batch of a person as soon as the one before has failed, which
// is before the failure reaches our done. If the trouble were over at that very moment,
// the later identify would be applied first. So the fence reads such answers itself,
// and lets nothing after them out.

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/time/rate"

	altertable "github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/relay/internal/broker"
	"github.com/altertable-ai/altertable-go/relay/internal/deadletter"
	"github.com/altertable-ai/altertable-go/relay/internal/metrics"
)

// Options of a Drain.
type Options struct {
	Tenant       string
	APIKey       string
	BaseURL      string
	InsecureHTTP bool              // plain http to a host that is not this machine
	Transport    http.RoundTripper // nil: a pool of its own
	Rate         float64           // requests a second; 0: as many as the API takes
	MaxInFlight  int
	BatchSize    int
	PinnedTTL    time.Duration
	AckWait      time.Duration
	JetStream    jetstream.JetStream
	Dead         *deadletter.Store
	Metrics      *metrics.Metrics
	Logger       *slog.Logger
}

// What Options take if a field is zero.
const (
	defaultMaxInFlight = 8
	defaultBatchSize   = 100
	defaultPinnedTTL   = 15 * time.Second
	defaultAckWait     = 60 * time.Second
)

// A letterBox stores dead letters: a *deadletter.Store.
type letterBox interface {
	Put(ctx context.Context, l deadletter.Letter, id string) error
}

// A Drain delivers what is on one tenant's stream while it leads.
type Drain struct {
	o       Options
	log     *slog.Logger
	dead    letterBox
	broker  *pulls
	pool    *pool
	limiter *rate.Limiter // nil: none

	ring     *ring
	progress *progress
	leases   [lanes]*lease
	standbys [lanes]standby
	leads    [lanes]atomic.Bool // as the metric says
	missing  *environments

	pauseFor   time.Duration // after a refusal of the account, and between probes of an environment
	attempt    time.Duration // of one request, the answer included
	laneBudget int           // bytes of payload outside the stream, a lane

	begin sync.Once
	begun chan struct{} // closed by Run, or by Shutdown before it
	stop  context.CancelFunc
	alive context.Context // ends when Shutdown begins
	over  chan struct{}   // closed when Run returns

	mu       sync.Mutex      // guards what follows
	until    context.Context // Shutdown's
	session  *session
	paused   string // why the API takes nothing; "" if it does
	left     int    // messages that were held when Run returned
	last     time.Time
	warnings map[string]time.Time // when the log was told of a trouble of that kind
}

const (
	eventsLane = iota
	identifyLane
	lanes
)

var consumers = [lanes]string{broker.EventsConsumer, broker.IdentifyConsumer}

// New returns a Drain that has not begun. The error is a *altertable.ConfigError.
func New(o Options) (*Drain, error) {
	o = o.withDefaults()
	d := &Drain{
		o:          o,
		log:        o.Logger.With("tenant", o.Tenant),
		broker:     newPulls(o.JetStream, broker.Stream(o.Tenant)),
		pool:       newPool(o.Transport, o.MaxInFlight),
		ring:       newRing(ringSize),
		progress:   newProgress(),
		missing:    newEnvironments(),
		pauseFor:   30 * time.Second,
		attempt:    5 * time.Second,
		laneBudget: 16 << 20,
		begun:      make(chan struct{}),
		over:       make(chan struct{}),
		warnings:   map[string]time.Time{},
	}
	d.dead = o.Dead
	d.alive, d.stop = context.WithCancel(context.Background())
	for i := range d.leases {
		d.leases[i] = newLease()
	}
	d.setRate(o.Rate)
	probe, err := d.newClient(http.DefaultTransport, func(altertable.Delivery) {})
	if err != nil {
		return nil, err
	}
	return d, probe.Close()
}

func (o Options) withDefaults() Options {
	if o.MaxInFlight == 0 {
		o.MaxInFlight = defaultMaxInFlight
	}
	if o.BatchSize == 0 {
		o.BatchSize = defaultBatchSize
	}
	if o.PinnedTTL == 0 {
		o.PinnedTTL = defaultPinnedTTL
	}
	if o.AckWait == 0 {
		o.AckWait = defaultAckWait
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

// newClient makes the core client of a session. Its queue is never full: the budget
// of the lanes bounds what is in it.
func (d *Drain) newClient(transport http.RoundTripper, delivered func(altertable.Delivery)) (*altertable.Client, error) {
	options := []altertable.Option{
		altertable.WithHTTPClient(&http.Client{Transport: transport}),
		altertable.WithMaxBatchSize(d.o.BatchSize),
		altertable.WithMaxBatchBytes(broker.MaxMessage),
		altertable.WithMaxInFlight(d.o.MaxInFlight),
		altertable.WithRetry(altertable.RetryPolicy{MaxElapsed: math.MaxInt64}),
		altertable.WithMaxQueueSize(1 << 30),
		altertable.WithMaxQueueBytes(1 << 30),
		altertable.WithRequestTimeout(24 * time.Hour), // the fence bounds the attempt itself
		altertable.WithOnDelivery(delivered),
		altertable.WithOnError(func(error) {}), // each event's done is told
		altertable.WithLogger(slog.New(calm{d.log.Handler()})),
	}
	if d.o.BaseURL != "" {
		options = append(options, altertable.WithBaseURL(d.o.BaseURL))
	}
	if d.o.InsecureHTTP {
		options = append(options, altertable.WithInsecureHTTP())
	}
	return altertable.New(d.o.APIKey, options...)
}

// Run drains until Shutdown. It is called once.
func (d *Drain) Run() {
	started := false
	d.begin.Do(func() { started = true; close(d.begun) })
	if !started {
		return // Shutdown came first
	}
	defer close(d.over)
	defer d.pool.close()
	next := opening{}
	for d.alive.Err() == nil {
		s, err := d.newSession(next)
		if err != nil { // New has tried the same
			d.log.Error("relay: the drain cannot begin", "error", err)
			return
		}
		next = s.run()
		if next.after > 0 {
			wait(d.alive, next.after)
		}
	}
}

// Shutdown stops pulling, delivers what is held until ctx ends, acknowledges it
// and gives up the lead, so that another relay takes over at once. What is not
// delivered then stays on the stream, which the error says.
func (d *Drain) Shutdown(ctx context.Context) error {
	d.mu.Lock()
	if d.until == nil {
		d.until = ctx
	}
	d.mu.Unlock()
	d.stop()
	d.begin.Do(func() { close(d.begun); close(d.over) })
	grace, cancel := withGrace(ctx, time.Second)
	defer cancel()
	select {
	case <-d.over:
	case <-grace.Done():
	}
	if left := d.countLeft(); left > 0 && ctx.Err() != nil {
		return fmt.Errorf("relay: %d messages stay on the stream of tenant %s: %w", left, d.o.Tenant, ctx.Err())
	}
	return nil
}

// countLeft returns how many messages are held, or were at the end.
func (d *Drain) countLeft() int {
	held := d.Status().Held
	d.mu.Lock()
	defer d.mu.Unlock()
	return max(held, d.left)
}

// noteLeft notes how many messages stay on the stream.
func (d *Drain) noteLeft(left int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left = left
}

// deadline returns the context that bounds Shutdown.
func (d *Drain) deadline() context.Context {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.until
}

// wait waits for as long, but not longer than ctx. It reports whether ctx goes on.
func wait(ctx context.Context, long time.Duration) bool {
	timer := time.NewTimer(long)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// withGrace returns a context that ends as long after ctx does.
func withGrace(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	later, end := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(grace, end) })
	return later, func() { stop(); end() }
}

// ended is a context that has ended.
var ended = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()
