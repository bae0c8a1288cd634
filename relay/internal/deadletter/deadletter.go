// Package deadletter keeps what the API refuses, lists it, and sends it again.
package deadletter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/altertable-ai/altertable-go/relay/internal/broker"
)

// A Letter is one message that the API, or the client, refused.
type Letter struct {
	Sequence uint64          `json:"sequence"` // in the tenant's stream of dead letters
	Time     time.Time       `json:"time"`     // when it was stored there, by the broker's clock
	Tenant   string          `json:"tenant"`
	Endpoint string          `json:"endpoint"`
	Code     string          `json:"code"`               // error_code, else the status, else "invalid" or "too-large"
	Reason   string          `json:"reason"`             // a sentence without any value of the message
	Encoding string          `json:"encoding,omitempty"` // "text" or "base64" if what was refused is no JSON: then Message is a string of it
	Message  json.RawMessage `json:"message,omitempty"`  // left out by ls
}

// A Filter chooses letters. Zero fields choose all.
type Filter struct {
	Tenant string
	Code   string
	Since  time.Time // stored then or later
}

// Errors of a Store, which a caller may want to tell from others. Their texts and
// those of all others name the tenant, and never hold what a message says.
var (
	// ErrFull is a stream that takes no more, by its own limit or the disk's.
	ErrFull = errors.New("the stream is full")
	// ErrTooLarge is a message that is larger than the broker takes, compressed as well.
	ErrTooLarge = errors.New("larger than the broker's max_payload")
	// ErrUnknown is a tenant or an endpoint that the relay does not know.
	ErrUnknown = errors.New("unknown")
)

// A Store is the dead letters of the tenants. Its methods may be called by any
// goroutine.
type Store struct {
	js      jetstream.JetStream
	tenants []string
}

// NewStore returns the store of the tenants, whose streams are on js.
func NewStore(js jetstream.JetStream, tenants []string) *Store {
	return &Store{js: js, tenants: slices.Clone(tenants)}
}

// Put stores a letter and returns once it is stored. Of letters of one id the
// first alone is kept, within the duplicate window. Sequence and Time are the
// broker's to give. l.Message is stored byte for byte, also if it is no JSON. It
// is not kept after the call.
//
// Put blocks until the broker answers, ctx ends, or, without a deadline, for 5 s.
// After an error the letter may be stored nevertheless: Put it again, with its id.
// The error is ErrFull when there is no room, ErrUnknown for a tenant or an
// endpoint that is not known, and ErrTooLarge when the broker takes no message of
// that size.
func (s *Store) Put(ctx context.Context, l Letter, id string) error {
	if err := s.knows(l.Tenant); err != nil {
		return err
	}
	if !isEndpoint(l.Endpoint) {
		return fmt.Errorf("tenant %q: the endpoint of a dead letter: %w", l.Tenant, ErrUnknown)
	}
	m := l.encode(id)
	err := s.publish(ctx, l.Tenant, m)
	if errors.Is(err, ErrTooLarge) && compress(m) {
		err = s.publish(ctx, l.Tenant, m)
	}
	if err != nil {
		return fmt.Errorf("tenant %q: a dead letter is not stored: %w%s", l.Tenant, err, remedy(err))
	}
	return nil
}

func (s *Store) publish(ctx context.Context, tenant string, m *nats.Msg) error {
	_, err := s.js.PublishMsg(ctx, m, jetstream.WithExpectStream(broker.DeadStream(tenant)))
	return refusal(err)
}

// remedy says what the operator can do.
func remedy(err error) string {
	if errors.Is(err, ErrFull) {
		return ": replay or purge dead letters, or give the stream or the disk more room"
	}
	return ""
}

// refusal returns the error of a publish as one of ours, where there is one.
func refusal(err error) error {
	switch {
	case broker.IsTooLarge(err):
		return ErrTooLarge
	case broker.IsFull(err):
		return fmt.Errorf("%w (%w)", ErrFull, err)
	}
	return err
}

// knows returns an error unless the tenant is one of the store's.
func (s *Store) knows(tenant string) error {
	if slices.Contains(s.tenants, tenant) {
		return nil
	}
	return fmt.Errorf("tenant %q: %w: the relay's tenants are %q", tenant, ErrUnknown, s.tenants)
}

// chosen returns the tenants of the filter.
func (s *Store) chosen(f Filter) ([]string, error) {
	if f.Tenant == "" {
		return s.tenants, nil
	}
	return []string{f.Tenant}, s.knows(f.Tenant)
}
