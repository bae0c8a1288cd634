package broker

import (
	"context"
	"errors"
	"log/slog"
	"time"

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
	Replicas  int
	Compress  bool
	Dedupe    time.Duration // the duplicate window
	PinnedTTL time.Duration
	AckWait   time.Duration
	Name      string // of the connection
	Logger    *slog.Logger
	ReadOnly  bool // status, dlq and check: creates nothing
}

// A Tenant's streams.
type Tenant struct {
	Name     string
	MaxBytes int64 // before compression; 0: 80 % of the disk, shared
}

// A Broker is a connection to JetStream that is made again whenever it is lost.
type Broker struct{}

// Open begins to start or to connect to the broker, and returns at once: the
// recovery of many stored messages takes long. The error is of a kind that waiting
// does not mend: a directory that cannot be written or is another relay's, a file
// of certificates that cannot be read.
func Open(o Options, tenants ...Tenant) (*Broker, error) { return nil, errors.New("not built") }

// Started is closed once the broker has recovered and the streams of all tenants
// and their consumers are there.
func (b *Broker) Started() <-chan struct{} { return nil }

// JetStream returns nil before Started.
func (b *Broker) JetStream() jetstream.JetStream { return nil }

// Ready returns nil if messages can be stored now, or why they cannot: still
// recovering, not connected, no leader, disk over 95 %.
func (b *Broker) Ready(ctx context.Context) error { return nil }

// Disk returns the bytes of the disk that holds the embedded broker's files;
// ok is false for a cluster.
func (b *Broker) Disk() (free, total uint64, ok bool) { return 0, 0, false }

// Close ends the connection, then the embedded broker.
func (b *Broker) Close() {}
