package altertable

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/altertable-ai/altertable-go/internal/encode"
)

// Properties say what happened in an event: any values that encoding/json can
// encode, as it encodes them. Names that begin with "$" are the platform's.
//
// An error, at any depth, is sent as its text, unless it encodes itself
// (json.Marshaler, encoding.TextMarshaler): encoding/json would look into it,
// and make {} of most. That is so even for one with exported fields, and for a
// struct that embeds an error or whose pointer is one. A nil error is null.
//
// Some JSON that a json.RawMessage, a json.Number or a MarshalJSON method can
// hold would make the server refuse the whole request. Half of a surrogate pair
// becomes U+FFFD, as invalid UTF-8 does. A number beyond the range of a float64,
// and lists, maps and structs more than 125 deep, are a *ValidationError: the
// server's parser takes 128 levels, of which the batch, the message and its
// properties are three.
type Properties map[string]any

// Track is an event: what a user or a visitor did.
//
// An id is valid UTF-8 of at most 1024 characters without a NUL. It is sent as it
// is: with white space, a byte order mark or a zero-width character at an end, it
// is another person's, so trim ids that come from files. An id that identifies
// nobody is refused: a word that the platform's other SDKs refuse ("anonymous",
// "undefined", "null", "0"), what Go writes for no value ("<nil>") or for a
// mistake in a format ("%!s(int=42)", whatever begins and ends like it), and an
// id in which nothing is visible. An AnonymousID or DeviceID in which nothing is
// visible is left out; the event's name must not be of that kind.
//
// A timestamp is sent in UTC with microseconds; its year is 1 to 9999.
type Track struct {
	Event       string     // what happened, "checkout_completed"; required
	DistinctID  string     // who did it: a stable id of your own system, or a visitor's anonymous id; required
	Properties  Properties // not read after the call
	AnonymousID string     // the visitor's id before login; empty: the context's visitor, if any
	DeviceID    string     // forwarded from a browser; empty: the context's visitor, if any
	Timestamp   time.Time  // when it happened; zero: the time of the call, not of sending
	Environment string     // empty: the client's
}

// Track accepts an event for delivery: it encodes the message on the calling
// goroutine and puts it into the queue. It does no network I/O. It waits only
// with the option Block while the queue is full; ctx then bounds the wait.
// Except for that, ctx carries values only: a canceled ctx does not lose the event.
//
// If the error is nil, the event is accepted. Whether it is delivered later is
// told by Flush and by the functions of WithOnError and WithOnDelivery. If not,
// the event is not queued, and the error is a *ValidationError, ErrTooLarge,
// ErrQueueFull, a *SpoolError (with a spool only), or ErrClosed (after Close),
// to be told apart with errors.Is and errors.As. Its text begins with the name
// of the call.
//
// Track does not keep the map: the caller may change it as soon as Track returns.
//
// Every event also carries $lib, $lib_version, "$ip": 0, and what the options
// add; a property of the caller's own wins.
func (c *Client) Track(ctx context.Context, t Track) error {
	if c.absent() {
		return nil
	}
	e := newEnvelope()
	defer e.free()
	keep, err := t.encode(ctx, c, e)
	return c.submit(ctx, "Track", e, keep, err)
}

func (t Track) encode(ctx context.Context, c *Client, e *envelope) (keep bool, err error) {
	fillVisitor(ctx, &t.AnonymousID, &t.DeviceID)
	if c.cfg.beforeSend != nil {
		e.fill(c, &t.Timestamp, &t.Environment)
		return hook(c, t.copied(), e, (*Track).write)
	}
	return true, t.write(c, e)
}

// copied returns a copy that shares nothing with t, which stays on the caller's stack.
func (t *Track) copied() Track {
	return Track{
		strings.Clone(t.Event), strings.Clone(t.DistinctID), copied(t.Properties), strings.Clone(t.AnonymousID),
		strings.Clone(t.DeviceID), inUTC(t.Timestamp), strings.Clone(t.Environment),
	}
}

// write puts t's JSON into e.
func (t *Track) write(c *Client, e *envelope) error {
	if err := t.validate(); err != nil {
		return err
	}
	if err := e.begin(c, trackEndpoint, t.Environment); err != nil {
		return err
	}
	e.field("event", t.Event)
	e.json = append(e.json, `,"properties":{`...)
	var err error
	if e.json, err = c.properties.encode(e.json, t.Properties, c.cfg.maxMessageBytes()); err != nil {
		return c.cfg.encodingError("properties", err)
	}
	e.json = append(e.json, '}')
	e.ids(t.DistinctID, t.AnonymousID, t.DeviceID)
	return e.end(c, t.Timestamp)
}

func (t *Track) validate() error {
	if err := validateVisible("event", t.Event); err != nil {
		return err
	}
	return validateIDs(t.DistinctID, t.AnonymousID, t.DeviceID)
}

// commonProperties are what New encoded once for every track: the default
// properties and, under them, the system's.
type commonProperties struct {
	members  []commonProperty
	plain    int    // of the members, those whose names do not begin with "$"; they come first
	dollars  []byte // the JSON of the others, for tracks that have no such name of their own
	eventIDs bool
}

type commonProperty struct {
	name string
	json []byte // `,"name":value`
}

func newCommonProperties(cfg *config) (*commonProperties, error) {
	_, own := cfg.defaults["$event_id"]
	p := &commonProperties{eventIDs: cfg.eventIDs && !own}
	add := func(name string, value any) error {
		member, dollar, err := encode.Members([]byte{','}, Properties{name: value}, cfg.maxMessageBytes())
		p.members = append(p.members, commonProperty{name, member})
		if dollar {
			p.dollars = append(p.dollars, member...)
		} else {
			p.plain++
		}
		return err
	}
	for _, name := range plainFirst(cfg.defaults) {
		if err := add(name, cfg.defaults[name]); errors.Is(err, encode.ErrTooLarge) {
			return nil, &ConfigError{"WithDefaultProperties", strings.TrimSpace(memberName(err) + " holds a value that no batch can hold")}
		} else if err != nil {
			return nil, &ConfigError{"WithDefaultProperties", memberReason(err)}
		}
	}
	system := []struct {
		name  string
		value any
		on    bool
	}{
		{"$lib", "altertable-go", true},
		{"$lib_version", Version, true},
		{"$release", cfg.release, cfg.release != ""},
		{"$ip", 0, !cfg.requestIP},
	}
	for _, property := range system {
		if _, ok := cfg.defaults[property.name]; ok || !property.on {
			continue
		}
		if err := add(property.name, property.value); err != nil {
			return nil, &ConfigError{"WithRelease", err.Error()}
		}
	}
	return p, nil
}

// plainFirst returns the names in one order: those that begin with "$" are last.
func plainFirst(p Properties) []string {
	return slices.SortedFunc(maps.Keys(p), func(a, b string) int {
		if dollarA, dollarB := strings.HasPrefix(a, "$"), strings.HasPrefix(b, "$"); dollarA != dollarB {
			if dollarA {
				return 1
			}
			return -1
		}
		return strings.Compare(a, b)
	})
}

// encode appends own, and the common properties that own does not override.
func (p *commonProperties) encode(dst []byte, own Properties, limit int) ([]byte, error) {
	begin := len(dst)
	dst, dollar, err := encode.Members(dst, own, limit)
	if err != nil {
		return dst, err
	}
	empty := len(dst) == begin
	candidates := p.members
	if !dollar { // then own has none of the other names
		candidates = p.members[:p.plain]
	}
	for i := range candidates {
		if _, ok := own[candidates[i].name]; !ok {
			dst = append(dst, candidates[i].json...)
		}
	}
	if !dollar {
		dst = append(dst, p.dollars...)
	}
	if p.eventIDs {
		if _, ok := own["$event_id"]; !ok {
			dst = append(dst, `,"$event_id":`...)
			dst = encode.String(dst, uuid.Must(uuid.NewV7()).String())
		}
	}
	if empty && len(dst) > begin { // nothing precedes the first comma
		dst = append(dst[:begin], dst[begin+1:]...)
	}
	return dst, nil
}
