package server

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/altertable-ai/altertable-go/altertabletest"
	"github.com/altertable-ai/altertable-go/local/internal/hints"
)

const (
	clip       = 2000      // bytes of a text in a row
	clipBrief  = 300       // bytes of an event's brief
	clipDetail = 256 << 10 // bytes of a text in the details
)

// A liveEvent is a kept event. Its JSON and its hints are made when they are
// asked for first.
type liveEvent struct {
	version  int64
	number   int64
	id       *owned // it was sent under; nil for none; guarded by the hub's mutex
	size     int    // in memory, roughly
	spelling string // another one of its name
	event    altertabletest.Event

	hint  sync.Once
	hints []hints.Hint
	text  sync.Once // comes after hint, and lets go of the event's properties
	eventText
}

type eventText struct {
	properties string
	truncated  bool
	brief      string
}

// A shownEvent is a row of the console.
type shownEvent struct {
	Number      int64        `json:"n"`
	Event       string       `json:"event"`
	DistinctID  string       `json:"distinct_id,omitempty"`
	AnonymousID string       `json:"anonymous_id,omitempty"`
	IdentityID  string       `json:"identity_id,omitempty"`
	Known       bool         `json:"known"` // there is an identity
	Environment string       `json:"environment"`
	Timestamp   string       `json:"timestamp"`
	ReceivedAt  string       `json:"received_at"`
	Brief       string       `json:"brief"`
	Hints       []hints.Hint `json:"hints,omitempty"`
}

func newEvent(e *altertabletest.Event) *liveEvent {
	if e == nil {
		return nil
	}
	const itself = 512
	live := &liveEvent{event: *e}
	live.event.IdentityTraits = nil // the API's server knows those of now
	live.size = itself + len(e.Event) + len(e.DistinctID) + len(e.AnonymousID) + len(e.DeviceID) + len(e.SessionID) + footprint(e.Properties)
	return live
}

// sentAs is the id that says whose the event is.
func (e *liveEvent) sentAs() string {
	if e.event.DistinctID == "" {
		return e.event.AnonymousID
	}
	return e.event.DistinctID
}

func (e *liveEvent) row(o owner) shownEvent {
	e.encode()
	return shownEvent{
		Number:      e.number,
		Event:       clipped(e.event.Event),
		DistinctID:  clipped(e.event.DistinctID),
		AnonymousID: clipped(e.event.AnonymousID),
		IdentityID:  clipped(o.id),
		Known:       o.known,
		Environment: e.event.Environment,
		Timestamp:   stamp(e.event.Timestamp),
		ReceivedAt:  stamp(e.event.ReceivedAt),
		Brief:       e.brief,
		Hints:       e.hinted(),
	}
}

func (e *liveEvent) encode() {
	e.text.Do(func() {
		e.hinted()
		text := jsonText(e.event.Properties)
		e.event.Properties = nil
		e.brief = brief(text)
		e.properties, e.truncated = clippedAt(text, clipDetail), len(text) > clipDetail
	})
}

func (e *liveEvent) hinted() []hints.Hint {
	e.hint.Do(func() { e.hints = hints.OfEvent(&e.event, e.spelling) })
	return e.hints
}

// brief is what a row shows of properties: "seats: 5   plan: pro". It leaves out
// those that an SDK added.
func brief(properties string) string {
	decoder := json.NewDecoder(strings.NewReader(properties))
	decoder.UseNumber()
	if _, err := decoder.Token(); err != nil {
		return ""
	}
	var b strings.Builder
	for decoder.More() && b.Len() <= clipBrief {
		name, err := decoder.Token()
		if err != nil {
			break
		}
		var value json.RawMessage
		if decoder.Decode(&value) != nil {
			break // what was cut off
		}
		text, ok := name.(string)
		if !ok || strings.HasPrefix(text, "$") {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("   ")
		}
		b.WriteString(clippedAt(text, clipBrief) + ": " + clippedAt(plainValue(value), clipBrief))
	}
	return clippedAt(b.String(), clipBrief)
}

// plainValue returns a string without its quotes, and other JSON as it is.
func plainValue(value json.RawMessage) string {
	var text string
	if bytes.HasPrefix(value, []byte(`"`)) && json.Unmarshal(value, &text) == nil {
		return text
	}
	return string(value)
}

// footprint is how many bytes a decoded JSON value takes in memory, roughly.
func footprint(value any) int {
	const each, entry = 16, 56
	switch v := value.(type) {
	case string:
		return each + len(v)
	case json.Number:
		return each + len(v)
	case map[string]any:
		n := entry
		for name, child := range v {
			n += entry + len(name) + footprint(child)
		}
		return n
	case []any:
		n := each
		for _, child := range v {
			n += each + footprint(child)
		}
		return n
	}
	return each
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func clipped(text string) string { return clippedAt(text, clip) }

// clippedAt returns a copy of no more than n bytes and what says that it was cut.
func clippedAt(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n] + "..."
}

func clippedAll(texts []string, n int) []string {
	all := []string{}
	for _, text := range texts[:min(n, len(texts))] {
		all = append(all, clipped(text))
	}
	return all
}
