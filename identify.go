package altertable

import (
	"context"
	"strings"
	"time"

	"github.com/altertable-ai/altertable-go/internal/encode"
)

// Traits are a user's attributes: any values that encoding/json can encode.
// Errors among them, and what the server's parser does not take, are as in
// Properties.
type Traits map[string]any

// Identify says who a user is. Ids and timestamps are as in Track.
type Identify struct {
	DistinctID  string    // a stable, immutable id of your own system, not an e-mail address; empty: the user of ContextWithUser
	Traits      Traits    // merged shallowly into those the platform has; not read after the call
	AnonymousID string    // the visitor's id before login, whose events then belong to the user; empty: the context's visitor's, see Identify
	DeviceID    string    // forwarded from a browser; empty: likewise
	Timestamp   time.Time // since when the traits hold; zero: the time of the call
	Environment string    // empty: the client's
}

// Identify accepts a user's traits for delivery, and the link to what the
// visitor did before login. An empty DistinctID means the user of
// ContextWithUser; without one the call is refused. Call it right after sign-up
// and login, and when a trait changes, but not on each page load. Waiting,
// errors and the use of the map are as in Track.
//
// The platform updates traits only if the timestamp is newer than that of the
// identity it has. So the client's own stamps strictly increase, and the
// identifies of one person are delivered in the order in which they were
// accepted. One person's are those with the same distinct id or the same
// anonymous id, in one environment. The one exception is what a client with a
// spool adopts while it runs: see WithSpool.
//
// Have what authenticates call ContextWithUser: the ids of the context's
// visitor are then added to an Identify of that user only. Where the context
// has no user, as in a login handler, they are added to any Identify. There, an
// Identify of another person than the one who made the request, such as a
// customer in an administrator's handler, would tie that person to the
// administrator's browser, for good. If the context cannot have a user, pass
// ContextWithVisitor(ctx, Visitor{}).
func (c *Client) Identify(ctx context.Context, i Identify) error {
	if c.absent() {
		return nil
	}
	e := newEnvelope()
	defer e.free()
	keep, err := i.encode(ctx, c, e)
	return c.submit(ctx, "Identify", e, keep, err)
}

func (i Identify) encode(ctx context.Context, c *Client, e *envelope) (keep bool, err error) {
	s := scopeOf(ctx)
	if c.lacksConsent(s, e) {
		return false, nil
	}
	s.fillIdentify(&i)
	if c.cfg.beforeSend != nil {
		e.fill(c, &i.Timestamp, &i.Environment)
		return hook(c, i.copied(), e, (*Identify).write)
	}
	return true, i.write(c, e)
}

// copied returns a copy that shares nothing with i, which stays on the caller's stack.
func (i *Identify) copied() Identify {
	return Identify{
		strings.Clone(i.DistinctID), copied(i.Traits), strings.Clone(i.AnonymousID), strings.Clone(i.DeviceID),
		inUTC(i.Timestamp), strings.Clone(i.Environment),
	}
}

// write puts i's JSON into e.
func (i *Identify) write(c *Client, e *envelope) error {
	if err := i.validate(); err != nil {
		return err
	}
	if err := e.begin(c, identifyEndpoint, i.Environment); err != nil {
		return err
	}
	e.ids(i.DistinctID, i.AnonymousID, i.DeviceID)
	if len(i.Traits) > 0 {
		e.json = append(e.json, `,"traits":{`...)
		var err error
		if e.json, _, err = encode.Members(e.json, i.Traits, c.cfg.maxMessageBytes()); err != nil {
			return c.cfg.encodingError("traits", err)
		}
		e.json = append(e.json, '}')
	}
	return e.end(c, i.Timestamp)
}

func (i *Identify) validate() error {
	if i.DistinctID == "" {
		return noPerson(i.AnonymousID, "with ContextWithUser")
	}
	return validateIDs(i.DistinctID, i.AnonymousID, i.DeviceID)
}
