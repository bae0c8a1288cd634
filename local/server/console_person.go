package server

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/altertable-ai/altertable-go/local/internal/hints"
)

const (
	storyEvents = 2000
	storyBytes  = 8 << 20  // of properties
	clipStory   = 16 << 10 // characters of an event's properties
	listedStory = 100      // device ids
)

// A story is all of one person, before and after the login.
type story struct {
	Identity    *shownIdentity `json:"identity"`
	ID          string         `json:"id"`
	Environment string         `json:"environment"`
	DeviceIDs   []string       `json:"device_ids"`
	Steps       []step         `json:"steps"`
	More        bool           `json:"more"` // there are events before these
}

// A step is an event, an identify or an alias.
type step struct {
	Kind       string `json:"kind"`
	Timestamp  string `json:"timestamp"`
	ReceivedAt string `json:"received_at"`

	Number     int64  `json:"n,omitempty"` // of an event that the console keeps
	Event      string `json:"event,omitempty"`
	SentAs     string `json:"sent_as,omitempty"` // the id it was sent under
	Anonymous  *bool  `json:"anonymous,omitempty"`
	Brief      string `json:"brief,omitempty"`
	Properties string `json:"properties,omitempty"`

	DistinctID  string `json:"distinct_id,omitempty"`
	AnonymousID string `json:"anonymous_id,omitempty"`
	NewUserID   string `json:"new_user_id,omitempty"`
	Traits      string `json:"traits,omitempty"`
	Ignored     *bool  `json:"ignored,omitempty"`
	Before      string `json:"before,omitempty"` // the identity's stamp before the identify

	at, received time.Time
	order        int64
}

func (c console) person(w http.ResponseWriter, r *http.Request) {
	environment, id, err := parsePerson(r.URL.RawQuery)
	if err != nil {
		refuse(w, err.Error())
		return
	}
	s := story{ID: id, Environment: environment, DeviceIDs: []string{}, Steps: []step{}}
	owner := id
	anonymous := map[string]bool{}
	identity, known := c.api.Identity(environment, id)
	if known {
		owner = identity.DistinctID
		for _, other := range identity.AnonymousIDs {
			anonymous[other] = true
		}
		row := showIdentity(&identity, c.hub.ignoredIdentify(environment, owner))
		row.Traits = clippedAt(jsonText(identity.Traits), clipDetail)
		s.Identity = &row
		s.addDevices(identity.DeviceIDs...)
	}
	found, err := c.database.query(r.Context(), storyQuery(environment, owner))
	if err == nil {
		err = s.addEvents(found, anonymous, known)
	}
	if err != nil {
		failStory(w, err)
		return
	}
	s.number(c.hub.eventsOf(environment, id))
	for _, u := range c.hub.updatesOf(environment, id) {
		s.Steps = append(s.Steps, updateStep(u))
	}
	slices.SortStableFunc(s.Steps, func(a, b step) int {
		return cmp.Or(a.at.Compare(b.at), a.received.Compare(b.received), cmp.Compare(a.order, b.order))
	})
	show(w, s)
}

func failStory(w http.ResponseWriter, err error) {
	var refused *sqlError
	if errors.As(err, &refused) {
		fail(w, http.StatusServiceUnavailable, refused.Code, refused.Message)
		return
	}
	fail(w, http.StatusInternalServerError, "internal-error", err.Error())
}

func parsePerson(raw string) (environment, id string, err error) {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return "", "", errors.New("the query cannot be read: a % is followed by two hexadecimal digits")
	}
	for name, values := range query {
		if name != "environment" && name != "id" || len(values) > 1 {
			return "", "", errors.New("the parameters are environment and id, each once")
		}
		if !utf8.ValidString(values[0]) {
			return "", "", errors.New("the parameter " + name + " is not valid UTF-8")
		}
	}
	environment, id = query.Get("environment"), query.Get("id")
	if environment == "" || id == "" {
		return "", "", errors.New("the parameters environment and id are both needed")
	}
	return environment, id, nil
}

// storyQuery finds the newest events of a person, the newest first. Those of one
// request may have the same times: the row's number is their order.
func storyQuery(environment, identity string) string {
	return fmt.Sprintf(`SELECT e.event, e.distinct_id, e.anonymous_id, e.device_id, e."timestamp", e.received_at, left(e.properties::VARCHAR, %d)
		FROM altertable.store.events e%s
		WHERE e.environment = %s AND coalesce(p.distinct_id, e.distinct_id, e.anonymous_id) = %s
		ORDER BY e."timestamp" DESC, e.received_at DESC, e.rowid DESC LIMIT %d`,
		clipStory, joinIdentities, literal(environment), literal(identity), storyEvents+1)
}

// addEvents adds the rows of the query, newest first, as far as there is room.
func (s *story) addEvents(found *result, anonymous map[string]bool, known bool) error {
	s.More = found.Truncated
	size := 0
	for _, row := range found.Rows {
		if len(s.Steps) == storyEvents || size > storyBytes {
			s.More = true
			break
		}
		var event, distinctID, anonymousID, device, properties string
		e := step{Kind: "event", order: -int64(len(s.Steps))}
		for i, into := range []any{&event, &distinctID, &anonymousID, &device, &e.at, &e.received, &properties} {
			if err := json.Unmarshal(row[i], into); err != nil && i != 4 && i != 5 { // a year of five digits is no time in JSON
				return err
			}
		}
		size += len(properties)
		e.Event, e.SentAs = clipped(event), clipped(distinctID)
		if distinctID == "" {
			distinctID, e.SentAs = anonymousID, clipped(anonymousID)
		}
		sentAnonymously := anonymous[distinctID] || !known && distinctID == anonymousID
		e.Anonymous = &sentAnonymously
		e.Brief, e.Properties = brief(properties), properties
		e.Timestamp, e.ReceivedAt = plainValue(row[4]), plainValue(row[5])
		s.addDevices(device)
		s.Steps = append(s.Steps, e)
	}
	return nil
}

func (s *story) addDevices(devices ...string) {
	for _, device := range devices {
		if device != "" && len(s.DeviceIDs) < listedStory && !slices.Contains(s.DeviceIDs, clipped(device)) {
			s.DeviceIDs = append(s.DeviceIDs, clipped(device))
		}
	}
}

// number tells which of the events the console keeps.
func (s *story) number(kept []*liveEvent) {
	type likeness struct{ event, sentAs, at, received string }
	numbers := map[likeness][]int64{}
	for _, e := range kept {
		like := likeness{clipped(e.event.Event), clipped(e.sentAs()), micros(e.event.Timestamp), micros(e.event.ReceivedAt)}
		numbers[like] = append(numbers[like], e.number)
	}
	for i := range s.Steps {
		e := &s.Steps[i]
		like := likeness{e.Event, e.SentAs, micros(e.at), micros(e.received)}
		if n := numbers[like]; len(n) > 0 {
			last := len(n) - 1
			e.Number, e.order, numbers[like] = n[last], n[last], n[:last]
		}
	}
}

// micros is a time as the database has it.
func micros(t time.Time) string { return t.UTC().Truncate(time.Microsecond).Format(time.RFC3339Nano) }

func updateStep(u *liveUpdate) step {
	s := step{
		Kind:       "identify",
		Timestamp:  stamp(u.update.Timestamp),
		ReceivedAt: stamp(u.update.ReceivedAt),
		DistinctID: clipped(u.update.DistinctID),
		at:         u.update.Timestamp,
		received:   u.update.ReceivedAt,
		order:      u.version,
	}
	if u.update.Alias {
		s.Kind, s.NewUserID = "alias", clipped(u.update.NewUserID)
		return s
	}
	s.AnonymousID, s.Before, s.Ignored = clipped(u.update.AnonymousID), stamp(u.update.Before), &u.update.Ignored
	s.Traits = clippedAt(jsonText(orEmpty(u.update.Traits)), clipStory)
	return s
}

func orEmpty(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}

func (h *hub) ignoredIdentify(environment, id string) *hints.Ignored {
	h.mu.Lock()
	defer h.mu.Unlock()
	if id := h.owners.ids[identityKey{environment, id}]; id != nil && id.root().person != nil {
		return id.root().person.ignored
	}
	return nil
}

// eventsOf returns the kept events of the person an id belongs to.
func (h *hub) eventsOf(environment, id string) (events []*liveEvent) {
	h.mu.Lock()
	defer h.mu.Unlock()
	own := h.owners.ids[identityKey{environment, id}]
	if own == nil {
		return nil
	}
	for _, e := range h.events.kept() {
		if e.id != nil && e.id.root() == own.root() {
			events = append(events, e)
		}
	}
	return events
}

// updatesOf returns the kept identifies and aliases of that person.
func (h *hub) updatesOf(environment, id string) (updates []*liveUpdate) {
	h.mu.Lock()
	defer h.mu.Unlock()
	own := h.owners.ids[identityKey{environment, id}]
	if own == nil {
		return nil
	}
	for _, u := range h.updates.kept() {
		if u.id.root() == own.root() {
			updates = append(updates, u)
		}
	}
	return updates
}
