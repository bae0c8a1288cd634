package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/altertable-ai/altertable-go"
)

// A tally counts what arrived at the sink.
type tally struct {
	Events    int // with the caller's properties
	Complete  int // of these, those with the system's properties as well
	Malformed int // requests without well-formed JSON
	Hung      int // requests that are not answered
}

// add counts the events of a request. What goes to the SDK's endpoint is
// decoded and compared. What other clients send has to be well-formed JSON with
// as many of each of the usual properties.
func (t *tally) add(path string, body []byte) {
	if !strings.HasSuffix(path, "/track") {
		if !json.Valid(body) {
			t.Malformed++
			return
		}
		t.Events += countMembers(body)
		return
	}
	messages, err := decode(body)
	if err != nil {
		t.Malformed++
		return
	}
	for _, m := range messages {
		if !m.holds() {
			continue
		}
		t.Events++
		if m.complete() {
			t.Complete++
		}
	}
}

// members are the usual properties in JSON. Each occurs once in an event,
// whatever a client wraps around it.
var members = func() (all [][]byte) {
	for name, value := range newProperties() {
		member, err := json.Marshal(map[string]any{name: value})
		if err != nil {
			panic(err)
		}
		all = append(all, bytes.Trim(member, "{}"))
	}
	return all
}()

// countMembers returns how often each of the members occurs in body, and 0 if
// they do not occur equally often.
func countMembers(body []byte) int {
	n := bytes.Count(body, members[0])
	for _, member := range members[1:] {
		if bytes.Count(body, member) != n {
			return 0
		}
	}
	return n
}

// A wireMessage is what Altertable's API takes.
type wireMessage struct {
	Environment string         `json:"environment"`
	Event       string         `json:"event"`
	Properties  map[string]any `json:"properties"`
	DistinctID  string         `json:"distinct_id"`
	Timestamp   time.Time      `json:"timestamp"`
}

// decode reads the body of a request: messages in an array, or a single one.
func decode(body []byte) ([]wireMessage, error) {
	var messages []wireMessage
	if bytes.HasPrefix(body, []byte("[")) {
		return messages, strictly(body, &messages)
	}
	var message wireMessage
	err := strictly(body, &message)
	return []wireMessage{message}, err
}

// strictly decodes a body that is one value and has no other members.
func strictly(body []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something follows the value")
	}
	return nil
}

// holds reports whether m is the usual event.
func (m *wireMessage) holds() bool {
	return m.Environment == "production" && m.Event == event && m.DistinctID == user && !m.Timestamp.IsZero() &&
		contains(m.Properties, wireProperties)
}

// complete reports whether m has the system's properties, and no others beside
// the usual ones.
func (m *wireMessage) complete() bool {
	return contains(m.Properties, systemProperties) &&
		len(m.Properties) == len(wireProperties)+len(systemProperties)
}

var systemProperties = map[string]any{"$lib": "altertable-go", "$lib_version": altertable.Version, "$ip": 0.0}

// wireProperties are the usual ones as a JSON decoder returns them.
var wireProperties = func() map[string]any {
	properties := newProperties()
	for name, value := range properties {
		if n, ok := value.(int); ok {
			properties[name] = float64(n)
		}
	}
	return properties
}()

func contains(all, some map[string]any) bool {
	for name, value := range some {
		if got, ok := all[name]; !ok || got != value {
			return false
		}
	}
	return true
}
