// Package deadletter keeps what the API refuses, lists it, and sends it again.
package deadletter

import (
	"context"
	"encoding/json"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// A Letter is one message that the API, or the client, refused.
type Letter struct {
	Sequence uint64          `json:"sequence"` // in the tenant's stream of dead letters
	Time     time.Time       `json:"time"`     // when it was refused
	Tenant   string          `json:"tenant"`
	Endpoint string          `json:"endpoint"`
	Code     string          `json:"code"`              // error_code, else the status, else "invalid" or "too-large"
	Reason   string          `json:"reason"`            // a sentence without any value of the message
	Message  json.RawMessage `json:"message,omitempty"` // left out by ls
}

// A Filter chooses letters. Zero fields choose all.
type Filter struct {
	Tenant string
	Code   string
	Since  time.Time
}

// A Store is the dead letters of the tenants.
type Store struct{}

// NewStore returns the store of the tenants, whose streams are on js.
func NewStore(js jetstream.JetStream, tenants []string) *Store { return nil }

// Put stores a letter and returns once it is stored. Of letters of one id the
// first alone is kept, within the duplicate window.
func (s *Store) Put(ctx context.Context, l Letter, id string) error { return nil }

// List calls each for every letter that the filter chooses, oldest first, until it returns an error.
func (s *Store) List(ctx context.Context, f Filter, each func(Letter) error) error { return nil }

// Replay publishes every chosen letter on its tenant's stream again and then
// deletes it. Letters that arrive during the call are left. It returns how many were sent.
func (s *Store) Replay(ctx context.Context, f Filter) (int, error) { return 0, nil }

// Purge deletes every chosen letter, and returns how many.
func (s *Store) Purge(ctx context.Context, f Filter) (int, error) { return 0, nil }
