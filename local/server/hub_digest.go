package server

import (
	"cmp"
	"slices"

	"github.com/altertable-ai/altertable-go/local/internal/hints"
)

// digest makes the rows of what was seen, and counts. It reports whether an
// event that matched does not any more.
func (v *viewer) digest(s *sight) (u *update, lost bool) {
	if s.snapshot {
		v.events, v.updates, v.requests = tally{}, tally{}, tally{}
	}
	v.events.begin(s.firstEvent)
	v.updates.begin(s.firstUpdate)
	v.requests.begin(s.firstRequest)
	u = &s.update
	if lost = v.digestEvents(s, u); lost {
		return nil, true
	}
	u.Identities = v.digestIdentities(s)
	for _, seen := range s.updates {
		if v.filter.matchesUpdate(seen.update, seen.matches, s.exact) {
			v.updates.set(seen.number, mark{true, hints.SetOf(seen.hints())})
		}
	}
	u.Requests = []shownRequest{}
	for i, r := range s.requests {
		v.requests.set(r.row.Number, mark{true, hints.SetOf(r.row.Hints)})
		if i >= len(s.requests)-shown {
			u.Requests = append(u.Requests, r.row)
		}
	}
	u.Matched, u.Hints = v.events.matched, v.hints()
	return u, false
}

func (v *viewer) digestEvents(s *sight, u *update) (lost bool) {
	var matched []eventSight
	fresh := 0 // of matched, those that came since
	for _, e := range s.events {
		m := mark{matched: v.filter.matches(e.liveEvent, e.owner, s.exact)}
		if m.matched {
			m.hints = hints.SetOf(e.hinted())
			matched = append(matched, e)
			if e.version > v.version {
				fresh++
			}
		}
		if before := v.events.set(e.number, m); before && !m.matched {
			return true
		}
	}
	// What is new is at the end. Of that no more than fits on the page is shown,
	// and some more of what changed.
	room := shown
	if !s.snapshot {
		u.Skipped = max(0, fresh-shown)
		room = min(fresh, shown) + reshown - shown
		matched = slices.Delete(matched, len(matched)-fresh, len(matched)-fresh+u.Skipped)
	}
	u.Events = []shownEvent{}
	for _, e := range matched[max(0, len(matched)-room):] {
		u.Events = append(u.Events, e.row(e.owner))
	}
	return false
}

// digestIdentities asks the API's server what the identities are like by now.
func (v *viewer) digestIdentities(s *sight) []shownIdentity {
	rows := []shownIdentity{}
	for _, seen := range s.identities {
		if len(rows) == shown {
			break
		}
		if v.filter.environment != "" && v.filter.environment != seen.key.environment {
			continue
		}
		identity, ok := v.hub.identity(seen.key.environment, seen.key.id)
		if !ok || identity.DistinctID != seen.key.id {
			continue // another one took it over, of which the next message tells
		}
		if v.filter.matchesIdentity(&identity, seen.matches, s.exact) {
			rows = append(rows, showIdentity(&identity, seen.ignored))
		}
	}
	slices.Reverse(rows)
	return rows
}

func (v *viewer) hints() []hintCount {
	counts := []hintCount{}
	for i, h := range hints.Codes {
		if n := v.events.hints[i] + v.updates.hints[i] + v.requests.hints[i]; n > 0 {
			counts = append(counts, hintCount{h, n})
		}
	}
	return counts
}

// older returns the newest matching events before a number, oldest first, and
// whether there are more.
func (h *hub) older(f filter, before int64) (rows []shownEvent, more bool) {
	h.mu.Lock()
	to := f.targetLocked(&h.owners, h.allEnvironmentsLocked())
	var seen []eventSight
	for _, e := range h.events.kept() {
		if e.number < before {
			o, _ := e.ownerLocked(to)
			seen = append(seen, eventSight{e, o})
		}
	}
	h.mu.Unlock()
	rows = []shownEvent{}
	for _, e := range slices.Backward(seen) {
		if !f.matches(e.liveEvent, e.owner, to.exact) {
			continue
		}
		if len(rows) == shown {
			more = true
			break
		}
		rows = append(rows, e.row(e.owner))
	}
	slices.SortFunc(rows, func(a, b shownEvent) int { return cmp.Compare(a.Number, b.Number) })
	return rows, more
}
