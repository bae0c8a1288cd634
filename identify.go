package altertable

import (
	"cmp"
	"context"
	"time"
)

// Traits are a user's attributes: any values that encoding/json can encode.
type Traits map[string]any

// Identify says who a user is. Ids and timestamps are as in Track.
type Identify struct {
	DistinctID  string    // a stable, immutable id of your own system, not an e-mail address; required
	Traits      Traits    // merged shallowly into those the platform has; not read after the call
	AnonymousID string    // the visitor's id before login, whose events then belong to the user; empty: the context's visitor, if any
	DeviceID    string    // forwarded from a browser; empty: the context's visitor, if any
	Timestamp   time.Time // since when the traits hold; zero: the time of the call
	Environment string    // empty: the client's
}

// Identify accepts a user's traits for delivery, and the link to what the
// visitor did before login. Call it right after sign-up and login, when a page
// loads with the user signed in, and when a trait changes. It waits, fails and
// owns its arguments as Track does.
//
// The platform updates traits only if the timestamp is newer than that of the
// identity it has. So the client's own stamps strictly increase, and identifies
// of one environment are delivered in the order in which they were accepted.
//
// An Identify of another person than the one whose request ctx belongs to (in
// an administrator's handler, say) would tie that person to the
// administrator's browser: pass ContextWithVisitor(ctx, Visitor{}) there.
func (c *Client) Identify(ctx context.Context, i Identify) error {
	if c.absent() {
		return nil
	}
	e := newEnvelope(identifyEndpoint)
	defer e.free()
	keep, err := c.encodeIdentify(ctx, i, e)
	return c.submit(ctx, e, keep, err)
}

// encodeIdentify writes i into e. It reports false for a message that BeforeSend discarded.
func (c *Client) encodeIdentify(ctx context.Context, i Identify, e *envelope) (keep bool, err error) {
	fillVisitor(ctx, &i.AnonymousID, &i.DeviceID)
	h := header{now: time.Now()}
	c.fill(&h, &i.Timestamp, &i.Environment)
	if c.cfg.beforeSend != nil {
		i.Traits = cloneMap(i.Traits)
		if i, keep, err = applyHook(c.cfg, i); !keep {
			return false, err
		}
		c.fill(&h, &i.Timestamp, &i.Environment)
	}
	if err := i.validate(); err != nil {
		return false, err
	}
	e.begin(i.Environment)
	e.ids(i.DistinctID, i.AnonymousID, i.DeviceID)
	if len(i.Traits) > 0 {
		e.json = append(e.json, `,"traits":{`...)
		if e.json, _, err = appendMembers(e.json, i.Traits, c.cfg.maxMessageBytes()); err != nil {
			return false, c.cfg.encodingError("traits", err)
		}
		e.json = append(e.json, '}')
	}
	return true, e.end(h, i.Timestamp, c.cfg)
}

func (i *Identify) validate() error {
	return cmp.Or(
		validateUserID("distinct_id", i.DistinctID),
		validateID("anonymous_id", i.AnonymousID),
		validateID("device_id", i.DeviceID),
		validateEnvironment(i.Environment),
	)
}
