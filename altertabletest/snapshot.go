package altertabletest

import (
	"net/http"
	"net/url"
	"time"
)

// An Event is one stored track, with the identity it belongs to by now.
//
// Numbers in its maps are float64, as encoding/json decodes them, except those
// that a float64 cannot hold: integers beyond 2^53 either way are a json.Number
// with every digit that was sent.
type Event struct {
	Environment string
	Event       string
	DistinctID  string // empty if none was sent
	AnonymousID string
	DeviceID    string
	SessionID   string         // browsers send it, this SDK does not
	Properties  map[string]any // never nil
	Timestamp   time.Time      // in UTC; ReceivedAt where none was sent
	ReceivedAt  time.Time

	// IdentityID is the distinct id of the identity that the event belongs to:
	// the user's, for an event sent under an anonymous or former id. It is the
	// event's own id where no identity is known: DistinctID, or AnonymousID if
	// there is no DistinctID. An event with neither belongs to nobody, and its
	// IdentityID is empty.
	IdentityID string
	// IdentityTraits are the traits that identity has now, nil if there is none.
	IdentityTraits map[string]any
}

// An Identity is one person of an environment. An identify or an alias creates
// it. Numbers in Traits are as in Event.
type Identity struct {
	Environment  string
	DistinctID   string         // the id it is known by
	Traits       map[string]any // never nil
	AnonymousIDs []string       // linked by identify, in the order first seen
	Aliases      []string       // its other ids, in the order first seen
	DeviceIDs    []string       // of its identifies, in the order first seen
	CreatedAt    time.Time      // when the server first heard of it
	UpdatedAt    time.Time      // timestamp of its newest identify, which the next one has to exceed; zero if only an alias made it
}

// A Request is one HTTP request that reached the server.
type Request struct {
	Method string
	Host   string
	Path   string
	Query  url.Values  // a key in it is replaced by "REDACTED"
	Sync   bool        // ?sync=true
	Header http.Header // keys and cookies are replaced by "REDACTED"
	Auth   string      // what carried the key: the header "X-API-Key" or "Authorization", or the query's "apiKey"; empty if nothing did

	Body  []byte // nil if the request was refused before reading, if it was over 2 MiB, or if WithBodyHistory has no room
	Size  int    // bytes of the body that were read
	Count int    // messages in the body, 0 if it was refused before they were counted

	Status   int           // of the answer; 0 while there is none, and for good if the connection was reset or the client left
	Reason   string        // error code or text with which the API refused it, empty if it did not
	Start    time.Time     // when it arrived
	Duration time.Duration // until the answer began, or until it was clear that there will be none
}

// cloneMap returns a deep copy of a decoded JSON object, never nil.
func cloneMap(m map[string]any) map[string]any {
	c := make(map[string]any, len(m))
	for k, v := range m {
		c[k] = cloneValue(v)
	}
	return c
}

func cloneValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		return cloneMap(v)
	case []any:
		c := make([]any, len(v))
		for i, e := range v {
			c[i] = cloneValue(e)
		}
		return c
	}
	return v
}
