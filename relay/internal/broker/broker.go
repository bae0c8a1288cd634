package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Options say which broker it is: Data for the embedded one, else URL.
type Options struct {
	Data      string // directory of the embedded broker's files
	URL       string // of a cluster: nats://a:4222,nats://b:4222
	Creds     string // file of credentials
	CA        string // files in PEM
	Cert      string
	Key       string
	Replicas  int // of a cluster's streams; 0: 3. The embedded broker has one
	Compress  bool
	Dedupe    time.Duration // the duplicate window; 0: 2 min
	PinnedTTL time.Duration // 0: 15 s
	AckWait   time.Duration // 0: 60 s
	Name      string        // of the connection
	Logger    *slog.Logger
	ReadOnly  bool // status, dlq and check: creates and changes no stream or consumer
	// AtStart is called when the streams are there, before Started, and again until it
	// returns nil; ctx ends with Close. Its error is one of Ready.
	AtStart func(ctx context.Context, js jetstream.JetStream) error
}

// A Tenant's streams.
type Tenant struct {
	Name     string
	MaxBytes int64 // before compression; 0: 80 % of the disk, shared
}

// A Broker is a connection to JetStream that is made again whenever it is lost.
type Broker struct {
	o       Options
	tenants []Tenant
	log     *slog.Logger
	dir     *dataDir  // nil for a cluster
	server  *embedded // nil for a cluster
	link    *link

	ctx     context.Context // ended by Close
	cancel  context.CancelFunc
	running sync.WaitGroup
	started chan struct{}
	js      atomic.Pointer[jetstream.JetStream]
	full    atomic.Bool  // the disk, when it was last looked at
	looked  atomic.Int64 // when, in nanoseconds since 1970

	mu     sync.Mutex // guards what follows
	reason error      // why it has not started
}

// Open begins to start or to connect to the broker, and returns at once: the
// recovery of many stored messages takes long. The error is of a kind that waiting
// does not mend: a directory that cannot be written or is another relay's, a file
// of certificates that cannot be read. With ReadOnly the directory must have a
// store, which recovery may mend: it must not be another relay's either.
func Open(o Options, tenants ...Tenant) (*Broker, error) {
	o = withDefaults(o)
	if err := checkTenants(tenants); err != nil {
		return nil, err
	}
	b := &Broker{
		o: o, tenants: tenants, log: o.Logger, link: &link{log: o.Logger},
		started: make(chan struct{}), reason: errors.New("recovering"),
	}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	if err := b.prepare(); err != nil {
		b.cancel()
		return nil, err
	}
	b.running.Add(1)
	go b.run()
	return b, nil
}

func withDefaults(o Options) Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Data != "" {
		o.Replicas = 1
	}
	setDefault(&o.Replicas, 3)
	setDefault(&o.Dedupe, 2*time.Minute)
	setDefault(&o.PinnedTTL, 15*time.Second)
	setDefault(&o.AckWait, time.Minute)
	setDefault(&o.Name, "altertable-relay")
	return o
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// prepare does what can fail at once.
func (b *Broker) prepare() (err error) {
	switch {
	case b.o.Data != "" && b.o.URL != "":
		return errors.New("a broker is embedded or a cluster, not both")
	case b.o.Data == "" && b.o.URL == "":
		return errors.New("a broker needs a directory or a URL")
	case b.o.Data == "":
		b.reason = errors.New("not connected yet")
		return b.link.toCluster(b.o)
	}
	if b.dir, err = openDataDir(b.o.Data, b.o.ReadOnly); err != nil {
		return err
	}
	b.server = newEmbedded(b.dir.path, b.log)
	b.link.toServer(b.server, b.o)
	return nil
}

// run starts the broker, then keeps it running until Close.
func (b *Broker) run() {
	defer b.running.Done()
	if !b.startServer() || !b.connect() || !b.setUpAll() || !b.atStart() {
		return
	}
	b.look()
	b.setReason(nil)
	close(b.started)
	b.log.Info("broker is ready", "tenants", len(b.tenants))
	b.keep()
}

// atStart says what an operator should know, tidies up, and lets others begin.
func (b *Broker) atStart() bool {
	js := *b.js.Load()
	if most := js.Conn().MaxPayload(); most < MaxMessage+headroom {
		b.log.Warn("the broker's max_payload is small: events that are larger are refused", "bytes", most, "wanted", MaxMessage+headroom)
	}
	if b.server != nil && !b.o.ReadOnly {
		b.sayForgotten(js)
		b.sayLost()
		b.tidyAtStart()
	}
	if b.o.AtStart == nil {
		return true
	}
	return b.retry("streams cannot be read", func() error { return b.o.AtStart(b.ctx, js) })
}

// startServer starts the embedded server, again and again until it works.
func (b *Broker) startServer() bool {
	if b.server == nil {
		return true
	}
	return b.retry("embedded broker does not start", func() error {
		return b.server.start()
	})
}

func (b *Broker) connect() bool {
	return b.retry("no connection to the broker", func() error {
		nc, err := b.link.connect()
		if err != nil {
			return err
		}
		js, err := jetstream.New(nc)
		if err != nil {
			return err
		}
		b.js.Store(&js)
		return nil
	})
}

// retry calls do until it works, and returns false once Close was called. What
// fails is the reason why the broker is not ready.
func (b *Broker) retry(what string, do func() error) bool {
	const first, most = time.Second, 10 * time.Second
	var logged time.Time
	for wait := first; ; wait = min(2*wait, most) {
		if b.ctx.Err() != nil {
			return false
		}
		err := do()
		if err == nil {
			return true
		}
		if b.ctx.Err() != nil {
			return false
		}
		b.setReason(err)
		if now := time.Now(); now.Sub(logged) >= time.Minute {
			logged = now
			b.log.Error(what, "error", err)
		}
		select {
		case <-time.After(wait):
		case <-b.ctx.Done():
			return false
		}
	}
}

func (b *Broker) setReason(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reason = err
}

func (b *Broker) notStarted() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.reason
}

// Started is closed once the broker has recovered and the streams of all tenants
// and their consumers are there.
func (b *Broker) Started() <-chan struct{} { return b.started }

func (b *Broker) hasStarted() bool {
	select {
	case <-b.started:
		return true
	default:
		return false
	}
}

// JetStream returns nil before Started. What it returns stays valid when the
// connection is lost and made again.
func (b *Broker) JetStream() jetstream.JetStream {
	if !b.hasStarted() {
		return nil
	}
	return *b.js.Load()
}

// Writable is JetStream for those who store events. It returns nil while nothing
// may be stored because the disk is nearly full: the rest is for what delivery
// writes.
func (b *Broker) Writable() jetstream.JetStream {
	if b.isFull() {
		return nil
	}
	return b.JetStream()
}

// Conn returns the connection, or nil before Started.
func (b *Broker) Conn() *nats.Conn {
	if !b.hasStarted() {
		return nil
	}
	return (*b.js.Load()).Conn()
}

// Close ends the connection, then the embedded broker. It may be called by any
// goroutine, and more than once; every call returns when it is closed. While the
// embedded broker recovers it waits for the end of that. A process that has no
// time for it may exit without Close: nothing that was stored is lost.
func (b *Broker) Close() {
	b.cancel()
	b.running.Wait()
	b.link.close()
	if b.server != nil {
		b.server.stop()
	}
	if b.dir != nil {
		b.dir.close()
	}
}

func checkTenants(tenants []Tenant) error {
	seen := make(map[string]bool, len(tenants))
	for _, t := range tenants {
		switch err := CheckTenant(t.Name); {
		case err != nil:
			return fmt.Errorf("tenant %q %w", t.Name, err)
		case seen[t.Name+"_dlq"] || seen[strings.TrimSuffix(t.Name, "_dlq")] && strings.HasSuffix(t.Name, "_dlq"):
			// Their directories are one where case does not count.
			return fmt.Errorf("tenant %q: not beside one of the same name with or without _dlq", t.Name)
		case seen[t.Name]:
			return fmt.Errorf("tenant %q is there twice", t.Name)
		case t.MaxBytes < 0:
			return fmt.Errorf("tenant %q: max bytes are %d, less than 0", t.Name, t.MaxBytes)
		}
		seen[t.Name] = true
	}
	return nil
}
