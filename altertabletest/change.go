package altertabletest

import "time"

// A Change is what an observer is told: exactly one of its fields is set.
type Change struct {
	Event   *Event   // a track was stored; its IdentityTraits are left out: an empty map, nil if there is no identity
	Update  *Update  // an identify or an alias was stored
	Request *Request // a request was dealt with
	Reset   bool     // Server.Reset was called: what was told before is forgotten
}

// An Update is one identify or alias that was stored, and what it did. Its size
// does not depend on how many ids or traits the identity has: Server.Identity
// tells those.
//
// The Updates of an environment tell in full which id belongs to whom. After
// each, these belong to the identity that is known by IdentityID:
//
//   - IdentityID itself and DistinctID, of an alias also NewUserID;
//   - AnonymousID, but only if Linked;
//   - every id that belonged to an identity known by one of Former.
//
// Any other id belongs to whom it belonged before. An id that no Update brought
// belongs to nobody, or to an identity of WithIdentities.
type Update struct {
	Environment string
	Alias       bool   // an alias; an identify if false
	DistinctID  string // of the message, as the others up to Timestamp
	AnonymousID string
	DeviceID    string
	NewUserID   string         // empty for an identify
	Traits      map[string]any // nil for an alias, and where none were sent
	Timestamp   time.Time      // in UTC; ReceivedAt where none was sent
	ReceivedAt  time.Time

	IdentityID string    // by which the identity is known afterwards
	Linked     bool      // AnonymousID is one of its ids; false if there is none, or if it is another person's
	Former     []string  // ids by which identities were known that this one took over
	IDs        int       // how many ids it has, IdentityID among them
	Before     time.Time // UpdatedAt of DistinctID's identity before, of an alias NewUserID's; zero if it was new, or never identified
	Ignored    bool      // an identify whose traits do not count, since it had a timestamp that is not after Before; it links all the same
}

func newUpdate(e endpoint, m message, at, now time.Time) *Update {
	return &Update{
		Environment: m.environment,
		Alias:       e == alias,
		DistinctID:  m.distinctID,
		AnonymousID: m.anonymousID,
		DeviceID:    m.deviceID,
		NewUserID:   m.newUserID,
		Traits:      m.attributes,
		Timestamp:   at,
		ReceivedAt:  now,
	}
}

// queueLocked notes for tell what was stored, as a copy.
func (s *Server) queueLocked(event *storedEvent, update *Update) {
	switch {
	case s.cfg.observe == nil:
	case event != nil:
		told := s.store.withoutTraits(event)
		s.untold = append(s.untold, Change{Event: &told})
	default:
		if update.Traits != nil {
			update.Traits = cloneMap(update.Traits)
		}
		s.untold = append(s.untold, Change{Update: update})
	}
}

// tell calls the observer with the changes made since the last call. They are
// queued under mu and told under observerMu alone, so that they arrive in order
// and the observer may ask the server.
func (s *Server) tell() {
	if s.cfg.observe == nil {
		return
	}
	s.observerMu.Lock()
	defer s.observerMu.Unlock()
	s.mu.Lock()
	changes := s.untold
	s.untold = nil
	s.mu.Unlock()
	for _, change := range changes {
		s.cfg.observe(change)
	}
}
