package altertable

import "context"

// Enqueue accepts any message, and tells done of its outcome.
func (c *Client) Enqueue(ctx context.Context, m Message, done func(error)) error {
	if c.absent() {
		return nil
	}
	e := newEnvelope()
	defer e.free()
	keep, err := m.encode(ctx, c, e)
	return c.submit(ctx, "Enqueue", e, keep, err)
}

// Encode returns what Enqueue would send.
func (c *Client) Encode(ctx context.Context, m Message) (Raw, error) {
	return Raw{}, nil
}
