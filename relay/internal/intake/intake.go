// Package intake is the relay's front: the API's endpoints, which answer 200 once
// the events are stored.
//
// A request's way: exchange (path, method, token, content type) -> read (bounded
// memory and time) -> body.Split -> parts (messages of the stream, of one
// environment each) -> publish, one part after the other, with the embedded broker
// through gather, where parts of several requests become one message -> for
// sync=true, outcome.
//
// A request is answered as by the API, and besides:
//
//	408  the body took longer than 30 s
//	413  an event is too large for the broker, or only with what is added to it; more
//	     than 1000 parts. Nothing is stored
//	500  internal-error: a bug. Nothing says what is stored
//	503  unavailable: the broker is away or slow, the memory for bodies is in use, the
//	     relay is closing; full: the stream or the disk is. With Retry-After, 1 to 30 s.
//	     Of a body of several parts the first may be stored; a retry of the same body
//	     adds the others, if every message has a timestamp
//	504  timeout: the outcome that sync=true waits for has not come. The events are
//	     stored and will be delivered
//
// A body that the API refuses after it has stored a part of it, for an unknown
// environment or a timestamp that is none, is refused here as a whole.
package intake

import (
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/altertable-ai/altertable-go/relay/internal/gather"
	"github.com/altertable-ai/altertable-go/relay/internal/metrics"
)

// A Token is what a producer sends in place of the API's key.
type Token struct {
	SHA256  [32]byte
	Browser bool // its events get the client's address as $ip
}

// A Tenant is who events belong to.
type Tenant struct {
	Name         string
	Tokens       []Token
	AnyToken     bool     // takes any token; of one tenant alone, on loopback
	Environments []string // those it may use; empty: all
	Origins      []string // of browsers that may send
}

// Options of an Intake.
type Options struct {
	Tenants        []Tenant
	TrustedProxies []netip.Prefix
	SyncTimeout    time.Duration              // 0: 30 s
	JetStream      func() jetstream.JetStream // nil until the broker has recovered
	Gather         func() *gather.Gatherer    // there with JetStream; nil: each part is a message of its own
	Metrics        *metrics.Metrics
	Logger         *slog.Logger // nil: discards
}

const (
	defaultSyncTimeout = 30 * time.Second
	closeGrace         = 2 * time.Second // for outcomes, once Close was called
)

// An Intake is the http.Handler of /track, /identify and /alias. Its methods may be
// called by any goroutine.
type Intake struct {
	o       Options
	log     *slog.Logger
	access  access
	origins map[string]bool // of all tenants
	tenants []tenant
	clock   clock
	room    room

	bodyTime, partTime time.Duration // immutable after New, except in tests

	closing chan struct{} // closed by Close
	inside  sync.WaitGroup
	mu      sync.Mutex // guards closed, and inside against Close
	closed  bool
}

// A tenant is a Tenant and what its requests share.
type tenant struct {
	Tenant
	turn              chan struct{} // held while identifies that the intake stamps are stored
	servers, browsers share
	health            health
}

// New returns an Intake.
func New(o Options) *Intake {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.SyncTimeout <= 0 {
		o.SyncTimeout = defaultSyncTimeout
	}
	if o.JetStream == nil {
		o.JetStream = func() jetstream.JetStream { return nil }
	}
	if o.Gather == nil {
		o.Gather = func() *gather.Gatherer { return nil }
	}
	i := &Intake{o: o, log: o.Logger, access: newAccess(o.Tenants), origins: map[string]bool{}, closing: make(chan struct{})}
	i.bodyTime, i.partTime = bodyTime, partTime
	i.room.left.Store(maxBodies)
	i.tenants = make([]tenant, len(o.Tenants))
	for n, t := range o.Tenants {
		i.tenants[n].Tenant, i.tenants[n].turn = t, make(chan struct{}, 1)
		for _, origin := range t.Origins {
			i.origins[origin] = true
		}
	}
	return i
}

// enter admits a request to what Close waits for.
func (i *Intake) enter() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.closed {
		return false
	}
	i.inside.Add(1)
	return true
}

func (i *Intake) isClosed() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.closed
}

// Close makes every later request a 503, and waits for those whose body was read:
// until they are stored, or that takes too long. Those that wait for the outcome
// of what is stored are answered 504 after 2 s. It may be called more than once.
func (i *Intake) Close() {
	i.mu.Lock()
	if !i.closed {
		i.closed = true
		close(i.closing)
	}
	i.mu.Unlock()
	i.inside.Wait()
}

// ServeHTTP implements http.Handler.
func (i *Intake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{i: i, w: w, r: r, start: time.Now()}
	defer x.done()
	x.send(x.answer())
}
