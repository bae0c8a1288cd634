package altertabletest

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// An endpoint is the last element of a path.
type endpoint string

const (
	track    endpoint = "track"
	identify endpoint = "identify"
	alias    endpoint = "alias"
)

// failure is the error code for a message that could not be stored.
func (e endpoint) failure() string {
	if e == track {
		return "insert-failed"
	}
	return string(e) + "-failed"
}

// store holds what the server took. The server's mutex guards it.
type store struct {
	events       history[*storedEvent]
	environments map[string]*identities
	seq          int
	tasks        int
}

// A storedEvent does not change; what its identity is, is looked up when asked.
type storedEvent struct {
	message
	at, received time.Time
}

func newStore(limit int) store {
	return store{events: history[*storedEvent]{limit: limit}, environments: map[string]*identities{}}
}

func (s *store) identities(environment string) *identities {
	g := s.environments[environment]
	if g == nil {
		g = newIdentities(&s.seq)
		s.environments[environment] = g
	}
	return g
}

// take stores the messages one by one, and stops at the first that it refuses,
// with an error code: those before it stay stored. changed is called with
// whatever was stored; what an Update has of the message is still the message's.
func (s *store) take(e endpoint, messages []message, cfg *config, now time.Time, changed func(*storedEvent, *Update)) (code string) {
	for _, m := range messages {
		if cfg.environments != nil && !cfg.environments[m.environment] {
			return "environment-not-found"
		}
		at, ok := parseTimestamp(m.timestamp, now)
		if !ok {
			return e.failure()
		}
		switch e {
		case track:
			event := &storedEvent{message: m, at: at, received: now}
			s.events.add(event)
			changed(event, nil)
		case identify:
			u := newUpdate(e, m, at, now)
			s.identities(m.environment).identify(m, u)
			changed(nil, u)
		case alias:
			u := newUpdate(e, m, at, now)
			s.identities(m.environment).alias(m, u)
			changed(nil, u)
		}
	}
	return ""
}

func (s *store) taskID() string {
	s.tasks++
	return fmt.Sprintf("task-%d", s.tasks)
}

func (s *store) snapshot(e *storedEvent) Event {
	event, p := s.resolve(e)
	event.Properties = cloneMap(e.attributes)
	if p != nil {
		event.IdentityTraits = cloneMap(p.traits)
	}
	return event
}

// withoutTraits is a snapshot whose size does not depend on the identity's.
func (s *store) withoutTraits(e *storedEvent) Event {
	event, p := s.resolve(e)
	event.Properties = cloneMap(e.attributes)
	if p != nil {
		event.IdentityTraits = map[string]any{}
	}
	return event
}

// resolve returns e without its maps, and the person it belongs to, nil if it
// belongs to none. An event is never looked up under an empty id.
func (s *store) resolve(e *storedEvent) (Event, *person) {
	event := Event{
		Environment: e.environment,
		Event:       e.event,
		DistinctID:  e.distinctID,
		AnonymousID: e.anonymousID,
		DeviceID:    e.deviceID,
		SessionID:   e.sessionID,
		Timestamp:   e.at,
		ReceivedAt:  e.received,
		IdentityID:  cmp.Or(e.distinctID, e.anonymousID),
	}
	g := s.environments[e.environment]
	if g == nil || event.IdentityID == "" {
		return event, nil
	}
	p := g.lookup(event.IdentityID)
	if p != nil {
		event.IdentityID = p.canonical.name
	}
	return event, p
}

func (s *store) allEvents() []Event {
	stored := s.events.all()
	events := make([]Event, len(stored))
	for i, e := range stored {
		events[i] = s.snapshot(e)
	}
	return events
}

// allIdentities lists the identities of all environments in the order in which
// they came to be.
func (s *store) allIdentities() []Identity {
	type found struct {
		*person
		environment string
	}
	var all []found
	for environment, g := range s.environments {
		for p := range g.persons {
			all = append(all, found{p, environment})
		}
	}
	slices.SortFunc(all, func(a, b found) int { return cmp.Compare(a.seq, b.seq) })
	snapshots := make([]Identity, len(all))
	for i, f := range all {
		snapshots[i] = f.snapshot(f.environment)
	}
	return snapshots
}

// history keeps the newest limit items, or all if limit is 0.
type history[T any] struct {
	items []T
	limit int
	total int // ever added
}

func (h *history[T]) add(item T) {
	h.items = append(h.items, item)
	h.total++
	if h.limit > 0 && len(h.items) >= 2*h.limit {
		h.items = slices.Clone(h.all())
	}
}

// all returns the items kept, oldest first; the slice is h's own.
func (h *history[T]) all() []T {
	if h.limit > 0 && len(h.items) > h.limit {
		return h.items[len(h.items)-h.limit:]
	}
	return h.items
}
