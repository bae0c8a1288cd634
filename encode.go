package altertable

import (
	"context"
	"encoding/json"
	"slices"
)

// Encode returns the Raw that Enqueue would send for m now, and queues nothing.
// The Raw has the person, the timestamp, the environment and the properties,
// and has passed WithBeforeSend's function and validation. Store it, and
// enqueue it later, in this process or another: the same bytes are sent,
// $event_id and timestamp included. Encode does not block.
//
// The error is a *ValidationError or ErrTooLarge, as Enqueue's. If
// WithBeforeSend or WithConsentRequired discarded the message, Encode returns a
// zero Raw and nil. Stats counts refused and discarded messages. Encode works
// after Close and on a disabled client. A nil client returns a zero Raw and
// nil. Encode keeps neither maps nor bytes of m, and the Raw is the caller's.
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
