package altertabletest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/altertable-ai/altertable-go"
)

const (
	maxListed      = 20  // events or requests
	maxDifferences = 10  // of the closest event
	maxValue       = 100 // bytes of a value's JSON
	maxLine        = 400 // bytes of an event's properties
)

// A sight is what a failing test is told: what the server and its client hold.
type sight struct {
	events      []Event
	forgotten   int               // events that WithHistory has let go
	stats       *altertable.Stats // nil without a client of New
	obstruction string            // why nothing can arrive; empty if it can
}

// see asks the client first: what it has delivered by then is among the events.
func (s *Server) see() sight {
	var v sight
	v.stats = s.clientStats()
	v.obstruction = s.obstruction()
	s.mu.Lock()
	defer s.mu.Unlock()
	v.events = s.store.allEvents()
	v.forgotten = s.store.events.total - len(v.events)
	return v
}

func (s *Server) clientStats() *altertable.Stats {
	s.mu.Lock()
	client := s.client
	s.mu.Unlock()
	if client == nil {
		return nil
	}
	stats := client.Stats()
	return &stats
}

// obstruction says what keeps messages from being stored, and what to do about
// it. It is empty if nothing does.
func (s *Server) obstruction() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	bars := func(r *Rule) bool { return !r.fault.passes() }
	switch {
	case s.closed:
		return "the server is closed"
	case s.down:
		return "the server is still down: call srv.Up() before Flush, or give Flush a context with a deadline"
	case slices.ContainsFunc(s.next, bars) || slices.ContainsFunc(s.always, bars):
		return "a fault is still at work: end it with Rule.Release or srv.ClearFaults() before Flush, or give Flush a context with a deadline"
	}
	return ""
}

func (v sight) noMatch(w *wanted) string {
	var b strings.Builder
	fmt.Fprintf(&b, "altertabletest: no event matches, want exactly one\n")
	v.writeHints(&b)
	fmt.Fprintf(&b, "\twant: %s\n", w.describe())
	if len(v.events) > 0 {
		i := w.closest(v.events)
		fmt.Fprintf(&b, "\tclosest is event %d:\n", v.number(i))
		differences := w.differences(v.events[i])
		for _, line := range differences[:min(len(differences), maxDifferences)] {
			fmt.Fprintf(&b, "\t\t%s\n", line)
		}
		if more := len(differences) - maxDifferences; more > 0 {
			fmt.Fprintf(&b, "\t\tand %d more\n", more)
		}
	}
	v.writeEvents(&b, w)
	return strings.TrimSuffix(b.String(), "\n")
}

func (v sight) tooMany(w *wanted, matches []int, want string) string {
	var b strings.Builder
	verb := "match"
	if len(matches) == 1 {
		verb = "matches"
	}
	fmt.Fprintf(&b, "altertabletest: %s %s, %s\n\twant: %s\n", count(len(matches), "event"), verb, want, w.describe())
	fmt.Fprintf(&b, "\tmatching:\n")
	for _, i := range matches[:min(len(matches), maxListed)] {
		fmt.Fprintf(&b, "\t\t%d. %s\n", v.number(i), describe(v.events[i], w))
	}
	if more := len(matches) - maxListed; more > 0 {
		fmt.Fprintf(&b, "\t\tand %d more\n", more)
	}
	v.writeEvents(&b, w)
	return strings.TrimSuffix(b.String(), "\n")
}

// number is the place of an event among all that were stored.
func (v sight) number(i int) int { return v.forgotten + i + 1 }

// writeHints says why an event may be missing.
func (v sight) writeHints(b *strings.Builder) {
	if v.stats == nil {
		fmt.Fprintf(b, "\tmessages may still be queued: Flush the client first\n")
		return
	}
	tell := func(n int64, format string) {
		if n > 0 {
			fmt.Fprintf(b, "\t"+format+"\n", count(int(n), "message"))
		}
	}
	st := v.stats
	if st.Queued == 1 {
		tell(st.Queued, "%s is still queued: Flush first")
	} else {
		tell(st.Queued, "%s are still queued: Flush first")
	}
	if st.Queued > 0 && v.obstruction != "" {
		fmt.Fprintf(b, "\t%s\n", v.obstruction)
	}
	tell(st.Failed+st.Dropped, "the client gave up %s: see the error of Flush")
	tell(st.Rejected, "the client refused %s: see the error of Track, Identify or Alias")
	tell(st.Discarded, "the client discarded %s: BeforeSend, or no consent")
	if st.Accepted+st.Rejected+st.Discarded+st.Requests == 0 {
		fmt.Fprintf(b, "\tthe client of New was given no message\n")
	}
}

func (v sight) writeEvents(b *strings.Builder, w *wanted) {
	total := v.forgotten + len(v.events)
	switch {
	case total == 0:
		fmt.Fprintf(b, "\tthere is no event\n")
		return
	case total == 1:
		fmt.Fprintf(b, "\tthere is 1 event")
	default:
		fmt.Fprintf(b, "\tthere are %d events", total)
	}
	if v.forgotten > 0 {
		fmt.Fprintf(b, ", of which WithHistory keeps %d", len(v.events))
	}
	fmt.Fprintf(b, ":\n")
	for i, e := range v.events[:min(len(v.events), maxListed)] {
		fmt.Fprintf(b, "\t\t%d. %s\n", v.number(i), describe(e, w))
	}
	if more := len(v.events) - maxListed; more > 0 {
		fmt.Fprintf(b, "\t\tand %d more\n", more)
	}
}

// describe puts an event on a line, with what w asks about. A nil w asks nothing.
func describe(e Event, w *wanted) string {
	var b strings.Builder
	sender := cmp.Or(e.DistinctID, e.AnonymousID)
	fmt.Fprintf(&b, "%s by %s", short(e.Event), by(e))
	field := func(name, value string, show bool) {
		if show {
			fmt.Fprintf(&b, ", %s %s", name, short(value))
		}
	}
	if w == nil {
		w = &wanted{}
	}
	field("identity", e.IdentityID, e.IdentityID != sender)
	field("anonymous_id", e.AnonymousID, w.AnonymousID != "" && e.DistinctID != "")
	field("device_id", e.DeviceID, w.DeviceID != "")
	field("environment", e.Environment, w.Environment != "")
	b.WriteString(" " + object(e.Properties, func(name string) bool {
		_, asked := w.properties[name]
		return asked || name != "$lib" && name != "$lib_version" && name != "$ip"
	}))
	if len(w.traits) > 0 {
		b.WriteString(", identity traits " + object(e.IdentityTraits, nil))
	}
	return b.String()
}

// by names the sender of an event by the id that says whose it is.
func by(e Event) string {
	switch {
	case e.DistinctID != "":
		return short(e.DistinctID)
	case e.AnonymousID != "":
		return "anonymous_id " + short(e.AnonymousID)
	}
	return "nobody"
}

// describe says what is wanted, as events are described.
func (w *wanted) describe() string {
	var parts []string
	field := func(name, value string) {
		if value != "" {
			parts = append(parts, name+" "+short(value))
		}
	}
	field("event", w.Want.Event)
	field("distinct_id", w.DistinctID)
	field("anonymous_id", w.AnonymousID)
	field("device_id", w.DeviceID)
	field("environment", w.Environment)
	field("identity", w.IdentityID)
	if len(w.properties) > 0 {
		parts = append(parts, "properties "+object(w.properties, nil))
	}
	if len(w.traits) > 0 {
		parts = append(parts, "identity traits "+object(w.traits, nil))
	}
	if len(parts) == 0 {
		return "any event"
	}
	return strings.Join(parts, ", ")
}

// object writes the members that show, all if it is nil, sorted and not too long.
func object(m map[string]any, show func(name string) bool) string {
	var b strings.Builder
	b.WriteByte('{')
	for _, name := range sortedKeys(m) {
		if show != nil && !show(name) {
			continue
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		if b.Len() > maxLine {
			b.WriteString("...")
			break
		}
		b.WriteString(short(name) + ":" + short(m[name]))
	}
	b.WriteByte('}')
	return b.String()
}

// short is v as JSON, cut if it is long.
func short(v any) string {
	size := 0
	if s, ok := v.(string); ok && len(s) > 2*maxValue {
		size, v = len(s), s[:2*maxValue] // a character may be broken at the end, which is cut off
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // decoded JSON and text never fail
	out := strings.TrimSuffix(text.String(), "\n")
	if len(out) <= maxValue {
		return out
	}
	cut := maxValue
	for !utf8.RuneStart(out[cut]) {
		cut--
	}
	return fmt.Sprintf("%s... (%d bytes)", out[:cut], max(size, len(out)))
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
