package server

import (
	"slices"
	"sort"

	"github.com/altertable-ai/altertable-go/local/internal/hints"
)

const (
	shown     = 300    // rows of each kind in a message
	reshown   = 1000   // events in an update, with those whose person changed
	inspected = 10_000 // identities that a snapshot looks at
)

// A viewer is one that looks at the hub through a filter: a stream. One
// goroutine owns it.
type viewer struct {
	hub    *hub
	filter filter

	version int64 // that the last message showed; -1 for none
	epoch   int64
	exact   bool // the filter's person was found by that id

	events, updates, requests tally
}

// An update is what a viewer did not have yet.
type update struct {
	Events       []shownEvent    `json:"events"`
	Identities   []shownIdentity `json:"identities"`
	Requests     []shownRequest  `json:"requests"`
	Stored       int64           `json:"stored"`
	Received     int64           `json:"received"`
	People       int             `json:"people"`
	Kept         int             `json:"kept"`
	Matched      int             `json:"matched"`
	Names        []string        `json:"names"`
	Environments []string        `json:"environments"`
	Hints        []hintCount     `json:"hints"`

	Gone    []goneIdentity `json:"gone,omitempty"`    // identities that others took over
	Skipped int            `json:"skipped,omitempty"` // new events that match and are not in the message
}

type hintCount struct {
	hints.Hint
	Count int `json:"count"`
}

// A sight is what the hub's lock showed of what a viewer has not seen.
type sight struct {
	now      int64
	epoch    int64
	snapshot bool
	exact    bool
	update

	firstEvent, firstUpdate, firstRequest int64

	events     []eventSight // oldest first
	identities []identitySight
	updates    []updateSight
	requests   []*liveRequest
}

type eventSight struct {
	*liveEvent
	owner
}

type identitySight struct {
	key     identityKey
	ignored *hints.Ignored
	matches bool
}

type updateSight struct {
	number int64
	*liveUpdate
	matches bool
}

func (h *hub) viewer(f filter) *viewer { return &viewer{hub: h, filter: f, version: -1} }

// next returns what is new, whether it is a snapshot, which replaces all before,
// and a channel that is closed when there is more. If nothing is new there is no
// update. A closed hub has a nil channel.
func (v *viewer) next() (u *update, snapshot bool, more <-chan struct{}) {
	s, more := v.look(v.version < 0)
	if more == nil || s.now == v.version {
		return nil, false, more
	}
	u, lost := v.digest(s)
	if lost {
		// A row does not match any more. Only a snapshot takes it away.
		if s, more = v.look(true); more == nil {
			return nil, false, nil
		}
		u, _ = v.digest(s)
	}
	v.version, v.epoch, v.exact = s.now, s.epoch, s.exact
	return u, s.snapshot, more
}

// look takes from the hub what is new, without anything that takes long.
func (v *viewer) look(snapshot bool) (*sight, <-chan struct{}) {
	h := v.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, nil
	}
	s := &sight{now: h.version, epoch: h.epoch}
	s.Environments = h.allEnvironmentsLocked()
	to := v.filter.targetLocked(&h.owners, s.Environments)
	s.exact = to.exact
	s.snapshot = snapshot || s.epoch != v.epoch || s.exact != v.exact
	since := v.version
	if s.snapshot {
		since = -1
	}
	s.firstEvent, s.firstUpdate, s.firstRequest = h.events.first, h.updates.first, h.requests.first
	s.events = h.eventsSinceLocked(since, to)
	s.identities = h.identitiesSinceLocked(since, to)
	s.updates = h.updatesSinceLocked(since, to)
	s.requests = slices.Clone(newer(h.requests.kept(), since, func(r *liveRequest) int64 { return r.version }))
	if !s.snapshot {
		s.Gone = slices.Clone(newer(h.gone.kept(), since, func(g goneIdentity) int64 { return g.version }))
	}
	s.Stored, s.Received, s.Kept, s.People = h.stored, h.received, h.events.len(), h.owners.people.Len()
	s.Names = h.names.list()
	return s, h.changed
}

// newer returns the items with a version after since: the last ones.
func newer[T any](items []T, since int64, version func(T) int64) []T {
	return items[sort.Search(len(items), func(i int) bool { return version(items[i]) > since }):]
}

// eventsSinceLocked returns the events that came, and those whose person changed.
func (h *hub) eventsSinceLocked(since int64, to target) (seen []eventSight) {
	events := h.events.kept()
	if h.reowned <= since {
		events = newer(events, since, func(e *liveEvent) int64 { return e.version })
	}
	for _, e := range events {
		o, changed := e.ownerLocked(to)
		if e.version > since || changed > since {
			seen = append(seen, eventSight{e, o})
		}
	}
	return seen
}

// ownerLocked returns whose an event is, and the version at which that changed.
func (e *liveEvent) ownerLocked(to target) (o owner, changed int64) {
	if e.id == nil {
		return owner{}, 0
	}
	root := e.id.root()
	o = owner{id: e.id.key.id, matches: to.has(root)}
	if root.person != nil {
		o.id, o.known = root.person.key.id, true
	}
	return o, root.version
}

// identitiesSinceLocked returns those that changed, the one that changed last first.
// If the filter means one person, there are no others.
func (h *hub) identitiesSinceLocked(since int64, to target) (seen []identitySight) {
	for _, root := range to.roots {
		if p := root.person; p != nil && p.version > since {
			seen = append(seen, identitySight{p.key, p.ignored, true})
		}
	}
	if to.exact {
		return seen
	}
	for e := h.owners.people.Front(); e != nil && len(seen) < inspected; e = e.Next() {
		p := e.Value.(*liveIdentity)
		if p.version <= since {
			break
		}
		seen = append(seen, identitySight{p.key, p.ignored, false})
	}
	return seen
}

func (h *hub) updatesSinceLocked(since int64, to target) (seen []updateSight) {
	updates := newer(h.updates.kept(), since, func(u *liveUpdate) int64 { return u.version })
	first := h.updates.next() - int64(len(updates))
	for i, u := range updates {
		seen = append(seen, updateSight{first + int64(i), u, to.has(u.id.root())})
	}
	return seen
}

// allEnvironmentsLocked returns those that exist and those of events.
func (h *hub) allEnvironmentsLocked() []string {
	all := slices.Clone(h.environments)
	for environment := range h.names.environments {
		if !slices.Contains(all, environment) {
			all = append(all, environment)
		}
	}
	slices.Sort(all)
	return all
}
