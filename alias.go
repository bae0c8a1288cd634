package altertable

import (
	"context"
	"time"
)

// Alias says that two ids are one person's. A second id, of a billing system or
// CRM or from before a migration, is linked to your own, under which the person
// is known. A link cannot be undone. For a login use Identify. The ids must
// differ. Ids and timestamps are as in Track.
type Alias struct {
	DistinctID  string    // the second id, "stripe:cus_123"; required
	NewUserID   string    // your own id, "u_42", which stays the person's; required
	Timestamp   time.Time // zero: the time of the call
	Environment string    // empty: the client's
}

// Alias accepts a link between two ids for delivery. Waiting and errors are as
// in Track. It takes nothing from ctx: both ids are named.
func (c *Client) Alias(ctx context.Context, a Alias) error {
	if c.absent() {
		return nil
	}
	e := newEnvelope()
	defer e.free()
	keep, err := a.encode(ctx, c, e)
	return c.submit(ctx, "Alias", e, keep, err)
}

func (a Alias) encode(_ context.Context, c *Client, e *envelope) (keep bool, err error) {
	if c.cfg.beforeSend != nil {
		e.fill(c, &a.Timestamp, &a.Environment)
		return hook(c, a, e, (*Alias).write)
	}
	return true, a.write(c, e)
}

// write puts a's JSON into e.
func (a *Alias) write(c *Client, e *envelope) error {
	if err := a.validate(); err != nil {
		return err
	}
	if err := e.begin(c, aliasEndpoint, a.Environment); err != nil {
		return err
	}
	e.field("distinct_id", a.DistinctID)
	e.field("new_user_id", a.NewUserID)
	return e.end(c, a.Timestamp)
}

func (a *Alias) validate() error {
	if err := validateUserID("distinct_id", a.DistinctID); err != nil {
		return err
	}
	if err := validateUserID("new_user_id", a.NewUserID); err != nil {
		return err
	}
	if a.NewUserID == a.DistinctID {
		return &ValidationError{"new_user_id", "is the same as distinct_id"}
	}
	return nil
}
