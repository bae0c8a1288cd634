package server

import (
	"net/http"
	"strconv"
	"strings"
)

// olderEvents answers with the matching events before a number.
func (c console) olderEvents(w http.ResponseWriter, r *http.Request) {
	f, query, err := parseFilter(r.URL.RawQuery, "before")
	if err != nil {
		refuse(w, err.Error())
		return
	}
	before, err := strconv.ParseInt(query.Get("before"), 10, 64)
	if err != nil || before < 0 {
		refuse(w, "the parameter before is the number of an event, such as before=1000")
		return
	}
	rows, older := c.hub.older(f, before)
	show(w, struct {
		Events []shownEvent `json:"events"`
		Older  bool         `json:"older"`
	}{rows, older})
}

// number reads the number in the path. It answers itself if there is none.
func number(w http.ResponseWriter, r *http.Request) (n int64, ok bool) {
	n, err := strconv.ParseInt(r.PathValue("number"), 10, 64)
	switch {
	case err != nil || n < 0:
		refuse(w, "the path ends with a number")
	case r.URL.RawQuery != "":
		refuse(w, "there are no parameters")
	default:
		return n, true
	}
	return 0, false
}

type eventDetails struct {
	shownEvent
	DeviceID   string `json:"device_id,omitempty"`
	SessionID  string `json:"session_id,omitempty"`
	Properties string `json:"properties"`
	Traits     string `json:"traits,omitempty"`
	Truncated  bool   `json:"truncated"` // properties or traits are longer than is shown
}

func (c console) event(w http.ResponseWriter, r *http.Request) {
	n, ok := number(w, r)
	if !ok {
		return
	}
	e, o, ok := c.hub.event(n)
	if !ok {
		fail(w, http.StatusNotFound, "not-found", "this event is not kept in the console any more; SQL finds it")
		return
	}
	details := eventDetails{
		shownEvent: e.row(o),
		DeviceID:   clipped(e.event.DeviceID),
		SessionID:  clipped(e.event.SessionID),
		Properties: e.properties,
		Truncated:  e.truncated,
	}
	details.Event = clippedAt(e.event.Event, clipDetail)
	details.DistinctID = clippedAt(e.event.DistinctID, clipDetail)
	details.AnonymousID = clippedAt(e.event.AnonymousID, clipDetail)
	details.IdentityID = clippedAt(o.id, clipDetail)
	if o.known {
		if identity, ok := c.api.Identity(e.event.Environment, o.id); ok {
			traits := jsonText(identity.Traits)
			details.Traits = clippedAt(traits, clipDetail)
			details.Truncated = details.Truncated || len(traits) > clipDetail
		}
	}
	show(w, details)
}

func (h *hub) event(number int64) (e *liveEvent, o owner, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if e, ok = h.events.at(number); ok {
		o, _ = e.ownerLocked(target{})
	}
	return e, o, ok
}

type requestDetails struct {
	shownRequest
	Query       string `json:"query"`
	Auth        string `json:"auth"` // what carried the key; the key itself is not kept
	UserAgent   string `json:"user_agent"`
	ContentType string `json:"content_type"`
	Body        string `json:"body"`
	BodyMissing string `json:"body_missing"` // why there is none
	Truncated   bool   `json:"truncated"`
}

func (c console) request(w http.ResponseWriter, r *http.Request) {
	n, ok := number(w, r)
	if !ok {
		return
	}
	details, ok := c.hub.request(n)
	if !ok {
		fail(w, http.StatusNotFound, "not-found", "this request is not kept in the console any more")
		return
	}
	show(w, details)
}

func (h *hub) request(number int64) (d requestDetails, ok bool) {
	h.mu.Lock()
	r, ok := h.requests.at(number)
	if !ok {
		h.mu.Unlock()
		return d, false
	}
	body, missing, truncated := r.body, r.missing, r.truncated
	h.mu.Unlock()
	return requestDetails{
		shownRequest: r.row,
		Query:        r.query,
		Auth:         r.auth,
		UserAgent:    r.agent,
		ContentType:  r.content,
		Body:         strings.ToValidUTF8(string(body), "\uFFFD"),
		BodyMissing:  missing,
		Truncated:    truncated,
	}, true
}
