package altertable

import (
	"cmp"
	"context"
	"time"
)

// Alias says that two ids are one person's: after a migration of ids, or to
// link the id of a CRM or billing system, "stripe:cus_123". For a login use
// Identify. Ids, which must differ, and timestamps are as in Track.
type Alias struct {
	DistinctID  string    // the id to link from; required
	NewUserID   string    // the id to link to; required
	Timestamp   time.Time // zero: the time of the call
	Environment string    // empty: the client's
}

// Alias accepts a link between two ids for delivery. It waits, fails and owns
// its arguments as Track does.
func (c *Client) Alias(ctx context.Context, a Alias) error {
	if c.absent() {
		return nil
	}
	e := newEnvelope(aliasEndpoint)
	defer e.free()
	keep, err := c.encodeAlias(a, e)
	return c.submit(ctx, e, keep, err)
}

// encodeAlias writes a into e. It reports false for a message that BeforeSend discarded.
func (c *Client) encodeAlias(a Alias, e *envelope) (keep bool, err error) {
	h := header{now: time.Now()}
	c.fill(&h, &a.Timestamp, &a.Environment)
	if c.cfg.beforeSend != nil {
		if a, keep, err = applyHook(c.cfg, a); !keep {
			return false, err
		}
		c.fill(&h, &a.Timestamp, &a.Environment)
	}
	if err := a.validate(); err != nil {
		return false, err
	}
	e.begin(a.Environment)
	e.field("distinct_id", a.DistinctID)
	e.field("new_user_id", a.NewUserID)
	return true, e.end(h, a.Timestamp, c.cfg)
}

func (a *Alias) validate() error {
	err := cmp.Or(
		validateUserID("distinct_id", a.DistinctID),
		validateUserID("new_user_id", a.NewUserID),
		validateEnvironment(a.Environment),
	)
	if err == nil && a.NewUserID == a.DistinctID {
		return &ValidationError{"new_user_id", "is the same as distinct_id"}
	}
	return err
}
