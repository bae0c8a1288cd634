package altertable

import (
	"context"
	"strings"
	"time"
)

// Track is an event: what a user or a visitor did. An empty DistinctID means
// the person of the call's context: the user of ContextWithUser, else the
// visitor whom Middleware found. If the context has neither, the event is
// refused with a *ValidationError. So is an event with an AnonymousID and no
// DistinctID, whatever the context has.
//
// An id is valid UTF-8 of at most 1024 characters without a NUL. It is sent as
// it is: with white space, a byte order mark or a zero-width character at an
// end, it is another person's, so trim ids that come from files. An id that
// identifies nobody is refused: a word that the platform's other SDKs refuse
// ("anonymous", "undefined", "null", "0"), what Go writes for no value
// ("<nil>") or for a mistake in a format ("%!s(int=42)", whatever begins and
// ends like it), and an id in which nothing is visible. An AnonymousID or
// DeviceID of that kind is left out, and the event is sent without it. A name
// of an event in which nothing is visible is refused, too.
//
// A timestamp is sent in UTC with microseconds; its year is 1 to 9999.
type Track struct {
	Event       string     // what happened, "checkout_completed"; required
	DistinctID  string     // who did it: a stable id of your own system, or a visitor's anonymous id; empty: the context's person
	Properties  Properties // not read after the call
	AnonymousID string     // the visitor's id before login; empty: the context's visitor's, in an event about the context's person
	DeviceID    string     // forwarded from a browser; empty: likewise
	Timestamp   time.Time  // when it happened; zero: the time of the call, not of sending
	Environment string     // empty: the client's
}

// Track accepts an event for delivery: it encodes the message on the calling
// goroutine and puts it into the queue. An empty DistinctID means the person of
// ctx: the user of ContextWithUser, else the visitor of Middleware; without
// either the event is refused. Track does no network I/O. It waits only with
// the option Block while the queue is full; ctx then bounds the wait. Except
// for that, ctx carries values only: a canceled ctx does not lose the event.
//
// If the error is nil, the event was accepted, or WithBeforeSend or
// WithConsentRequired discarded it. Whether it is delivered later is told by
// Flush and by the functions of WithOnError and WithOnDelivery. Otherwise the
// event was not accepted, and the error is a *ValidationError, ErrTooLarge,
// ErrQueueFull, a *SpoolError (with a spool only), or ErrClosed (after
// Close). Tell them apart with errors.Is and errors.As. The text begins with
// the name of the call.
//
// Track does not keep the map: the caller may change it as soon as Track returns.
//
// Every event also carries properties of the client, the request and the
// context. Of those with one name the later in this list wins: the system's
// ($lib, $lib_version, "$ip": 0 and what options add),
// WithDefaultProperties, WithRequestProperties, WithPropertiesFunc,
// ContextWithProperties, the event's own.
//
// The visitor's ids are added to events about the context's person only: those
// that name nobody, the id of ContextWithUser, or the visitor's own anonymous
// id. They are not added where AnonymousID or DeviceID names another browser.
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
	s := scopeOf(ctx)
	if c.lacksConsent(s, e) {
		return false, nil
	}
	s.fillTrack(&t)
	if c.cfg.beforeSend != nil || c.cfg.propertiesFunc != nil {
		e.fill(c, &t.Timestamp, &t.Environment)
	}
	if t.Properties, err = c.withLayers(ctx, s, e, t.Properties); err != nil {
		return false, err
	}
	if c.cfg.beforeSend != nil {
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
	if t.DistinctID == "" {
		return noPerson(t.AnonymousID, "with ContextWithUser or of Middleware")
	}
	return validateIDs(t.DistinctID, t.AnonymousID, t.DeviceID)
}
