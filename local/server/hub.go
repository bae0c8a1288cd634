package server

import (
	"slices"
	"sync"

	"github.com/altertable-ai/altertable-go/altertabletest"
	"github.com/altertable-ai/altertable-go/local/internal/hints"
)

// What the console keeps. The oldest leave first.
const (
	keepEvents   = 10_000
	keepBytes    = 64 << 20 // of events, as they are in memory
	keepUpdates  = 10_000
	updateBytes  = 16 << 20
	keepRequests = 1000
	keepBodies   = 16 << 20
	keepGone     = 10_000
)

// A hub keeps the newest events, identifies, aliases and requests for the
// console, each with the version at which it came, and persons with the version
// at which they last changed. A stream asks for what is newer than it has: there
// is no queue that a slow one could fill, and nobody waits for it. What is
// expensive, such as JSON, is made when a stream asks for it, outside the lock.
type hub struct {
	identity     func(environment, id string) (altertabletest.Identity, bool) // asks the API's server
	environments []string                                                     // that exist; immutable

	mu          sync.Mutex // guards all below
	version     int64
	epoch       int64 // counts how often all was forgotten
	events      window[*liveEvent]
	eventBytes  int
	updates     window[*liveUpdate]
	updateBytes int
	requests    window[*liveRequest]
	bodies      bodies
	owners      owners
	reowned     int64 // version at which a person last changed
	gone        window[goneIdentity]
	names       names
	stored      int64 // events ever
	received    int64 // requests since the start
	changed     chan struct{}
	closed      bool
}

// A liveUpdate is an identify or alias.
type liveUpdate struct {
	version int64
	id      *owned
	size    int
	update  *altertabletest.Update
	hints   func() []hints.Hint
}

// A goneIdentity is one that another took over.
type goneIdentity struct {
	version     int64
	Environment string `json:"environment"`
	DistinctID  string `json:"distinct_id"`
}

func emptyHub(environments []string) *hub {
	h := &hub{environments: environments, changed: make(chan struct{}), owners: newOwners(), names: newNames()}
	h.events.first, h.updates.first, h.requests.first = 1, 1, 1
	return h
}

// newHub begins with what the database has.
func newHub(d *database, identities []altertabletest.Identity, environments []string) (*hub, error) {
	h := emptyHub(environments)
	identities = slices.Clone(identities)
	slices.SortStableFunc(identities, func(a, b altertabletest.Identity) int { return a.UpdatedAt.Compare(b.UpdatedAt) })
	for _, identity := range identities {
		h.version++
		h.owners.add(&identity, h.version)
		h.names.addEnvironment(identity.Environment)
	}
	stored, events, err := d.newest(keepEvents)
	if err != nil {
		return nil, err
	}
	h.stored = stored - int64(len(events))
	h.events.first = h.stored + 1
	for _, event := range events {
		h.observe(altertabletest.Change{Event: &event})
	}
	return h, nil
}

// observe takes a change, and owns it.
func (h *hub) observe(change altertabletest.Change) {
	event, update, request := newEvent(change.Event), newUpdate(change.Update), newRequest(change.Request, h.environments)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.version++
	switch {
	case event != nil:
		h.addEventLocked(event)
	case update != nil:
		h.addUpdateLocked(update)
	case request != nil:
		h.addRequestLocked(request)
	case change.Reset:
		h.forgetLocked()
	}
	close(h.changed)
	h.changed = make(chan struct{})
}

func (h *hub) addEventLocked(e *liveEvent) {
	h.stored++
	e.version, e.number = h.version, h.events.next()
	if e.id = h.owners.of(e.event.Environment, e.sentAs()); e.id != nil {
		e.id.events++
	}
	e.spelling = h.names.add(e.event.Event)
	h.names.addEnvironment(e.event.Environment)
	h.events.push(e)
	h.eventBytes += e.size
	for h.events.len() > keepEvents || h.eventBytes > keepBytes && h.events.len() > 1 {
		oldest := h.events.pop()
		h.eventBytes -= oldest.size
		h.owners.left(oldest.id)
		h.names.remove(oldest.event.Event)
	}
}

func (h *hub) addUpdateLocked(u *liveUpdate) {
	u.version, h.reowned = h.version, h.version
	for _, key := range h.owners.update(u.update, h.version) {
		h.gone.push(goneIdentity{h.version, key.environment, clipped(key.id)})
	}
	for h.gone.len() > keepGone {
		h.gone.pop()
	}
	u.id = h.owners.place(identityKey{u.update.Environment, u.update.DistinctID})
	h.updates.push(u)
	h.updateBytes += u.size
	for h.updates.len() > keepUpdates || h.updateBytes > updateBytes && h.updates.len() > 1 {
		h.updateBytes -= h.updates.pop().size
	}
}

func (h *hub) addRequestLocked(r *liveRequest) {
	h.received++
	r.version, r.row.Number = h.version, h.requests.next()
	h.requests.push(r)
	h.bodies.add(r)
	if h.requests.len() > keepRequests {
		h.bodies.drop(h.requests.pop())
	}
}

// forgetLocked forgets everything. Numbers go on, so that none means two things.
func (h *hub) forgetLocked() {
	h.epoch++
	h.events.clear()
	h.updates.clear()
	h.requests.clear()
	h.gone.clear()
	h.eventBytes, h.updateBytes, h.stored, h.received = 0, 0, 0, 0
	h.bodies, h.owners, h.names = bodies{}, newOwners(), newNames()
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
