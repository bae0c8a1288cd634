package altertabletest

import (
	"strings"
	"testing"

	"github.com/altertable-ai/altertable-go"
)

// A Want says which events are meant. Its fields are those of Event; one that is
// zero is not looked at, so that a zero Want means any event. An event that was
// sent without a distinct_id is found by its AnonymousID or its IdentityID.
type Want struct {
	Event       string
	DistinctID  string
	AnonymousID string
	DeviceID    string
	Environment string

	// Properties are some of the event's: it may have more. Values are compared as
	// they are in JSON, where 5 is 5 whatever its Go type, a time is a string, and a
	// struct is an object. What lies deeper than a property has to be the same in
	// full. nil is a null that is there.
	Properties altertable.Properties

	// IdentityID is the id of the person whom the event belongs to by now, and
	// IdentityTraits are some of that person's traits, compared as Properties are.
	IdentityID     string
	IdentityTraits altertable.Traits
}

// RequireEvent returns the one stored event that matches want. If none or
// several do, it ends the test with t.Fatalf, and says which events there are,
// in what the closest one differs, and whether the client of New has messages
// that were not flushed yet. It does not wait: Flush first, or WaitEvents. It
// looks at the events that WithHistory keeps.
func (s *Server) RequireEvent(t testing.TB, want Want) Event {
	t.Helper()
	w, err := newWanted(want)
	if err != nil {
		t.Fatalf("altertabletest: %v", err)
		return Event{}
	}
	seen := s.see()
	matches := w.matches(seen.events)
	switch len(matches) {
	case 1:
		return seen.events[matches[0]]
	case 0:
		t.Fatalf("%s", seen.noMatch(w))
	default:
		t.Fatalf("%s", seen.tooMany(w, matches, "want exactly one"))
	}
	return Event{}
}

// RequireNoEvent ends the test with t.Fatalf if a stored event matches want, or
// any is stored if want is zero. It also does if the client of New has messages that
// are still queued: a test that did not flush proves nothing. It does not wait.
// For a client that New did not make it cannot tell: Flush first.
func (s *Server) RequireNoEvent(t testing.TB, want Want) {
	t.Helper()
	w, err := newWanted(want)
	if err != nil {
		t.Fatalf("altertabletest: %v", err)
		return
	}
	seen := s.see()
	if matches := w.matches(seen.events); len(matches) > 0 {
		t.Fatalf("%s", seen.tooMany(w, matches, "want none"))
		return
	}
	if seen.stats != nil && seen.stats.Queued > 0 {
		var b strings.Builder
		b.WriteString("altertabletest: no event matches yet, which proves nothing\n")
		seen.writeHints(&b)
		t.Fatalf("%s", strings.TrimSuffix(b.String(), "\n"))
	}
}
