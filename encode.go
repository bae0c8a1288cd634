package altertable

import (
	"context"
	"encoding/json"
	"slices"
)

// Encode returns what Enqueue would send for m now, and queues nothing: with who acts,
// stamp, environment and properties, after BeforeSend and validation. Store it, and
// enqueue it later, in this process or another: the same bytes are sent, $event_id and
// timestamp included. It does not wait, and works after Close and on a disabled client.
//
// If the message was discarded, by WithBeforeSend or WithConsentRequired, Encode returns a zero Raw and nil.
// The error is a *ValidationError or ErrTooLarge, as Enqueue's. Stats counts both.
// The Raw is the caller's. A nil client returns a zero Raw and nil.
func (c *Client) Encode(ctx context.Context, m Message) (Raw, error) {
	if c.absent() {
		return Raw{}, nil
	}
	e := newEnvelope()
	defer e.free()
	keep, err := encodeAny(ctx, c, m, e)
	switch {
	case err != nil:
		c.queue.reject(err)
		return Raw{}, inCall("Encode", err)
	case !keep:
		c.queue.discard(e.discarded)
		return Raw{}, nil
	}
	return Raw{e.endpoint.String(), json.RawMessage(slices.Clone(e.json))}, nil
}

// encodeAny writes m into e. It calls no method of the interface, through which m
// would escape to the heap.
func encodeAny(ctx context.Context, c *Client, m Message, e *envelope) (keep bool, err error) {
	switch m := m.(type) {
	case Track:
		return m.encode(ctx, c, e)
	case Identify:
		return m.encode(ctx, c, e)
	case Alias:
		return m.encode(ctx, c, e)
	case Raw:
		return m.encode(ctx, c, e)
	}
	return false, &ValidationError{"message", "must be a Track, an Identify, an Alias or a Raw, and no pointer to one"}
}
