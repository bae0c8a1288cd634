package main

import (
	"slices"
	"sync"
	"time"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

// A hub keeps the newest events, identities and requests for the console, each
// with the version at which it last changed. A stream asks for what is newer
// than it has: there is no queue that a slow one could fill, and nobody waits
// for it.
type hub struct {
	identity   func(environment, id string) (altertabletest.Identity, bool)
	mu         sync.Mutex // guards all below
	version    int64
	events     []*liveEvent // oldest first
	identities []*liveIdentity
	requests   []*liveRequest
	stored     int64 // events ever
	received   int64 // requests since the start
	changed    chan struct{}
	closed     bool
}

// clip is how many bytes of a text the console shows.
const clip = 2000

type liveEvent struct {
	version    int64
	id         string // unclipped
	Number     int64  `json:"n"`
	Event      string `json:"event"`
	DistinctID string `json:"distinct_id"`
	Properties string `json:"properties"`
	Timestamp  string `json:"timestamp"`
	owner
}

type owner struct {
	Environment string `json:"environment"`
	IdentityID  string `json:"identity_id"`
	Known       bool   `json:"known"` // there is an identity
	Traits      string `json:"traits,omitempty"`
}

type liveIdentity struct {
	version      int64
	key          identityKey
	Environment  string   `json:"environment"`
	DistinctID   string   `json:"distinct_id"`
	Traits       string   `json:"traits"`
	AnonymousIDs []string `json:"anonymous_ids"`
	Aliases      []string `json:"aliases"`
	More         int      `json:"more"` // ids that are not listed
	UpdatedAt    string   `json:"updated_at"`
}

type liveRequest struct {
	version  int64
	Number   int64   `json:"n"`
	Method   string  `json:"method"`
	Path     string  `json:"path"`
	Status   int     `json:"status"`
	Reason   string  `json:"reason"`
	Count    int     `json:"count"`
	Size     int     `json:"size"`
	Duration float64 `json:"duration_ms"`
	Start    string  `json:"start"`
}

// An update is what a stream did not have yet.
type update struct {
	Events     []*liveEvent    `json:"events"`
	Identities []*liveIdentity `json:"identities"`
	Requests   []*liveRequest  `json:"requests"`
	Stored     int64           `json:"stored"`
	Received   int64           `json:"received"`
}

// newHub begins with what the database has.
func newHub(d *database, identities []altertabletest.Identity) (*hub, error) {
	h := &hub{changed: make(chan struct{})}
	stored, events, err := d.newest(keep)
	if err != nil {
		return nil, err
	}
	h.stored = stored - int64(len(events))
	for _, event := range events {
		h.observe(altertabletest.Change{Event: &event})
	}
	identities = slices.Clone(identities)
	slices.SortStableFunc(identities, func(a, b altertabletest.Identity) int { return a.UpdatedAt.Compare(b.UpdatedAt) })
	for _, identity := range identities[max(0, len(identities)-keep):] {
		h.version++
		h.addIdentity(&identity)
	}
	return h, nil
}

func (h *hub) observe(change altertabletest.Change) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.version++
	switch {
	case change.Event != nil:
		h.addEvent(change.Event)
	case change.Update != nil:
		if identity, ok := h.identity(change.Update.Environment, change.Update.IdentityID); ok {
			h.addIdentity(&identity)
		}
	case change.Request != nil:
		h.addRequest(change.Request)
	}
	close(h.changed)
	h.changed = make(chan struct{})
}

func (h *hub) addEvent(e *altertabletest.Event) {
	h.stored++
	event := &liveEvent{
		version:    h.version,
		id:         e.DistinctID,
		Number:     h.stored,
		Event:      clipped(e.Event),
		DistinctID: clipped(e.DistinctID),
		Properties: clipped(jsonText(e.Properties)),
		Timestamp:  e.Timestamp.Format(time.RFC3339Nano),
		owner:      owner{Environment: e.Environment, IdentityID: clipped(e.IdentityID), Known: e.IdentityTraits != nil},
	}
	if event.Known {
		event.Traits = clipped(jsonText(e.IdentityTraits))
	}
	h.events = newest(append(h.events, event))
}

// addIdentity shows the identity as the one that changed last, in the place of
// those it took over, and as the owner of its events.
func (h *hub) addIdentity(i *altertabletest.Identity) {
	others := slices.Concat(i.AnonymousIDs, i.Aliases)
	ids := map[string]bool{i.DistinctID: true}
	for _, id := range others {
		ids[id] = true
	}
	h.identities = slices.DeleteFunc(h.identities, func(known *liveIdentity) bool {
		return known.key.environment == i.Environment && ids[known.key.id]
	})
	const listed = 20
	identity := &liveIdentity{
		version:      h.version,
		key:          identityKey{i.Environment, i.DistinctID},
		Environment:  i.Environment,
		DistinctID:   clipped(i.DistinctID),
		Traits:       clipped(jsonText(i.Traits)),
		AnonymousIDs: clippedAll(i.AnonymousIDs, listed),
		Aliases:      clippedAll(i.Aliases, listed),
	}
	identity.More = len(others) - len(identity.AnonymousIDs) - len(identity.Aliases)
	if !i.UpdatedAt.IsZero() {
		identity.UpdatedAt = i.UpdatedAt.Format(time.RFC3339Nano)
	}
	h.identities = newest(append(h.identities, identity))
	for n, event := range h.events {
		if event.Environment == i.Environment && ids[event.id] {
			owned := *event // a stream may be encoding the other
			owned.version = h.version
			owned.IdentityID, owned.Known, owned.Traits = identity.DistinctID, true, identity.Traits
			h.events[n] = &owned
		}
	}
}

func (h *hub) addRequest(r *altertabletest.Request) {
	h.received++
	h.requests = newest(append(h.requests, &liveRequest{
		version:  h.version,
		Number:   h.received,
		Method:   clipped(r.Method),
		Path:     clipped(r.Path),
		Status:   r.Status,
		Reason:   clipped(r.Reason),
		Count:    r.Count,
		Size:     r.Size,
		Duration: float64(r.Duration.Microseconds()) / 1000,
		Start:    r.Start.Format(time.RFC3339Nano),
	}))
}

// since returns what is newer than a version and that of the answer, and a
// channel that is closed when there is more. A closed hub returns a nil channel.
func (h *hub) since(version int64) (u update, now int64, more <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return u, version, nil
	}
	u = update{Events: []*liveEvent{}, Identities: []*liveIdentity{}, Requests: []*liveRequest{}, Stored: h.stored, Received: h.received}
	for _, e := range h.events {
		if e.version > version {
			u.Events = append(u.Events, e)
		}
	}
	for _, i := range h.identities {
		if i.version > version {
			u.Identities = append(u.Identities, i)
		}
	}
	for _, r := range h.requests {
		if r.version > version {
			u.Requests = append(u.Requests, r)
		}
	}
	return u, h.version, h.changed
}

// count returns the number of events ever stored.
func (h *hub) count() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.stored
}

// close ends the streams.
func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	close(h.changed)
	h.changed = make(chan struct{})
}

func newest[T any](items []T) []T { return slices.Delete(items, 0, max(0, len(items)-keep)) }

func clipped(text string) string {
	if len(text) <= clip {
		return text
	}
	return text[:clip] + "..."
}

func clippedAll(texts []string, n int) []string {
	all := []string{}
	for _, text := range texts[:min(n, len(texts))] {
		all = append(all, clipped(text))
	}
	return all
}
